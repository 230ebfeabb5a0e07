"""Nothing acts on what it saw a while ago: a process that was paused looks again before it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import CopassCallError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, assert_true, live_of
from tests.registration.each_boundary import paused_at_each
from tests.registration.simulation import Fault, Process, World, run_all, run_to

# A rename.


def paused_renames() -> Iterator[tuple[World, Process]]:
    """Give a rename that is paused, at each of its boundaries in turn, each time in a world of its own."""
    return paused_at_each(acts.registered, acts.start_rename)


def assert_one_of_each_name(world: World, *processes: Process) -> None:
    """Neither name has two live sources, and the green tasks tell the truth."""
    assert len(live_of(world, "new")) == 1
    assert len(live_of(world, "n")) <= 1
    assert_true(world, *processes)


@pytest.mark.parametrize("act", [acts.start_delete, acts.start_disconnect, acts.start_register])
def test_an_entry_that_is_written_late_does_not_bring_back_a_source_that_was_renamed(act: acts.Act) -> None:
    """A task is paused right before it claims the lease; meanwhile the source is renamed, and its entry moved."""
    world = acts.registered()
    world.store.clear()
    how = {"on_missing_secret": "rotate"} if act is acts.start_register else {}
    paused = act(world, task=acts.OTHER, freezes={("before write entry", 0): 100}, **how)
    while not paused.frozen_at:
        run_to(world, paused, len(paused.trace))
    assert_green(acts.rename(world))
    run_all(world, [paused])
    assert_green(paused)
    last = acts.register(world, task="last/run/task/-1")
    assert_green(last)
    assert live_of(world) == [acts.told(last).data_source_id]


def test_a_rename_that_is_paused_for_a_moment_makes_no_second_source_of_the_new_name() -> None:
    """It is paused for 1.5 s at a boundary while another task registers the new name from the start of the pause on."""
    for world, paused in paused_renames():
        other = acts.start_register(world, "new", task=acts.OTHER)
        paused.sleep_until(world.now + 1.5)
        run_all(world, [paused, other])
        assert_one_of_each_name(world, other)


def test_a_rename_that_is_paused_during_a_registration_makes_no_second_source_of_the_new_name() -> None:
    """It is paused at a boundary until the registration of the new name is over; a retry of that is green."""
    for world, paused in paused_renames():
        other = acts.register(world, "new", task=acts.OTHER)
        run_all(world, [paused])
        assert_one_of_each_name(world, other)
        again = acts.until_green(acts.register, world, "new", first=2, task=acts.OTHER, pause=120)
        assert_green(again)
        assert_one_of_each_name(world, again)


def test_a_registration_of_the_new_name_that_is_paused_during_a_rename_makes_no_second_source() -> None:
    """The other way round: the registration is paused at a boundary while the source is renamed."""
    for world, paused in paused_at_each(
        acts.registered, lambda world: acts.start_register(world, "new", task=acts.OTHER)
    ):
        acts.rename(world)
        run_all(world, [paused])
        assert_one_of_each_name(world, paused)


# A deletion.


def wake(world: World, paused: Process) -> None:
    """Let a deletion go on whose retry has done the work: it sends nothing that it was not just about to send."""
    woken_at = len(paused.trace)
    run_all(world, [paused])
    assert not {"before purge", "before delete", "before disconnect"} & set(paused.trace[woken_at:]), paused.trace
    assert not isinstance(acts.error_of(paused), CopassCallError)


FIXED = {"store_as": "fixed_secret", "remove_secret": True}
BY_ID = {"data_source_id": "ds-1", **FIXED}
ENDS: dict[str, dict[str, Any]] = {
    "secret kept": {},
    "secret removed": {"remove_secret": True},
    "secret under a fixed key removed": FIXED,
    "by id": BY_ID,
    "purged, secret kept": {"purge": True},
    "purged, secret removed": {"purge": True, "remove_secret": True},
    "purged, secret under a fixed key removed": {"purge": True, **FIXED},
    "purged, by id": {"purge": True, **BY_ID},
}


@pytest.mark.parametrize(
    ("start", "act", "how"),
    [
        *((acts.start_delete, acts.delete, how) for how in ENDS.values()),
        (acts.start_disconnect, acts.disconnect, {}),
    ],
    ids=[*ENDS, "disconnected"],
)
def test_a_deletion_that_is_paused_leaves_what_was_registered_since(
    start: Callable[..., Process], act: acts.Act, how: dict[str, Any]
) -> None:
    """At each boundary: its retry ends the source, another task registers it anew, then the deletion wakes."""
    store_as = how.get("store_as")
    prepare = partial(acts.registered, store_as=store_as)
    least = 4 if start is acts.start_delete else 1
    for world, paused in paused_at_each(prepare, partial(start, **how), more_than=least):
        assert_green(acts.until_green(act, world, first=2, **how))
        assert live_of(world) == []
        # By an id, its retry cannot tell whose lease the paused process holds.
        other = acts.until_green(acts.register, world, task=acts.OTHER, store_as=store_as, pause=60, tries=6)
        assert_green(other)
        wake(world, paused)
        source_id = assert_once(world, other)
        if "data_source_id" in how:
            continue
        later = acts.register(world, task="later/run/task/-1", store_as=store_as)
        assert assert_once(world, later) == source_id
        assert acts.told(later).outcome == "unchanged"


# A registration.


@acts.both_ways
@pytest.mark.parametrize("store_as", [None, "fixed_secret"], ids=["key with the id", "fixed key"])
@pytest.mark.parametrize("issues", [True, False], ids=["secret", "no secret issued"])
def test_a_registration_that_is_paused_takes_nothing_from_what_its_retry_knows(
    way: str, store_as: str | None, issues: bool
) -> None:
    """At each boundary: its retry registers, then it wakes; a later run still finds the source in place."""
    for world, paused in paused_at_each(
        lambda: World(issues_secrets=issues), partial(acts.start_one, way, store_as=store_as)
    ):
        assert_green(acts.register_one(way, world, attempt=2, store_as=store_as))
        run_all(world, [paused])
        later = acts.until_green(acts.register, world, task=acts.OTHER, store_as=store_as, pause=120)
        assert_once(world, later)
        assert acts.told(later).outcome == "unchanged"


# A teardown.


@pytest.mark.parametrize("late", [2.0, 12.0, 20.0])
@pytest.mark.parametrize("pause", [0.0, 5.0])
def test_a_teardown_is_not_green_while_its_setups_post_may_still_take_effect(late: float, pause: float) -> None:
    """The setup was killed during its POST, which takes effect late: a green teardown leaves no live source."""
    world = World()
    setup = acts.register(world, faults={"register": Fault(late=late)}, kill_at="after register")
    assert acts.is_killed(setup)
    for attempt in range(1, 6):
        teardown = acts.delete(world, task="dag/run/teardown/-1", attempt=attempt, teardown_of=acts.TASK)
        if acts.is_green(teardown):
            assert live_of(world) == []
            return
        assert_retryable(teardown)
        world.advance(world.now + pause)
    raise AssertionError(teardown.error)


@pytest.mark.parametrize("late", [2.0, 12.0, 20.0])
def test_a_deletion_by_another_task_is_not_green_while_a_post_may_still_take_effect(late: float) -> None:
    """The same for a deletion that is no teardown of the killed task, whose retries come minutes apart."""
    world = World()
    acts.register(world, faults={"register": Fault(late=late)}, kill_at="after register")
    process = acts.until_green(acts.delete, world, task="other/run/delete/-1", tries=6, pause=120)
    assert_green(process)
    assert live_of(world) == []
