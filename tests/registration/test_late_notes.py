"""A note on the location of a shared key that is written, moved or removed too late frees no key that is in use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from airflow_provider_copass.errors import CopassValidationError, EntryBusyError, JournalError, SecretKeyTakenError
from airflow_provider_copass.registration.spec import previous_key
from tests.registration import acts
from tests.registration.checks import assert_green, assert_true, live_of
from tests.registration.simulation import Fault, Process, World, run_all, run_to

KEY = "shared"


def _is_refused(process: Process) -> bool:
    return isinstance(acts.error_of(process), SecretKeyTakenError)


def _run_to_the_note(world: World, process: Process) -> None:
    """Let a process run until it is about to write its note: right after its claim of the entry."""
    assert run_to(world, process, "after write entry")
    assert run_to(world, process, "before write entry")


@pytest.mark.parametrize(
    "start",
    [
        acts.start_register,
        partial(acts.start_register, on_missing_secret="rotate"),
        acts.start_rotate,
    ],
    ids=["an adoption", "an adoption that may rotate", "a rotation"],
)
def test_a_note_that_is_written_late_takes_no_key(start: Callable[..., Process]) -> None:
    """Of another source, which has completed with it meanwhile; neither does the retry, and the owner may rotate."""
    world = acts.seeded("a")
    late = start(world, "a", store_as=KEY)
    _run_to_the_note(world, late)
    owner = acts.register(world, "b", store_as=KEY, task=acts.OTHER)
    assert_green(owner)
    run_all(world, [late])
    assert _is_refused(late)
    assert _is_refused(acts.ended(start(world, "a", store_as=KEY, attempt=2)))
    assert_true(world, owner)
    rotation = acts.rotate(world, "b", store_as=KEY, task=acts.THIRD)
    assert_green(rotation)
    assert_true(world, rotation)


def test_a_note_that_is_written_late_takes_no_key_though_its_write_failed() -> None:
    """It took effect, and the answer was lost; the retry does not take the note for its own."""
    world = acts.seeded("a")
    failure = Fault(error=lambda: JournalError("lost"))
    late = acts.start_register(world, "a", store_as=KEY, faults={("write entry", 1): failure})
    _run_to_the_note(world, late)
    owner = acts.register(world, "b", store_as=KEY, task=acts.OTHER)
    assert_green(owner)
    run_all(world, [late])
    assert acts.error_of(late) is not None
    assert _is_refused(acts.register(world, "a", store_as=KEY, attempt=2))
    assert_true(world, owner)


def test_a_note_that_is_written_late_takes_the_key_if_it_holds_nothing() -> None:
    """Its task was slow, and nobody else was there."""
    world = World()
    slow = acts.register(world, "a", store_as=KEY, freezes={("before write entry", 1): 5})
    assert_green(slow)
    assert_true(world, slow)


@pytest.mark.parametrize("notes", [True, False])
def test_a_late_note_on_a_registration_that_was_interrupted(notes: bool) -> None:
    """The entry does not tell yet that the secret is its own: where the store does not either, the key is refused."""
    world = World(notes_owners=notes)
    late = acts.start_register(world, "a", store_as=KEY)
    _run_to_the_note(world, late)
    acts.register(world, "a", store_as=KEY, attempt=2, kill_at=("after write secret", 0))
    world.advance(world.now + 5)
    run_all(world, [late])
    assert isinstance(acts.error_of(late), EntryBusyError)
    again = acts.register(world, "a", store_as=KEY, attempt=3)
    assert live_of(world, "a") == ["ds-1"]
    if notes:
        assert_green(again)
        assert_true(world, again)
    else:
        assert _is_refused(again)


@pytest.mark.parametrize("by_id", [False, True])
def test_a_deletion_that_wakes_late_frees_no_key(by_id: bool) -> None:
    """It stands before the removal of the note; its retry finishes, and another source takes the key."""
    world = acts.registered(name="a", store_as=KEY)
    how = {"remove_secret": True, "store_as": KEY, **({"data_source_id": "ds-1"} if by_id else {})}
    late = acts.start_delete(world, "a", **how)
    assert run_to(world, late, "before remove entry")
    acts.delete(world, "a", attempt=2, **how)
    owner = acts.register(world, "b", store_as=KEY, task=acts.OTHER)
    run_all(world, [late])
    acts.seed(world, "c")
    assert _is_refused(acts.register(world, "c", store_as=KEY, task=acts.THIRD))
    assert_green(owner)
    assert_true(world, owner)


def test_a_rename_that_wakes_late_moves_no_note_back() -> None:
    """Its retry has renamed the source, and another run has renamed it on."""
    world = acts.registered(name="a", store_as=KEY)
    late = acts.start_rename(world, "a", "b")
    assert run_to(world, late, "after update")
    assert run_to(world, late, "before write entry")
    assert_green(acts.rename(world, "a", "b", attempt=2))
    assert_green(acts.rename(world, "b", "c", task=acts.OTHER))
    owner = acts.register(world, "c", store_as=KEY, task=acts.THIRD)
    run_all(world, [late])
    acts.seed(world, "d")
    assert _is_refused(acts.register(world, "d", store_as=KEY, task="fourth/run/task/-1"))
    assert_green(owner)
    assert_true(world, owner)


@pytest.mark.parametrize("start", [acts.start_register, acts.start_rotate])
def test_a_pause_between_two_looks_takes_no_key(start: Callable[..., Process]) -> None:
    """At the note, which names a source whose registration was refused, and at the entry of that source."""
    world = acts.seeded("a")
    refusal = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    acts.register(world, "b", store_as=KEY, task=acts.THIRD, faults={"register": refusal})
    late = start(world, "a", store_as=KEY)
    assert run_to(world, late, "after write entry")
    assert run_to(world, late, "after read entry")
    owner = acts.register(world, "c", store_as=KEY, task=acts.OTHER)
    run_all(world, [late])
    assert _is_refused(late)
    assert_true(world, owner)


@pytest.mark.parametrize("at", range(20, 36, 2))
def test_a_note_that_is_late_while_the_owner_works_stops_one_of_both(at: int) -> None:
    """Wherever the owner is paused: its own secret is not taken for another source's."""
    world = acts.seeded("a")
    late = acts.start_register(world, "a", store_as=KEY, on_missing_secret="rotate")
    _run_to_the_note(world, late)
    owner = acts.start_register(world, "b", store_as=KEY, task=acts.OTHER)
    run_to(world, owner, at)
    owner.sleep_until(world.now + 3)
    run_all(world, [late, owner])
    [green] = [process for process in (late, owner) if acts.is_green(process)]
    assert_true(world, green)


