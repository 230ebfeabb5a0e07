"""A rotation that takes effect late voids what was stored in the meantime: a green task's secret stays valid."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, is_stored
from tests.registration.simulation import Fault, Process, World, run_all, run_to

LOST = Fault()


@dataclass(frozen=True)
class Case:
    """A task that rotates, or that mints a secret while it registers.

    :param prepare: what is there before.
    :param start: starts one try of the task.
    :param faults: the faults that lead its first try to a rotation.
    """

    prepare: Callable[[], World]
    start: Callable[..., Process]
    faults: dict[Any, Fault]

    def first(self, world: World, **script: Any) -> Process:
        """Start the first try."""
        faults = {**self.faults, **script.pop("faults", {})}
        return self.start(world, attempt=1, faults=faults, **script)

    def run(self, world: World, attempt: int) -> Process:
        """Run a later try to its end."""
        process = self.start(world, attempt=attempt)
        run_all(world, [process])
        return process


def unmanaged() -> World:
    """Return a world in which somebody has made the source by hand, and keeps its secret."""
    world = World()
    acts.seed(world)
    return world


def rotating(world: World, **how: Any) -> Process:
    """Start a registration that may rotate what it finds."""
    return acts.start_register(world, on_missing_secret="rotate", **how)


def rotating_in_a_list(world: World, **how: Any) -> Process:
    """Start the same in a list."""
    return acts.start_register_list(world, on_missing_secret="rotate", **how)


CASES = {
    "a rotation": Case(acts.registered, acts.start_rotate, {}),
    "the mint after a lost answer": Case(World, acts.start_register, {("register", 0): LOST}),
    "the mint after a lost answer in a list": Case(World, acts.start_register_list, {("register", 0): LOST}),
    "on_missing_secret='rotate'": Case(unmanaged, rotating, {}),
    "on_missing_secret='rotate' in a list": Case(unmanaged, rotating_in_a_list, {}),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
late_by = pytest.mark.parametrize("late", [12.0, 22.0])


def until_green(case: Case, world: World) -> Process:
    """Run the retries of a task, at once one after the other, until one is green."""
    for attempt in (2, 3, 4):
        process = case.run(world, attempt)
        if acts.is_green(process):
            return process
    raise AssertionError(process.error)


@each_case
@late_by
def test_a_rotation_whose_answer_is_lost_and_that_comes_late_voids_nothing(case: Case, late: float) -> None:
    """The retry follows at once; when the first rotation has taken effect as well, the store holds the valid secret."""
    world = case.prepare()
    first = case.first(world, faults={("rotate", 0): Fault(late=late)})
    run_all(world, [first])
    assert world.rotations == 1
    retry = first if acts.is_green(first) else until_green(case, world)
    assert_once(world, retry)


@each_case
@late_by
def test_a_rotation_sent_by_a_killed_try_voids_nothing(case: Case, late: float) -> None:
    """The try is killed right after it has sent the rotation, which takes effect while its retry is at work."""
    world = case.prepare()
    first = case.first(world, faults={("rotate", 0): Fault(late=late)}, kill_at="after rotate")
    run_all(world, [first])
    assert acts.is_killed(first)
    assert_once(world, until_green(case, world))


@each_case
@late_by
def test_a_later_run_does_not_reuse_a_void_secret(case: Case, late: float) -> None:
    """Another DAG registers the source while the rotation is in flight: if it is green, its secret stays valid."""
    world = case.prepare()
    run_all(world, [case.first(world, faults={("rotate", 0): Fault(late=late)})])
    retry = case.run(world, 2)
    other = acts.until_green(acts.register, world, task=acts.OTHER, pause=60)
    assert acts.is_green(retry) or acts.is_green(other)
    green = [process for process in (retry, other) if acts.is_green(process)]
    assert_once(world, *green)


@each_case
def test_paused_at_any_boundary_it_voids_nothing_when_it_wakes(case: Case) -> None:
    """The try is paused at a boundary, sleeps included; its retry finishes; then it runs on to its end.

    Where its POST is to lose its answer, the boundaries are those from the POST on.
    """
    begin = case_boundary(case, "after register") if case.faults else 0
    for at in itertools.count(begin):
        world = case.prepare()
        zombie = case.first(world)
        if not run_to(world, zombie, at):
            break
        retry = case.run(world, 2)
        assert_green(retry)
        run_all(world, [zombie])
        assert_once(world, retry)
        assert not acts.is_green(zombie) or is_stored(world, acts.told(zombie)), (at, zombie.trace)
    assert at > begin + 10


@pytest.mark.parametrize("way", ["one", "list"])
def test_paused_before_a_post_whose_answer_is_lost_it_leaves_no_second_source(way: str) -> None:
    """It wakes after its retry has registered the source, and never learns the id of the one that it makes then."""
    world = World()
    zombie = acts.start_one(way, world, faults={("register", 0): LOST})
    assert run_to(world, zombie, "before register")
    retry = acts.register_one(way, world, attempt=2)
    assert_green(retry)
    run_all(world, [zombie])
    assert_once(world, retry)


@each_case
def test_paused_before_its_rotation_while_another_task_reuses_the_source(case: Case) -> None:
    """The retry and another DAG's registration are green; then the paused try wakes and sends its rotation."""
    world = case.prepare()
    zombie = case.first(world)
    at = case_boundary(case, "before rotate")
    assert run_to(world, zombie, at)
    assert zombie.trace[-1] == "before rotate"
    retry = case.run(world, 2)
    other = acts.register(world, task=acts.OTHER)
    assert_green(retry)
    assert_green(other)
    run_all(world, [zombie])
    assert_once(world, retry, other)


def case_boundary(case: Case, name: str) -> int:
    """Return the number of the last boundary of a name in an undisturbed first try."""
    world = case.prepare()
    process = case.first(world)
    run_all(world, [process])
    return len(process.trace) - 1 - process.trace[::-1].index(name)
