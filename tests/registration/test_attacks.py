"""Attacks on "once", "never lost" and "never broken unasked" that needed two or three tasks and the right moment."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import JournalError, SecretKeyTakenError, SecretMissingError
from airflow_provider_copass.registration.journal import Completed
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_true, entry_of, live_of
from tests.registration.each_boundary import killed_at_each
from tests.registration.simulation import Fault, Process, World, run_all, run_to, timed_out


def _run_to(world: World, process: Process, boundary: str) -> None:
    """Let a process run until it stands at a boundary where it is frozen, and a lease of its is old."""
    assert run_to(world, process, boundary)
    world.advance(world.now + acts.TAKEOVER_AFTER + 10)


# Renames.


def test_a_fixed_key_goes_with_a_killed_rename() -> None:
    """Killed at any boundary: who registers the old name anew under the same key does not write over the secret."""
    rename = partial(acts.rename, name="a", new_name="b")
    for world, renaming in killed_at_each(
        partial(acts.registered, name="a", store_as="fixed"), rename, is_end_given=True
    ):
        world.advance(world.now + acts.LONG)
        acts.until_green(acts.register, world, "a", store_as="fixed", task=acts.OTHER)
        assert world.store == {"fixed": world.rows["ds-1"].secret}, renaming.trace[-1]


def test_a_deletion_is_not_made_again_on_a_source_that_was_renamed_since() -> None:
    """A deletion by name is killed at any boundary after its effect, or over: its retry leaves the renamed source."""

    def both() -> World:
        world = acts.registered(name="b")
        acts.register(world, "a")
        return world

    for world, deletion in killed_at_each(both, partial(acts.delete, name="b"), is_end_given=True):
        if "after delete" not in deletion.trace:
            continue
        world.advance(world.now + acts.LONG)
        assert_green(acts.rename(world, "a", "b"))
        assert_green(acts.until_green(acts.delete, world, "b", first=2))
        assert live_of(world, "b") == ["ds-2"], deletion.trace[-1]


@pytest.mark.parametrize(
    ("kill_at", "start", "boundary"),
    [
        (None, acts.start_rotate, "before rotate"),
        (None, partial(acts.start_rotate, data_source_id="ds-1"), "before rotate"),
        (None, partial(acts.start_delete, remove_secret=True), "before remove secret"),
        ("after register", partial(acts.start_register, attempt=2), "before rotate"),
    ],
    ids=["a rotation by name", "a rotation by id", "a deletion", "a registration that mints for a killed try"],
)
def test_who_wakes_after_a_rename_mints_once_more(kill_at: Any, start: Any, boundary: str) -> None:
    """It was paused right before it rotates or removes the secret; the source is green under its new name by then."""
    world = World()
    acts.register(world, "a", kill_at=kill_at)
    paused = start(world, "a", freezes={(boundary, 0): acts.LONG})
    _run_to(world, paused, boundary)
    assert_green(acts.rename(world, "a", "b"))
    other = acts.register(world, "b", task=acts.OTHER)
    run_all(world, [paused])
    assert_green(other)
    assert_true(world, other)
    if boundary == "before rotate":
        assert_true(world, paused)


@pytest.mark.parametrize("nth", range(4))
def test_a_deletion_that_is_late_leaves_no_source_without_its_secret(nth: int) -> None:
    """The source was registered a moment before; the task is paused after a write of its entry."""
    world = World()
    other = acts.register(world)
    deletion = acts.delete(world, remove_secret=True, freezes={("after write entry", nth): 10})
    assert_green(deletion)
    assert world.live() == [] or world.store == {"copass_webhook_secret_ds-1": world.rows["ds-1"].secret}, (
        other.log.lines
    )


# Three tasks on one entry.


@pytest.mark.parametrize("after", ["after register", "after write secret", "before write entry"])
def test_a_late_post_leaves_no_twin_beside_a_dead_winner(after: str) -> None:
    """A task was paused right before its POST; the one that took over was killed with the lease in hand."""
    world = World()
    first = acts.start_register(world, freezes={("before register", 0): acts.LONG})
    _run_to(world, first, "before register")
    winner = acts.start_register(world, task=acts.OTHER, kill_at=lambda name, _: name == after and world.posts > 0)
    run_all(world, [winner, first])
    assert acts.is_killed(winner)
    retry = acts.until_green(acts.register, world, first=2, pause=120)
    assert_once(world, retry, acts.until_green(acts.register, world, task=acts.OTHER, first=2, pause=120))


@pytest.mark.parametrize("kill_at", range(3, 12))
def test_a_late_rotation_is_made_up_for_beside_a_dead_third_task(kill_at: int) -> None:
    """It wakes while the entry is held by a task that is dead: its secret is stored all the same."""
    world = acts.registered()
    rotation = acts.start_rotate(world, freezes={("before rotate", 0): acts.LONG})
    _run_to(world, rotation, "before rotate")
    other = acts.register(world, task=acts.OTHER)
    third = acts.start_update(world, fields={"poll_interval_seconds": 60}, task=acts.THIRD, kill_at=kill_at)
    run_all(world, [third])
    run_all(world, [rotation])
    assert_green(other)
    assert_true(world, other, rotation)


# Keys.


@pytest.mark.parametrize("by_name", [True, False], ids=["deleted by its name", "deleted by hand"])
def test_a_secret_that_a_gone_source_left_is_not_taken_for_that_of_one_made_by_hand(by_name: bool) -> None:
    """Under a fixed key, in a store without notes; the journal knows whose it is."""
    world = acts.registered(store_as="fixed")
    if by_name:
        acts.delete(world)
    else:
        world.delete("ds-1")
    acts.seed(world)
    refused = acts.register(world, store_as="fixed")
    assert isinstance(refused.error, SecretMissingError)
    assert "is that of source ds-1, which is gone" in str(refused.error)
    minted = acts.register(world, store_as="fixed", on_missing_secret="rotate", attempt=2)
    assert_green(minted)
    assert_true(world, minted)


def test_two_ids_never_share_a_key() -> None:
    """Ids with characters that no key holds: the secret of one source is not taken for that of another."""
    world = World(names=lambda number: ("a.b", "a_b")[number - 1])
    acts.seed(world, "one")
    assert_green(acts.register(world, "two"))
    assert isinstance(acts.register(world, "one").error, SecretMissingError)


def test_a_killed_deletion_frees_the_key_once_its_retry_is_green() -> None:
    """Killed at any boundary, removing the secret: another source can have the key then."""
    delete = partial(acts.delete, name="a", store_as="fixed", remove_secret=True)
    for world, _ in killed_at_each(partial(acts.registered, name="a", store_as="fixed"), delete, is_end_given=True):
        assert_green(acts.until_green(delete, world, first=2))
        assert (world.store, world.locations) == ({}, {})
        assert_once(world, acts.register(world, "other", store_as="fixed"), name="other")


def test_a_late_note_on_a_location_breaks_no_green_task() -> None:
    """One task writes its note late, the other is paused right before it stores its secret."""
    world = World()
    late = acts.start_register(world, "y", store_as="fixed", freezes={("before write entry", 1): 10})
    other = acts.start_register(
        world, "x", store_as="fixed", task=acts.OTHER, freezes={("before write secret", 0): 200}
    )
    while late.trace.count("before write entry") < 2:
        late.step()
        world.advance(max(world.now + 0.01, late.wakes_at if late.trace.count("before write entry") < 2 else 0))
    run_all(world, [late, other])
    assert_true(world, late, other)


# The journal.


def with_a_dead_twin() -> World:
    """Return a world in which a source was registered after one of the same name had been disconnected."""
    world = acts.registered()
    world.disconnect("ds-1")
    acts.register(world, task=acts.OTHER)
    return world


def test_a_killed_deletion_of_a_twin_leaves_what_is_known_of_the_other() -> None:
    """A disconnected source of the same name is deleted by its id, which is killed at any boundary."""
    delete = partial(acts.delete, data_source_id="ds-1")
    for world, deletion in killed_at_each(with_a_dead_twin, delete, is_end_given=True):
        world.advance(world.now + acts.LONG)
        assert_green(acts.register(world, task=acts.THIRD))
        known = entry_of(world)
        assert isinstance(known, Completed)
        assert known.registered_by == acts.OTHER, deletion.trace[-1]


def test_a_killed_deletion_of_a_twin_leaves_an_unfinished_rotation_to_be_finished() -> None:
    """The other source's secret is void, and is minted anew before anybody is green."""

    def with_an_unfinished_rotation() -> World:
        world = with_a_dead_twin()
        acts.rotate(world, kill_at=("after rotate", 0))
        world.advance(world.now + acts.LONG)
        return world

    delete = partial(acts.delete, data_source_id="ds-1")
    for world, _ in killed_at_each(with_an_unfinished_rotation, delete, is_end_given=True):
        world.advance(world.now + acts.LONG)
        third = acts.register(world, task=acts.THIRD)
        assert_green(third)
        assert_true(world, third)


