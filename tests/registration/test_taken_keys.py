"""A key that holds somebody else's secret: it is neither taken for ours nor overwritten, whatever fails on the way."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_copass.errors import (
    CopassNotFoundError,
    SecretKeyTakenError,
    SecretStoreError,
    SourceChangedError,
)
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once
from tests.registration.simulation import Fault, Process, World

TEMPLATE = "team_secret_{data_source_id}"
KEY = "team_secret_ds-1"
FIXED = "team_secret"
THEIRS = "somebody's"


def register(world: World, *, way: str = "one", store_as: str = TEMPLATE, **how: Any) -> Process:
    """Run one try of the task."""
    return acts.register_one(way, world, store_as=store_as, **how)


def assert_taken(process: Process) -> str:
    """The task fails for good because of the key.

    :return: what the error says.
    """
    error = acts.error_of(process)
    assert isinstance(error, SecretKeyTakenError), repr(error)
    assert THEIRS not in str(error)
    return str(error)


@acts.both_ways
def test_a_key_that_is_known_beforehand_is_refused_before_the_post(way: str) -> None:
    """Nothing is created, overwritten or left in the journal."""
    world = World(store={FIXED: THEIRS})
    said = assert_taken(register(world, way=way, store_as=FIXED))
    assert f"{FIXED!r} holds a value already" in said
    assert (world.sent, world.store, world.entries) == ([], {FIXED: THEIRS}, {})


@acts.both_ways
def test_a_key_that_is_known_only_afterwards_fails_the_task_and_the_next_try_takes_another(way: str) -> None:
    """The source is created, the facts are kept: given another key, the next try mints a secret for it."""
    world = World(store={KEY: THEIRS})
    said = assert_taken(register(world, way=way))
    assert "the secret is not stored" in said
    assert "Give another store_as" in said
    assert (world.posts, world.store) == (1, {KEY: THEIRS})
    again = register(world, way=way, attempt=2, store_as=FIXED)
    assert_once(world, again)
    assert acts.told(again) == acts.Told("created", "ds-1", FIXED)
    assert world.store == {KEY: THEIRS, FIXED: world.rows["ds-1"].secret}
    assert (world.posts, world.rotations) == (1, 1)


@acts.both_ways
def test_without_another_key_each_try_fails_until_there_is_room(way: str) -> None:
    """No try takes their value for the secret or writes over it; once it is gone, the secret is minted anew."""
    world = World(store={KEY: THEIRS})
    for attempt in (1, 2, 3):
        assert_taken(register(world, way=way, attempt=attempt))
        assert world.store == {KEY: THEIRS}
    del world.store[KEY]
    assert_once(world, register(world, way=way, attempt=4))
    assert world.posts == 1


def test_a_later_run_of_another_task_knows_as_much() -> None:
    """The facts are the journal's, not the task's."""
    world = World(store={KEY: THEIRS})
    assert_taken(register(world))
    assert_taken(register(world, task=acts.OTHER))
    assert world.store == {KEY: THEIRS}
    assert_once(world, register(world, task=acts.NEXT, store_as=FIXED))


def test_a_server_without_rotation_is_told() -> None:
    """Then another key is no way out; the message says what is."""
    world = World(store={KEY: THEIRS})
    assert_taken(register(world))
    no_rotation = Fault(applies=False, error=lambda: CopassNotFoundError("", status=404))
    again = register(world, attempt=2, store_as=FIXED, faults={"rotate": no_rotation})
    error = acts.error_of(again)
    assert isinstance(error, SourceChangedError)
    assert "offers no rotation" in str(error)
    assert "Delete the source and register it again" in str(error)
    assert world.store == {KEY: THEIRS}


def test_a_key_that_does_not_read_as_a_secret_is_taken() -> None:
    """A value that a store holds and does not serve is somebody's, too."""
    world = World(store={KEY: THEIRS}, serves=lambda key: key != KEY)
    assert_taken(register(world))
    assert_once(world, register(world, attempt=2, store_as=FIXED))
    assert world.store[KEY] == THEIRS


