"""Renaming: the journal entry goes with the source, whatever dies in between, and no name is taken twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import (
    CopassValidationError,
    SecretMissingError,
    SourceChangedError,
    SourceExistsError,
)
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, assert_true, entry_of, live_of
from tests.registration.each_boundary import killed_at_each, paused_at_each
from tests.registration.simulation import Fault, Process, World, run_all

FIXED = "fixed_secret"
both = pytest.mark.parametrize("named", [{"data_source_id": "ds-1"}, {}], ids=["by id", "by name"])


def registered() -> World:
    """Return a world in which a realtime source was registered, under a key that only its entry tells."""
    return acts.registered(store_as=FIXED)


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered, under a key that only its entry tells."""
    return registered()


def names(world: World) -> dict[str, str]:
    """Return the names of the live sources."""
    return {source_id: world.rows[source_id].fields["name"] for source_id in world.live()}


def assert_known(world: World) -> None:
    """A registration of the new name reuses the source and its secret; one of the old name creates another source."""
    assert names(world) == {"ds-1": "new"}
    again = acts.register(world, "new", task=acts.NEXT, store_as=FIXED)
    assert acts.told(again) == acts.Told("unchanged", "ds-1", FIXED)
    assert_true(world, again)
    assert world.rotations == 0
    assert_once(world, acts.register(world, task=acts.NEXT))
    assert names(world) == {"ds-1": "new", "ds-2": "n"}


@both
def test_what_the_journal_knows_goes_with_the_source(world: World, named: dict[str, str]) -> None:
    """Registrations of either name find what they need; the key stays taken."""
    done = acts.rename(world, **named)
    assert acts.told(done) == acts.Told("updated", "ds-1")
    assert done.log.with_text("Changed source ds-1 in: name.")
    assert world.patches == [{"name": "new"}]
    assert len(world.entries) == 1
    assert not acts.is_green(acts.register(world, task=acts.NEXT, store_as=FIXED))
    assert_known(world)


@both
def test_a_second_run_changes_nothing(world: World, named: dict[str, str]) -> None:
    """Also if the task still names it by the old name."""
    acts.rename(world, **named)
    before = dict(world.entries)
    again = acts.rename(world, **named, task="rename/next run/task/-1")
    assert acts.told(again) == acts.Told("unchanged", "ds-1")
    assert (len(world.patches), world.entries) == (1, before)


def test_other_fields_go_with_the_same_patch(world: World) -> None:
    """One request, and one line that names both."""
    done = acts.rename(world, fields={"poll_interval_seconds": 60})
    assert world.patches == [{"name": "new", "poll_interval_seconds": 60}]
    assert done.log.with_text("Changed source ds-1 in: name, poll_interval_seconds.")


@both
def test_an_unmanaged_source_is_renamed_as_well(named: dict[str, str]) -> None:
    """The journal knew nothing of it, and knows nothing then."""
    world = acts.seeded()
    assert_green(acts.rename(world, **named))
    assert (names(world), world.entries) == ({"ds-1": "new"}, {})


@both
def test_killed_at_any_boundary_the_retry_finishes_it(named: dict[str, str]) -> None:
    """Before and after each look, the PATCH, and each write of either entry."""
    for world, _ in killed_at_each(registered, partial(acts.rename, **named), more_than=15):
        assert_green(acts.rename(world, **named, attempt=2))
        assert len(world.patches) == 1
        assert_known(world)


@pytest.mark.rounds
@both
def test_killed_twice_at_any_boundary_the_last_retry_finishes_it(named: dict[str, str]) -> None:
    """A retry that is killed itself leaves what the next one can go on from."""
    length = len(acts.rename(registered(), **named).trace)
    for first, second in itertools.product(range(0, length, 3), range(0, 2 * length, 4)):
        world = registered()
        acts.rename(world, **named, kill_at=first)
        acts.rename(world, **named, attempt=2, kill_at=second)
        assert_green(acts.rename(world, **named, attempt=3))
        assert_known(world)


@both
def test_paused_at_any_boundary_it_wakes_and_breaks_nothing(named: dict[str, str]) -> None:
    """Its retry has renamed the source meanwhile."""
    for world, paused in paused_at_each(registered, partial(acts.start_rename, **named), more_than=15):
        assert_green(acts.rename(world, **named, attempt=2))
        run_all(world, [paused])
        assert_green(paused)
        assert_known(world)


