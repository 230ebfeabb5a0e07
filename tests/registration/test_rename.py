"""Renaming: the record goes with the source, whatever dies in between, and no name is taken twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_copass.errors import CopassValidationError, EntryBusyError, SourceChangedError, SourceExistsError
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.record import Closed, Open, from_text, name_of, to_text
from airflow_provider_copass.registration.rotation import Rotation
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import Fault, Killed, World, run_all
from tests.registration.test_change import TASK, changing, update
from tests.registration.worlds import TIMING, Process, run, seed, wish

OLD, NEW = name_of("sb", "slack", "n"), name_of("sb", "slack", "new")
KEY = StoreKey("fixed_secret")
BY_ID = {"data_source_id": "ds-1"}
BY_NAME = {"provider": "slack", "name": "n"}
both = pytest.mark.parametrize("named", [BY_ID, BY_NAME], ids=["by id", "by name"])


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered, under a key that only its record tells."""
    return registered()


def registered() -> World:
    """Return a world in which a realtime source was registered."""
    world = World()
    assert run(world, ingestion_mode="realtime", key=KEY).error is None
    return world


def rename(world: World, named: dict[str, str] = BY_NAME, **how: Any) -> Process:
    """Run one try of a rename to its end."""
    return update(world, named=named, **{"new_name": "new", **how})


def names(world: World) -> dict[str, str]:
    """Return the names of the live sources."""
    return {source_id: world.rows[source_id].fields["name"] for source_id in world.live()}


def assert_moved(world: World, process: Process) -> None:
    """The source has its new name, and its record is where a registration of that name looks."""
    assert process.error is None, (process.error, process.trace)
    assert names(world) == {"ds-1": "new"}
    assert list(world.records) == [NEW]
    record = from_text(world.records[NEW], name=NEW)
    assert isinstance(record, Closed)
    assert (record.source_id, record.key) == ("ds-1", "fixed_secret")


def assert_known(world: World) -> None:
    """A registration of the new name adopts the source and its secret; one of the old name makes another source."""
    again = run(world, task="dag/next/task/-1", name="new", ingestion_mode="realtime", key=KEY)
    assert again.error is None, again.error
    assert again.result.source.data_source_id == "ds-1"
    assert world.rotations == 0
    assert world.store["fixed_secret"] == world.rows["ds-1"].secret
    other = run(world, task="dag/next/task/-1", name="n")
    assert other.error is None, other.error
    assert names(world) == {"ds-1": "new", "ds-2": "n"}


@both
def test_the_record_goes_with_the_source(world: World, named: dict[str, str]) -> None:
    """Registrations of either name find what they need; the change is told as one of ``name``."""
    done = rename(world, named)
    assert done.result.names == ("name",)
    assert world.patches == [{"name": "new"}]
    assert_moved(world, done)
    assert_known(world)


@both
def test_a_second_run_changes_nothing(world: World, named: dict[str, str]) -> None:
    """Also where the task still names it by the old name."""
    rename(world, named)
    before = dict(world.records)
    again = rename(world, named, task="update/next")
    assert again.result.names == ()
    assert [step for step in again.trace if "write" in step or "update" in step] == []
    assert (len(world.patches), world.records) == (1, before)


def test_other_fields_go_with_the_same_patch(world: World) -> None:
    """One request."""
    done = rename(world, poll_interval_seconds=60)
    assert world.patches == [{"name": "new", "poll_interval_seconds": 60}]
    assert done.result.names == ("name", "poll_interval_seconds")


def test_a_source_that_nobody_registered_here_is_renamed_as_well() -> None:
    """There was no record of it."""
    world = World()
    seed(world)
    assert rename(world).error is None
    assert names(world) == {"ds-1": "new"}
    assert run(world, name="new").result.source.data_source_id == "ds-1"


@both
def test_killed_at_any_boundary_the_retry_finishes_it(named: dict[str, str]) -> None:
    """Before and after each look, the PATCH, and each write of either record."""
    for kill_at in itertools.count():
        world = registered()
        first = rename(world, named, script={"kill_at": kill_at})
        if first.error is None:
            break
        assert isinstance(first.error, Killed)
        assert_moved(world, rename(world, named, attempt=2))
        assert len(world.patches) == 1
        assert_known(world)
    assert kill_at > 15


@pytest.mark.rounds
@both
def test_killed_twice_at_any_boundary_the_last_retry_finishes_it(named: dict[str, str]) -> None:
    """A retry that is killed itself leaves what the next one can go on from."""
    length = len(rename(registered(), named).trace)
    for first, second in itertools.product(range(0, length, 2), range(0, 2 * length, 3)):
        world = registered()
        rename(world, named, script={"kill_at": first})
        rename(world, named, attempt=2, script={"kill_at": second})
        assert_moved(world, rename(world, named, attempt=3))
        assert_known(world)


@both
def test_frozen_at_any_boundary_it_wakes_and_breaks_nothing(named: dict[str, str]) -> None:
    """Its retry has done the work meanwhile; at the worst it writes a mark over what the retry has recorded.

    Then the record names the source alone, and a registration finds the secret by its key.
    """
    for at in itertools.count():
        world = registered()
        build = changing(named, new_name="new")
        zombie = Process(world, wish(), Owner(TASK, 1), TIMING, build=build, freezes={at: 1000.0})
        while zombie.wakes_at < world.now + 500 and not zombie.is_over:
            world.advance(max(world.now, zombie.wakes_at))
            zombie.step()
        if zombie.is_over:
            break
        assert_moved(world, rename(world, named, attempt=2))
        run_all(world, [zombie])
        assert zombie.error is None, (zombie.error, zombie.trace)
        assert list(world.records) == [NEW]
        assert_known(world)


