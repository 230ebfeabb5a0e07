"""What one task began and did not finish, another finds in the entry, whatever has come between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import JournalError, SecretKeyTakenError, SecretStoreError, SourceChangedError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, live_of
from tests.registration.each_boundary import paused_at_each
from tests.registration.simulation import Fault, Process, World, killed, run_all, run_to, timed_out


@acts.both_ways
@pytest.mark.parametrize("late", [12.0, 24.0])
def test_a_list_from_before_a_pause_does_not_show_what_a_late_post_has_done(way: str, late: float) -> None:
    """The POST's answer is lost; at each boundary from there on it is paused until the POST has taken effect."""
    for at in itertools.count():
        world = World()
        process = acts.start_one(way, world, faults={("register", 0): Fault(late=late, error=timed_out)})
        assert run_to(world, process, "after register")
        if not run_to(world, process, len(process.trace) + at):
            break
        world.advance(world.now + 1000)
        run_all(world, [process])
        if not acts.is_green(process):
            process = acts.register_one(way, world, attempt=2)
        assert_once(world, process)
        assert world.posts == 1
    assert at > 10


@acts.both_ways
@pytest.mark.parametrize(
    ("pause", "lost"),
    [
        (1000.0, Fault()),
        (acts.SETTLE + 10, Fault()),
        (acts.SETTLE + 10, Fault(late=10)),
        (20.0, Fault(late=24, error=timed_out)),
    ],
)
def test_a_post_that_is_sent_a_while_after_it_was_noted_is_known_as_ours(way: str, pause: float, lost: Fault) -> None:
    """It is paused right before the POST, whose answer is lost: the same try finds the source, and gets a secret."""
    world = World()
    freezes, faults = {"before register": pause}, {("register", 0): lost}
    assert_once(world, acts.register_one(way, world, freezes=freezes, faults=faults))


@pytest.mark.parametrize("lost", [None, Fault()], ids=["calm", "its answer lost"])
@pytest.mark.parametrize("kill_at", ["after register", "before write secret"])
def test_a_source_that_is_renamed_before_its_secret_is_stored_gets_one(kill_at: str, lost: Fault | None) -> None:
    """A registration dies between its POST and the store; a task renames the source; a third one declares it."""
    world = World()
    assert acts.is_killed(acts.register(world, kill_at=kill_at))
    world.advance(world.now + acts.LONG)
    assert_green(acts.until_green(acts.rename, world, "n", "m") if lost is None else renamed_with(world, lost))
    assert_once(world, acts.register(world, "m", task=acts.OTHER), name="m")
    assert world.posts == 1


def renamed_with(world: World, lost: Fault) -> Process:
    """Rename a source; the answer to the first try's PATCH is lost."""
    assert not acts.is_green(acts.rename(world, "n", "m", faults={("update", 0): lost}))
    return acts.until_green(acts.rename, world, "n", "m", first=2)


def test_a_rename_of_what_has_its_name_already_leaves_the_registration_of_that_to_be_finished() -> None:
    """A registration of the new name dies after its POST; the rename finds no source of the old name, but that one."""
    world = World()
    assert acts.is_killed(acts.register(world, "m", kill_at="after register"))
    world.advance(world.now + acts.LONG)
    assert_green(acts.rename(world, "n", "m"))
    assert_once(world, acts.register(world, "m", task=acts.OTHER), name="m")


def test_an_old_name_is_taken_again_after_a_rename_that_was_killed() -> None:
    """A rename is killed wherever, then a registration of the old name is: the next one is green."""
    start = World()
    assert_green(acts.register(start))
    for renamed in killed(start, acts.start_rename(start)):
        for taken in killed(renamed, acts.start_register(renamed, task=acts.OTHER)):
            taken.advance(taken.now + acts.LONG)
            assert_once(taken, acts.until_green(acts.register, taken, task=acts.OTHER, first=2, pause=60))


def test_a_rename_that_took_effect_is_finished_by_its_retry_though_its_old_name_is_taken_again() -> None:
    """Its answer is lost; another task registers the old name; the retry leaves that source alone and is green."""
    world = acts.registered()
    assert not acts.is_green(acts.rename(world, faults={("update", 0): Fault()}))
    world.advance(world.now + acts.LONG)
    other = acts.until_green(acts.register, world, task=acts.OTHER, pause=60)
    assert_once(world, other)
    retry = acts.rename(world, attempt=2)
    assert_green(retry)
    assert acts.told(retry).data_source_id == "ds-1"
    assert_once(world, other)
    assert_once(world, acts.register(world, "new", task=acts.OTHER), name="new")


