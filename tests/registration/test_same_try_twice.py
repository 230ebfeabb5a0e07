"""Airflow starts one try of a task twice: the second process does not wait long, and makes nothing twice."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_true
from tests.registration.each_boundary import killed_at_each, paused_at_each
from tests.registration.simulation import Fault, Process, World, run_all, run_to, server_error

LONGEST = acts.SETTLE + 15
"""Seconds: one wait for a write in flight, and what the steps take."""


def rotation(world: World, **script: Any) -> Process:
    """Start the try of a task that rotates."""
    if not world.rows:
        assert_green(acts.register(world, task=acts.OTHER))
    return acts.start_rotate(world, **script)


def minting(world: World, **script: Any) -> Process:
    """Start the try of a task whose secret is lost, and that may mint one."""
    if not world.rows:
        acts.seed(world)
    return acts.start_register(world, on_missing_secret="rotate", **script)


each_way = pytest.mark.parametrize("start", [acts.start_register, acts.start_register_list, rotation])


@each_way
def test_the_first_process_was_killed(start: Callable[..., Process]) -> None:
    """At each boundary: the second one takes over at once and is green."""
    for world, first in killed_at_each(World, lambda world, **script: acts.ended(start(world, **script))):
        second = acts.ended(start(world))
        assert_once(world, second)
        assert second.elapsed < LONGEST, (first.trace[-1], second.elapsed)


@each_way
def test_the_first_process_is_paused(start: Callable[..., Process]) -> None:
    """At each boundary: the second one is green soon; when the first wakes, nothing is made twice, nothing is void."""
    for world, first in paused_at_each(World, start):
        second = acts.ended(start(world))
        assert_green(second)
        assert second.elapsed < LONGEST, (first.trace[-1], second.elapsed)
        run_all(world, [first])
        assert_once(world, second)
        assert_true(world, first)


@pytest.mark.parametrize(("pause", "late"), [(100, None), (4, 24.0)])
@pytest.mark.parametrize("start", [minting, rotation])
def test_the_first_process_is_late_and_the_second_one_was_killed(
    start: Callable[..., Process], pause: float, late: float | None
) -> None:
    """The first is paused right before a write of the entry, which hides that the second has begun to rotate."""
    for nth, kill_at in itertools.product(range(5), range(12, 30)):
        world = World()
        first = start(world, freezes={("before write entry", nth): pause})
        while not (first.frozen_at or first.is_over):
            run_to(world, first, len(first.trace))
        second = start(world, faults={("rotate", 0): Fault(late=late)} if late else {}, kill_at=kill_at)
        run_all(world, [second, first])
        assert_true(world, first)


@pytest.mark.parametrize("start", [minting, rotation])
def test_a_failed_look_keeps_no_late_process_from_minting_once_more(start: Callable[..., Process]) -> None:
    """Only that process knows that its entry, completed too late, may hide a rotation of one that was killed."""
    last = acts.ended(start(World())).trace.count("before write entry") - 1
    world = World()
    first = start(
        world,
        freezes={("before write entry", last): 100},
        faults={("get", 0): Fault(applies=False, error=server_error)},
    )
    while not first.frozen_at:
        run_to(world, first, len(first.trace))
    second = start(world, kill_at=("after rotate", 0))
    run_all(world, [second, first])
    assert acts.is_killed(second)
    assert "before get" in first.trace
    assert_once(world, acts.until_green(acts.register, world, first=3, task="next/run/task/-1"))


@each_way
@pytest.mark.parametrize("seed", range(15))
def test_both_processes_are_alive(start: Callable[..., Process], seed: int) -> None:
    """Both run side by side: one live source and its valid secret, and at least one of them is green soon."""
    draw = random.Random(seed)
    world = World()
    first = start(world)
    second = start(world)
    second.sleep_until(world.now + draw.choice((0, 0.5, 1, 2, 5)))
    run_all(world, [first, second], draw.randrange)
    green = [process for process in (first, second) if acts.is_green(process)]
    assert green
    assert_once(world, *green)
    assert min(process.elapsed for process in green) < LONGEST