@both
@pytest.mark.parametrize("applies", [True, False])
def test_a_lost_answer_is_mended_by_the_retry(world: World, named: dict[str, str], *, applies: bool) -> None:
    """Whether the PATCH had its effect or not."""
    assert rename(world, named, script={"faults": {"update": Fault(applies=applies)}}).error
    done = rename(world, named, attempt=2)
    assert_moved(world, done)
    assert done.result.names == ("name",)
    assert len(world.patches) == 1


def test_what_a_dead_rename_has_done_is_found_by_a_registration(world: World) -> None:
    """Without a retry: once the record is old enough, it adopts the source and makes none."""
    assert rename(world, script={"faults": {"update": Fault()}}).error
    world.advance(world.now + 1000)
    done = run(world, task="dag/next/task/-1", name="new", ingestion_mode="realtime", key=KEY)
    assert done.result.source.data_source_id == "ds-1"
    assert (world.posts, world.rotations) == (1, 0)


@both
def test_a_name_that_is_taken_is_refused_before_any_write(world: World, named: dict[str, str]) -> None:
    """The error names both sources."""
    seed(world, name="new")
    before = dict(world.records)
    done = rename(world, named)
    assert isinstance(done.error, SourceExistsError)
    assert done.error.data_source_ids == ("ds-1", "ds-2")
    assert (world.patches, world.records) == ([], before)


def test_a_name_that_is_recorded_of_a_renamed_source_is_refused(world: World) -> None:
    """What is known of that one would be lost."""
    seed(world, name="third")
    world.records[NEW] = to_text(Closed("ds-2", store="test store", key="other"))
    before = dict(world.records)
    done = rename(world)
    assert isinstance(done.error, SourceChangedError)
    assert NEW in str(done.error)
    assert (world.patches, world.records) == ([], before)


def test_the_record_of_a_source_that_is_gone_is_no_hindrance(world: World) -> None:
    """It is replaced."""
    world.records[NEW] = to_text(Closed("ds-9", store="test store", key="other"))
    assert_moved(world, rename(world))


@pytest.mark.parametrize("name", [OLD, NEW], ids=["old", "new"])
def test_an_open_record_of_somebody_else_is_waited_for(world: World, name: str) -> None:
    """Then the error is one that Airflow retries; nothing was sent, and the record is as it was."""
    world.records[name] = to_text(Open("mark", Owner("other/run/task/-1", 1), world.now + 100))
    before = dict(world.records)
    done = rename(world)
    assert isinstance(done.error, EntryBusyError)
    assert name in str(done.error)
    assert (world.patches, world.records) == ([], before)


@pytest.mark.parametrize("renaming", ["", "n"], ids=["by itself", "over a dead rename"])
def test_a_dead_rotation_under_the_new_name_is_not_closed_by_it(world: World, renaming: str) -> None:
    """A source of that name which is there already may lack its secret: that is for its own task to mend."""
    rename(world)
    dead = to_text(Open("mark", Owner("other/run/task/-1", 1), world.now - 1000, minting="ds-1", renaming=renaming))
    world.records[NEW] = dead
    assert isinstance(rename(world, BY_ID, task="update/next").error, EntryBusyError)
    assert world.records[NEW] == dead


def test_a_refused_rename_leaves_the_records_as_they_were(world: World) -> None:
    """Nobody has to wait for it."""
    before = dict(world.records)
    fault = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    assert isinstance(rename(world, script={"faults": {"update": fault}}).error, CopassValidationError)
    assert world.records == before


def test_a_server_that_takes_another_name_is_told(world: World) -> None:
    """The records stay."""
    world.renames = "New (2)"
    before = dict(world.records)
    done = rename(world)
    assert isinstance(done.error, SourceChangedError)
    assert "New (2)" in str(done.error)
    assert world.records == before


def test_a_rename_by_hand_is_finished(world: World) -> None:
    """The task that names it by its old name moves the record that was left there."""
    world.rows["ds-1"].fields["name"] = "new"
    done = rename(world)
    assert_moved(world, done)
    assert done.result.names == ()
    assert world.patches == []
    assert_known(world)


def in_turns(turn: int) -> Callable[[int], int]:
    """Return an order in which racers take turns, each another one."""
    order = itertools.count()
    return lambda awake: (next(order) * (turn + 1) // 2 + turn) % awake


def test_it_races_a_registration_of_the_new_name() -> None:
    """In whichever order there is one live source of the new name; who comes second adopts it, or is refused."""
    for turn in range(12):
        world = registered()
        racers = [
            Process(world, wish(), Owner(TASK, 1), TIMING, build=changing(BY_NAME, new_name="new")),
            Process(world, wish(name="new"), Owner("dag/next/task/-1", 1), TIMING),
        ]
        run_all(world, racers, in_turns(turn))
        assert list(names(world).values()).count("new") == 1
        assert racers[1].error is None
        assert racers[0].error is None or isinstance(racers[0].error, SourceExistsError)


def test_it_races_a_rotation_under_the_old_name() -> None:
    """Whatever the order, the valid secret lies where the source's record says."""
    for turn, delay in itertools.product(range(4), range(0, 40, 3)):
        world = registered()
        rotation = Process(
            world,
            wish(ingestion_mode="realtime", key=KEY),
            Owner("rotate/run/task/-1", 1),
            TIMING,
            build=Rotation,
        )
        for _ in range(delay):
            if not rotation.is_over:
                world.advance(max(world.now, rotation.wakes_at))
                rotation.step()
        renaming = Process(world, wish(), Owner(TASK, 1), TIMING, build=changing(BY_NAME, new_name="new"))
        run_all(world, [rotation, renaming], in_turns(turn))
        assert_moved(world, renaming)
        assert world.store["fixed_secret"] == world.rows["ds-1"].secret