def test_a_key_that_a_gone_source_left_is_not_adopted() -> None:
    """It was deleted by its id, so no entry tells of it; the note still names it, and the key holds its secret."""
    world = acts.seeded("a")
    gone = acts.told(acts.register(world, "b", store_as=KEY))
    assert_green(acts.delete(world, "b", data_source_id=gone.data_source_id))
    assert _is_refused(acts.register(world, "a", store_as=KEY, task=acts.OTHER))


def test_a_claim_of_a_dead_task_does_not_hold_a_key_for_ever() -> None:
    """It was killed before it sent anything, and nobody runs it again."""
    world = World()
    acts.register(world, "b", store_as=KEY, kill_at=("after write entry", 1))
    world.advance(world.now + acts.TAKEOVER_AFTER + 10)
    other = acts.register(world, "a", store_as=KEY, task=acts.OTHER)
    assert_green(other)
    assert_true(world, other)


def test_a_deletion_that_is_late_at_its_note_leaves_the_next_secret() -> None:
    """Another source takes the key meanwhile: its secret is neither removed nor written over."""
    world = World()
    owner = acts.start_register(world, "a", store_as=KEY)
    assert run_to(world, owner, "after write entry")
    assert run_to(world, owner, "after read entry")
    assert_green(acts.register(world, "b", store_as=KEY, task=acts.OTHER))
    late = acts.start_delete(world, "b", remove_secret=True, store_as=KEY)
    assert run_to(world, late, "before remove entry")
    run_all(world, [owner])
    run_all(world, [late])
    assert_green(owner, late)
    assert_true(world, owner)


def test_the_note_of_the_secret_before_goes_with_a_rename() -> None:
    """It still names the entry of the old name: the next rotation keeps the secret there, and a deletion removes it."""
    world = acts.registered(name="a", store_as=KEY)
    assert_green(acts.rotate(world, "a", keep_previous=True, store_as=KEY))
    assert_green(acts.rename(world, "a", "c"))
    assert_green(acts.rotate(world, "c", keep_previous=True, store_as=KEY, task=acts.THIRD))
    assert_green(acts.rename(world, "c", "d", task=acts.OTHER))
    assert_green(acts.delete(world, "d", remove_secret=True, store_as=KEY))
    assert world.store == {}


def test_a_deletion_leaves_the_key_that_another_source_has_taken() -> None:
    """It is that of the secret before, under the old name; by now it is the key of another source."""
    world = acts.registered(name="a", store_as=KEY)
    assert_green(acts.rotate(world, "a", keep_previous=True, store_as=KEY))
    assert_green(acts.rename(world, "a", "c"))
    world.store.pop(previous_key(KEY))
    other = acts.register(world, "d", store_as=previous_key(KEY), task=acts.THIRD)
    assert_green(acts.delete(world, "c", remove_secret=True, store_as=KEY))
    assert_green(other)
    assert_true(world, other)


def test_who_was_paused_for_long_before_its_post_does_not_send_it_without_the_key() -> None:
    """Its claim tells nothing and counts no more by then; another source has taken the key."""
    world = World()
    paused = acts.start_register(world, "a", store_as=KEY, freezes={("after read secret", 0): 400})
    other = acts.start_register(world, "b", store_as=KEY, task=acts.OTHER)
    other.sleep_until(world.now + acts.TAKEOVER_AFTER + 30)
    run_all(world, [paused, other])
    assert _is_refused(paused)
    assert live_of(world, "a") == []
    assert_true(world, other)


def test_a_slow_store_does_not_make_a_claim_late() -> None:
    """Whether the key holds anything is asked before the note is read for the last time."""
    world = acts.registered(name="a", store_as=KEY)
    assert_green(acts.delete(world, data_source_id="ds-1"))
    world.store.clear()
    freezes = {("before read secret", nth): 2.5 for nth in range(60)}
    process = acts.register(world, "b", store_as=KEY, task=acts.OTHER, freezes=freezes)
    assert_green(process)
    assert_true(world, process)
