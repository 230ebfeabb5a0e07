"""A write of a task that was killed is neither overlooked while it is in flight nor made again once it is done."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_true, live_of
from tests.registration.each_boundary import killed_at_each
from tests.registration.simulation import Fault, Process, World

late_by = pytest.mark.parametrize("late", [2.0, 12.0, 22.0])


@late_by
@pytest.mark.parametrize("other", [acts.register, partial(acts.register_list, names=("n", "m"))], ids=["one", "list"])
@pytest.mark.parametrize(("act", "effect"), [(acts.delete, "delete"), (acts.disconnect, "disconnect")])
def test_a_deletion_in_flight_does_not_take_a_source_that_another_run_reuses(
    act: Callable[..., Process], effect: str, other: Callable[..., Process], late: float
) -> None:
    """The task is killed as it has sent it; another DAG's registration, once it is green, has a source that stays."""
    world = acts.registered()
    assert acts.is_killed(act(world, faults={effect: Fault(late=late)}, kill_at=f"after {effect}"))
    registration = acts.until_green(other, world, task=acts.OTHER, tries=6, pause=120)
    assert_green(registration)
    assert len(live_of(world)) == 1
    assert_true(world, registration)


@late_by
@pytest.mark.parametrize("name", ["n", "new"])
@pytest.mark.parametrize("kill_at", [None, "after update"], ids=["its answer lost", "killed"])
def test_a_rename_in_flight_takes_no_source_from_its_name_and_makes_no_second_one(
    kill_at: str | None, name: str, late: float
) -> None:
    """The renaming task is killed, or retried at once; another DAG registers the old or the new name."""
    world = acts.registered()
    first = acts.rename(world, faults={"update": Fault(late=late)}, kill_at=kill_at)
    assert acts.is_killed(first) is bool(kill_at)
    if not kill_at and not acts.is_green(first):
        assert_green(acts.until_green(acts.rename, world, first=2, pause=10))
    other = acts.until_green(acts.register, world, name, task=acts.OTHER, tries=6, pause=120)
    assert_once(world, other, name=name)
    assert len(live_of(world, "new")) == 1


def killed_from(act: Callable[..., Process], effect: str, at: int, world: World) -> bool:
    """Kill a task at the n-th boundary from the one right after its effect on.

    :return: whether it was killed; False where it was over before.
    """
    seen: list[int] = []

    def is_there(name: str, number: int) -> bool:
        if name == f"after {effect}":
            seen.append(number)
        return bool(seen) and number == seen[0] + at

    return acts.is_killed(act(world, kill_at=is_there))


@pytest.mark.parametrize("pause", [5.0, acts.LONG])
def test_a_deletion_that_took_effect_is_not_made_again_by_the_retry(pause: float) -> None:
    """Killed at each boundary after its effect; another DAG registers anew; the retry leaves the new source."""
    for at in itertools.count():
        world = acts.registered()
        if not killed_from(acts.delete, "delete", at, world):
            break
        world.advance(world.now + pause)
        other = acts.until_green(acts.register, world, task=acts.OTHER, tries=6, pause=120)
        source_id = assert_once(world, other)
        retry = acts.delete(world, attempt=2)
        assert_green(retry)
        assert_once(world, other)
        assert live_of(world) == [source_id]
    assert at >= 1


def test_a_deletion_that_is_over_is_not_made_again_by_a_second_process_of_its_try() -> None:
    """The task was green, and Airflow starts it again all the same: what was registered since stays."""
    world = acts.registered()
    assert_green(acts.delete(world))
    other = acts.until_green(acts.register, world, task=acts.OTHER)
    assert_once(world, other)
    acts.delete(world)
    assert_once(world, other)


def test_another_run_of_a_deletion_deletes_what_was_registered_since() -> None:
    """It is one task instance that deletes once, not one task."""
    world = acts.registered()
    assert_green(acts.delete(world))
    assert_green(acts.register(world, task=acts.OTHER))
    assert_green(acts.delete(world, task="delete/next run/task/-1"))
    assert live_of(world) == []


@pytest.mark.parametrize("store_as", [None, "fixed_secret"])
def test_a_rotation_that_took_effect_is_not_made_again_by_the_retry(store_as: str | None) -> None:
    """Killed at each boundary after its effect; another DAG's run stores a secret; the retry does not void that."""
    for at in itertools.count():
        world = acts.registered(store_as=store_as)

        def rotate(world: World, store_as: str | None = store_as, **how: Any) -> Process:
            return acts.rotate(world, store_as=store_as, **how)

        if not killed_from(rotate, "rotate", at, world):
            break
        world.advance(world.now + acts.LONG)
        other = acts.until_green(acts.register, world, task=acts.OTHER, store_as=store_as, tries=6, pause=120)
        assert_once(world, other)
        rotations = world.rotations
        retry = acts.rotate(world, attempt=2, store_as=store_as)
        assert_once(world, other, retry)
        assert world.rotations == rotations
    assert at >= 2


def test_a_teardown_takes_over_the_entry_of_its_setup_at_once() -> None:
    """The setup is killed at each boundary; its teardown leaves nothing, and is green soon, at once after a POST."""
    for world, setup in killed_at_each(World, acts.register):
        teardown = acts.delete(world, task="dag/run/teardown/-1", teardown_of=acts.TASK)
        assert_green(teardown)
        assert teardown.elapsed < (15 if "after register" in setup.trace else acts.SETTLE + 15)
        assert live_of(world) == []
