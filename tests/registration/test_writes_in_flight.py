"""A rotation that takes effect late voids what was stored in the meantime: a green task's secret stays valid."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
        return acts.ended(self.start(world, attempt=attempt))


CASES = {
    "a rotation": Case(acts.registered, acts.start_rotate, {}),
    "the mint after a lost answer": Case(World, acts.start_register, {("register", 0): LOST}),
    "the mint after a lost answer in a list": Case(World, acts.start_register_list, {("register", 0): LOST}),
    "on_missing_secret='rotate'": Case(acts.seeded, partial(acts.start_register, on_missing_secret="rotate"), {}),
    "on_missing_secret='rotate' in a list": Case(
        acts.seeded, partial(acts.start_register_list, on_missing_secret="rotate"), {}
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
late_by = pytest.mark.parametrize("late", [12.0, 22.0])


@each_case
@late_by
@pytest.mark.parametrize("kill_at", [None, "after rotate"], ids=["its answer lost", "killed"])
def test_a_rotation_that_comes_late_voids_nothing(case: Case, late: float, kill_at: str | None) -> None:
    """The retry follows at once; when the first rotation has taken effect as well, the store holds the valid secret."""
    world = case.prepare()
    first = acts.ended(case.first(world, faults={("rotate", 0): Fault(late=late)}, kill_at=kill_at))
    assert world.rotations == 1
    assert acts.is_killed(first) is bool(kill_at)
    assert_once(world, first if acts.is_green(first) else acts.until_green(case.run, world, first=2, tries=3))


@each_case
@late_by
def test_a_later_run_does_not_reuse_a_void_secret(case: Case, late: float) -> None:
    """Another DAG registers the source while the rotation is in flight: if it is green, its secret stays valid."""
    world = case.prepare()
    acts.ended(case.first(world, faults={("rotate", 0): Fault(late=late)}))
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


@acts.both_ways
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
    trace = acts.ended(case.first(case.prepare())).trace
    return len(trace) - 1 - trace[::-1].index(name)