def test_a_rename_is_finished_and_leaves_the_registration_of_its_old_name_to_be_finished() -> None:
    """A rename dies after its PATCH, a registration of the old name after its POST; then the rename is tried again."""
    world = acts.registered()
    assert acts.is_killed(acts.rename(world, kill_at="after update"))
    world.advance(world.now + acts.LONG)
    assert acts.is_killed(acts.register(world, task=acts.OTHER, kill_at="after register"))
    world.advance(world.now + acts.LONG)
    assert_green(acts.rename(world, attempt=2))
    assert_once(world, acts.register(world, task="last/run/task/-1"))
    assert_once(world, acts.register(world, "new", task="last/run/task/-1"), name="new")


def test_a_rotation_is_not_finished_under_another_key() -> None:
    """The readers of the key that the secret was under would be left with a void one."""
    world = acts.registered(store_as="one")
    down = {"write secret": Fault(applies=False, error=lambda: SecretStoreError("down"))}
    assert not acts.is_green(acts.rotate(world, store_as="one", faults=down))
    other = acts.register(world, store_as="other", task=acts.OTHER)
    assert isinstance(acts.error_of(other), SourceChangedError)
    assert world.rotations == 1
    assert_once(world, acts.register(world, store_as="one", task=acts.OTHER))


def test_a_key_whose_rotation_is_unfinished_is_taken_and_not_waited_for() -> None:
    """Nobody works on the entry that names it: another source that declares the key is told so at once."""
    world = acts.registered(store_as="one")
    down = {"write secret": Fault(applies=False, error=lambda: SecretStoreError("down"))}
    assert not acts.is_green(acts.rotate(world, store_as="one", faults=down))
    other = acts.register(world, "m", store_as="one")
    assert isinstance(acts.error_of(other), SecretKeyTakenError)
    assert other.elapsed < 10


# An entry that is written too late, over what another process has written since.


@acts.both_ways
@pytest.mark.parametrize(
    "faults", [{}, {("write entry", 0): Fault(error=lambda: JournalError("down"))}], ids=["", "its answer lost"]
)
def test_a_claim_that_is_written_too_late_hides_no_post_in_flight(way: str, faults: dict[Any, Fault]) -> None:
    """It is paused before it claims the entry, while another task claims it, sends a POST that is late, and dies."""
    world = World()
    paused = acts.start_one(way, world, faults=faults)
    assert run_to(world, paused, "before write entry")
    acts.register_one(way, world, task=acts.OTHER, faults={"register": Fault(late=24)}, kill_at="after register")
    run_all(world, [paused])
    assert len(live_of(world)) == 1, world.sent
    assert_green(paused)


@acts.both_ways
@pytest.mark.parametrize(
    "faults",
    [
        {("read secret", 0): Fault(applies=False, error=lambda: SecretStoreError("down"))},
        {"write secret": Fault(applies=False, error=lambda: SecretStoreError("down"))},
    ],
    ids=["the store cannot be read", "the store cannot be written"],
)
def test_a_note_that_is_written_too_late_does_not_undo_what_the_retry_has_completed(
    way: str, faults: dict[Any, Fault]
) -> None:
    """At each boundary: its retry registers the source and stores the secret, then it wakes; later runs are green."""
    for world, paused in paused_at_each(World, partial(acts.start_one, way, faults=faults)):
        retry = acts.register_one(way, world, attempt=2)
        assert_green(retry)
        run_all(world, [paused])
        assert_once(world, acts.until_green(acts.register, world, task=acts.OTHER, pause=120))


@pytest.mark.parametrize("act", [acts.start_disconnect, acts.start_delete])
def test_a_deletion_of_nothing_that_is_paused_hides_no_registration(act: Callable[..., Process]) -> None:
    """Its list fails. At each boundary but those in a write of the entry: a registration dies after its POST."""
    for world, paused in paused_at_each(World, partial(act, faults={"list": Fault(applies=False)})):
        if paused.trace[-1] in {"before write entry", "before remove entry"}:
            continue
        world.advance(world.now + acts.LONG)
        assert acts.is_killed(acts.register(world, kill_at="after register"))
        run_all(world, [paused])
        assert_once(world, acts.register(world, attempt=2))