def test_a_written_key_that_no_longer_reads_as_a_secret_is_not_given_back() -> None:
    """The error is retried, and what is under the key then is not taken for the secret unseen."""
    world = World()

    def unread() -> Exception:
        world.serves = lambda key: key != KEY
        return OSError("written, but the answer was lost")

    done = register(world, faults={("write secret", 0): Fault(error=unread)})
    assert isinstance(acts.error_of(done), SecretStoreError)
    world.serves = lambda _: True
    assert_once(world, register(world, attempt=2))
    assert world.rotations == 1


@pytest.mark.parametrize("reads", [(0,), range(8)], ids=["once", "for a whole try"])
def test_an_outage_before_the_write_does_not_make_their_value_ours(reads: Any) -> None:
    """What the key holds was not seen, so the next try looks as closely as the first."""
    world = World(store={KEY: THEIRS})
    outage = Fault(applies=False, error=lambda: OSError("no answer"))
    done = register(world, faults={("read secret", nth): outage for nth in reads})
    assert isinstance(acts.error_of(done), SecretStoreError)
    assert_taken(register(world, attempt=2))
    assert world.store == {KEY: THEIRS}
    assert world.posts == 1


@pytest.mark.parametrize("notes", [True, False], ids=["with notes", "without notes"])
def test_killed_while_the_key_is_taken_the_next_try_leaves_it_alone(notes: bool) -> None:
    """At every boundary from the moment on at which it is known to be taken; with notes, at every one."""

    def with_theirs() -> World:
        return World(store={KEY: THEIRS}, owners={KEY: "ds-99"} if notes else {}, notes_owners=notes)

    trace = register(with_theirs()).trace
    # What a key with this very source's id in it holds is ours, as far as anybody can tell.
    first = 0 if notes else trace.index("after read secret") + 2
    assert len(trace) > first
    for boundary in range(first, len(trace)):
        world = with_theirs()
        register(world, kill_at=boundary)
        assert_taken(register(world, attempt=2))
        assert world.store == {KEY: THEIRS}, trace[boundary]
        assert world.live() == ["ds-1"]


def test_a_key_that_was_ours_and_is_anothers_now_is_refused_before_the_post() -> None:
    """The journal remembers the key; the store's note knows better."""
    world = World(notes_owners=True)
    assert_green(register(world, store_as=FIXED))
    world.rows["ds-1"].alive = False
    world.store[FIXED], world.owners[FIXED] = THEIRS, "ds-99"
    assert_taken(register(world, task=acts.NEXT, store_as=FIXED))
    assert world.store == {FIXED: THEIRS}
    assert world.posts == 1


def test_a_key_that_was_ours_is_written_again_once_its_source_is_gone() -> None:
    """By the journal it holds the secret of the source that was here before: ours, and void."""
    world = World(notes_owners=True)
    assert_green(register(world, store_as=FIXED))
    world.rows["ds-1"].alive = False
    assert_once(world, register(world, task=acts.NEXT, store_as=FIXED))
    assert world.store == {FIXED: world.rows["ds-2"].secret}
    assert world.owners == {FIXED: "ds-2"}


def test_a_source_in_place_does_not_adopt_anothers_secret() -> None:
    """The message names both sources and the way out; nothing is rotated or overwritten, whatever is asked for."""
    world = World()
    assert_green(register(world))
    before = dict(world.store)
    world.owners[KEY] = "ds-99"
    for choice in ("fail", "rotate", "ignore"):
        said = assert_taken(register(world, task=acts.NEXT, on_missing_secret=choice))
        assert "holds the webhook secret of source ds-99, not of ds-1" in said
    assert (world.rotations, world.store) == (0, before)


def test_a_key_that_came_to_be_anothers_is_not_overwritten_by_a_finished_registration() -> None:
    """A killed try's secret is lost, and its key is another's by then."""
    world = World()
    assert acts.is_killed(register(world, kill_at="before write secret"))
    world.store[KEY], world.owners[KEY] = THEIRS, "ds-99"
    assert_taken(register(world, attempt=2))
    assert world.store == {KEY: THEIRS}


def test_a_note_beside_nothing_takes_no_key() -> None:
    """A secret was deleted and its note left behind: one rotation, as is asked for, and under the very key."""
    world = World(owners={FIXED: "ds-99"}, notes_owners=True)
    acts.seed(world)
    assert_once(world, register(world, store_as=FIXED, on_missing_secret="rotate"))
    assert (list(world.store), world.rotations) == ([FIXED], 1)