def test_a_hash_that_was_edited_by_hand_is_no_hash() -> None:
    """The value is sent once more."""
    world = acts.registered()
    (name,) = world.entries
    entry = json.loads(world.entries[name])
    world.entries[name] = json.dumps({**entry, "write_only_hashes": {"adapter_config.a": "zz$zz"}})
    assert_green(acts.register(world, if_exists="update", fields={"adapter_config": {"a": 1}}))


# Messages and odd answers.


def test_the_error_of_a_taken_key_repeats_no_name_of_the_servers() -> None:
    """A rotation by id takes the name from the server."""
    world = acts.registered(name="a", store_as="fixed")
    source_id = acts.seed(world, "shown by the server")
    refused = acts.rotate(world, data_source_id=source_id, store_as="fixed")
    assert isinstance(refused.error, SecretKeyTakenError)
    assert "shown by" not in str(refused.error)


def test_a_change_that_is_answered_with_another_source_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's XCom would hold the id of that one."""
    world = acts.registered()
    other = acts.seed(world, "other")
    monkeypatch.setattr(World, "update", lambda self, **_: self.source(other))
    assert acts.error_of(acts.update(world, fields={"poll_interval_seconds": 60})) is not None


# What a process owes while the journal or the server fails.


@pytest.mark.parametrize("read", range(14))
def test_a_failed_read_does_not_make_a_process_forget_what_it_owes(read: int) -> None:
    """Its rotation was sent after it had lost the lease, and then a read of the journal fails: it mints once more."""
    world = World()
    acts.register(world, kill_at=("after register", 0))
    faults: dict[int | str | tuple[str, int], Fault] = {}
    late = acts.start_register(world, attempt=2, freezes={("before rotate", 0): acts.LONG}, faults=faults)
    _run_to(world, late, "before rotate")
    faults["read entry", late.effects.count("read entry") + read] = Fault(
        applies=False, error=lambda: JournalError("the database is down")
    )
    other = acts.register(world, task=acts.OTHER)
    run_all(world, [late])
    assert_once(world, other, acts.until_green(acts.register, world, first=3))