@both
@pytest.mark.parametrize("applies", [True, False])
def test_after_a_lost_answer_the_retry_finishes_it(world: World, named: dict[str, str], *, applies: bool) -> None:
    """Whether the PATCH took effect or not; what the retry changes is told, and no PATCH takes effect twice."""
    assert_retryable(acts.rename(world, **named, faults={"update": Fault(applies=applies)}))
    assert acts.told(acts.rename(world, **named, attempt=2)) == acts.Told("updated", "ds-1")
    assert len(world.patches) == 1
    assert_known(world)


@both
def test_a_name_that_is_taken_is_refused(world: World, named: dict[str, str]) -> None:
    """The error names both sources; nothing is sent, and the journal is as it was."""
    other = acts.seed(world, "new")
    before = dict(world.entries)
    error = acts.error_of(acts.rename(world, **named))
    assert isinstance(error, SourceExistsError)
    assert error.data_source_ids == ("ds-1", other)
    assert (world.patches, world.entries) == ([], before)


def test_the_entry_of_a_source_that_is_gone_is_no_hindrance(world: World) -> None:
    """The new name was another source's before."""
    assert_green(acts.register(world, "new", task=acts.NEXT))
    world.rows["ds-2"].alive = False
    assert_green(acts.rename(world))
    assert acts.told(acts.register(world, "new", task=acts.NEXT, store_as=FIXED)) == acts.Told(
        "unchanged", "ds-1", FIXED
    )
    assert world.rotations == 0


def test_an_entry_that_another_task_holds_is_waited_for() -> None:
    """That of the new name as well as that of the old one: nothing is sent, and both entries are as they were."""
    world = registered()
    assert acts.is_killed(acts.register(world, "new", task=acts.NEXT, kill_at="before register"))
    before = dict(world.entries)
    assert_retryable(acts.rename(world))
    assert (world.patches, world.entries) == ([], before)


@pytest.mark.parametrize("is_by_hand", [True, False], ids=["renamed by hand", "renamed by a task"])
def test_an_unfinished_rotation_is_not_completed_by_a_rename(is_by_hand: bool) -> None:
    """A rotation is killed at each of its boundaries; after a rename of the source its secret is still put right."""
    for world, _ in killed_at_each(registered, partial(acts.rotate, store_as=FIXED), more_than=15):
        if is_by_hand:
            world.rows["ds-1"].fields["name"] = "new"
        assert_green(acts.until_green(acts.rename, world, pause=120, tries=6))
        done = acts.until_green(acts.register, world, "new", task=acts.NEXT, store_as=FIXED, pause=120)
        assert_once(world, done, name="new")
        assert acts.told(done).stored_as == FIXED


def renamed() -> World:
    """Return a world in which it was renamed."""
    world = registered()
    assert_green(acts.rename(world))
    return world


def test_a_rotation_of_the_renamed_source_is_not_completed_by_a_second_run() -> None:
    """A rotation under the new name is killed at each of its boundaries, and the rename runs again."""
    for world, _ in killed_at_each(renamed, partial(acts.rotate, name="new", store_as=FIXED), more_than=15):
        world.advance(world.now + acts.LONG)
        assert_green(acts.rename(world, data_source_id="ds-1", task="rename/next run/task/-1"))
        done = acts.until_green(acts.register, world, "new", task=acts.NEXT, store_as=FIXED, pause=120)
        assert_once(world, done, name="new")


@both
def test_a_refused_rename_leaves_the_journal_as_it_was(world: World, named: dict[str, str]) -> None:
    """Nobody has to wait for it."""
    before = dict(world.entries)
    fault = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    assert isinstance(acts.error_of(acts.rename(world, **named, faults={"update": fault})), CopassValidationError)
    assert world.entries == before


@both
def test_a_server_that_takes_another_name_is_told(world: World, named: dict[str, str]) -> None:
    """What the journal knows stays with the old name; the message repeats nothing that the server wrote."""
    world.rewrites = {"name": "New (2)"}
    before = dict(world.entries)
    error = acts.error_of(acts.rename(world, **named))
    assert isinstance(error, SourceChangedError)
    assert "to be renamed to 'new'" in str(error)
    assert "(2)" not in str(error)
    assert world.entries == before