def test_a_failed_list_does_not_make_a_process_forget_what_it_created() -> None:
    """Its POST was sent after it had lost the lease, and its next list fails: it deletes the duplicate all the same."""
    world = World()
    late = acts.start_register(
        world, freezes={("before register", 0): acts.LONG}, faults={("list", 1): Fault(error=timed_out)}
    )
    _run_to(world, late, "before register")
    other = acts.register(world, task=acts.OTHER)
    run_all(world, [late])
    assert_once(world, other, late)


@pytest.mark.parametrize("seconds", [20, 34, 40, 60])
def test_a_slow_list_does_not_hide_a_source_whose_answer_is_lost(seconds: float) -> None:
    """The server's time is known less exactly then: the source counts as ours, and its secret is minted."""
    world = World()
    first = acts.register(world, freezes={("after list", 0): seconds}, faults={("register", 0): Fault()})
    last = first if acts.error_of(first) is None else acts.until_green(acts.register, world, first=2)
    assert_once(world, last)


# A key that two texts or two identities share, and a deletion that wakes late.


def test_a_late_deletion_mints_for_who_has_the_key_since() -> None:
    """It is paused before it removes the secret; another identity has the key when it wakes."""
    world = acts.registered(name="a", store_as="fixed")
    late = acts.start_delete(
        world, "a", store_as="fixed", remove_secret=True, freezes={("before remove secret", 0): acts.LONG}
    )
    _run_to(world, late, "before remove secret")
    acts.delete(world, "a", store_as="fixed", remove_secret=True, task=acts.THIRD)
    other = acts.register(world, "b", store_as="fixed", task=acts.OTHER)
    run_all(world, [late])
    assert_true(world, other)


def test_a_late_write_mints_for_who_has_the_place_under_another_text() -> None:
    """The store folds case: the place of both keys is one, and the later source's secret is good in the end."""
    world = World(folds=str.lower)
    late = acts.start_register(world, "x", store_as="FIXED", freezes={("before write secret", 0): acts.LONG})
    _run_to(world, late, "before write secret")
    acts.delete(world, "x", store_as="FIXED", remove_secret=True)
    other = acts.register(world, "y", store_as="fixed", task=acts.OTHER)
    run_all(world, [late])
    assert_true(world, other)


# A deletion that is over is not made again by its retry, whatever has looked at its entry since.


def test_a_deletion_that_is_over_is_known_after_a_duplicate_was_deleted_by_its_id() -> None:
    """It was killed after its effect; a dead source of the name is deleted by its id, and the name registered anew."""
    world = with_a_dead_twin()
    acts.delete(world, kill_at=("after delete", 0))
    world.advance(world.now + acts.LONG)
    acts.delete(world, data_source_id="ds-1", task="d2/run/task/-1")
    anew = acts.register(world, task=acts.THIRD)
    assert_green(acts.delete(world, attempt=2))
    assert_once(world, anew)


def test_a_deletion_that_is_over_is_known_after_a_rotation() -> None:
    """It was killed after its effect; a person registers the name, and a task rotates that source's secret."""
    world = acts.registered()
    acts.delete(world, kill_at=("after delete", 0))
    world.advance(world.now + acts.LONG)
    world.register({"provider": "slack", "name": "n", "ingestion_mode": "realtime"})
    rotated = acts.rotate(world)
    assert_green(acts.delete(world, attempt=2))
    assert_once(world, rotated)