def test_a_rename_by_hand_is_finished(world: World) -> None:
    """The task that names the source by its old name moves the entry that was left there."""
    world.rows["ds-1"].fields["name"] = "new"
    done = acts.rename(world)
    assert acts.told(done) == acts.Told("unchanged", "ds-1")
    assert world.sent == [("register", "n")]
    assert_known(world)


def act_beside(world: World, paused: Process, other: Any) -> None:
    """Let one task run beside another that is paused; then both are retried until they are green."""
    first = other(world)
    run_all(world, [paused])
    for again in (
        first if acts.is_green(first) else acts.until_green(other, world, first=2, pause=120, tries=6),
        acts.until_green(acts.rename, world, first=2, pause=120, tries=6),
    ):
        assert_green(again)


def rotate(world: World, **how: Any) -> Process:
    """Rotate the secret of the source, whatever its name is."""
    return acts.rotate(world, data_source_id="ds-1", store_as=FIXED, **how)


def test_it_is_overtaken_by_a_rotation_at_any_boundary() -> None:
    """The valid secret is where the source's entry says."""
    for world, paused in paused_at_each(registered, acts.start_rename, more_than=15):
        act_beside(world, paused, rotate)
        done = acts.until_green(acts.register, world, "new", task=acts.NEXT, store_as=FIXED, pause=120)
        assert_once(world, done, name="new")
        assert (acts.told(done).outcome, live_of(world)) == ("unchanged", [])


def test_it_overtakes_a_rotation_at_any_boundary() -> None:
    """The same the other way round."""
    rotation = partial(acts.start_rotate, data_source_id="ds-1", store_as=FIXED)
    for world, paused in paused_at_each(registered, rotation, more_than=15):
        act_beside(world, paused, acts.rename)
        done = acts.until_green(acts.register, world, "new", task=acts.NEXT, store_as=FIXED, pause=120)
        assert_once(world, done, name="new")
        assert live_of(world) == []


@pytest.mark.parametrize("end", [acts.delete, acts.disconnect])
def test_a_rename_over_a_source_that_is_gone_forgets_no_key(end: Callable[..., Process]) -> None:
    """What that one left in the store is not the renamed one's secret."""
    world = acts.seeded("c")
    assert_green(acts.register(world, "a", store_as="key_{name}"))
    assert_green(end(world, "a"))
    assert_green(acts.rename(world, "c", "a"))
    adopted = acts.register(world, "a", store_as="key_{name}", task=acts.OTHER)
    assert isinstance(acts.error_of(adopted), SecretMissingError)


def test_several_sources_of_the_new_name_are_named_by_that() -> None:
    """None has the old name any more, and nothing tells which one was renamed."""
    world = World()
    acts.seed(world, "b")
    acts.seed(world, "b")
    process = acts.rename(world, "a", "b")
    assert "2 live sources are slack source 'b'" in str(acts.error_of(process))


@pytest.mark.parametrize("is_known", [True, False])
def test_an_unfinished_source_that_is_renamed_does_not_take_what_the_new_key_holds(is_known: bool) -> None:
    """Its secret was never stored; that of a source that is gone is under the key of the new name."""
    world = acts.registered(name="b", store_as="key_{name}")
    assert_green(acts.delete(world, "b") if is_known else acts.delete(world, data_source_id="ds-1"))
    acts.register(world, "a", store_as="key_{name}", kill_at=("before write secret", 0), task=acts.OTHER)
    world.advance(world.now + acts.LONG)
    assert_green(acts.rename(world, "a", "b"))
    process = acts.register(world, "b", store_as="key_{name}", task=acts.THIRD)
    assert_green(process)
    assert_true(world, process)


def test_a_rename_that_is_refused_leaves_nothing_under_the_new_name() -> None:
    """The source is unfinished: what is known of it stays with its own name."""
    world = World()
    acts.register(world, "a", kill_at=("before write secret", 0), task=acts.OTHER)
    world.advance(world.now + acts.LONG)
    refusal = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    acts.rename(world, "a", "b", faults={"update": refusal})
    assert entry_of(world, "b") is None
    assert entry_of(world, "a") is not None
