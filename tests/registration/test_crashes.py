"""Killed, frozen, overtaken, at every pair of boundaries: one live source is left, and its secret is in the store.

What befalls one process alone is in ``test_same_try_twice.py``, for its next try knows no more than a second process
of the same one. The dead leave nothing but the world as it was then, so of boundaries at which it was the same, but for
the time, one stands for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, assert_true, live_of
from tests.registration.each_boundary import paused_at_each
from tests.registration.simulation import Fault, Process, World, killed, run_all, run_to, timed_out

pytestmark = pytest.mark.rounds


@dataclass(frozen=True)
class Case:
    """A task.

    :param start: starts one try of it, as those of ``acts`` do.
    :param names: the live sources that it leaves.
    :param is_prepared: whether a source is registered before.
    :param step: to freeze it at each n-th boundary; the even ones are before something.
    """

    start: Callable[..., Process]
    names: str = "n"
    is_prepared: bool = False
    step: int = 1

    def world(self) -> World:
        """Return the world as the task finds it."""
        world = World()
        if self.is_prepared:
            assert_green(acts.register(world, task="before/run/task/-1"))
        return world

    def run(self, world: World, attempt: int, **how: Any) -> Process:
        """Run one try to its end."""
        return acts.ended(self.start(world, attempt=attempt, **how))

    def pairs(self) -> Iterable[tuple[int, int]]:
        """Return all pairs of boundaries of an undisturbed try."""
        at = range(0, len(self.run(self.world(), 1).trace), self.step)
        return itertools.product(at, at)

    def check(self, world: World, *tasks: Process) -> None:
        """Each name lives once, the tasks are green and what they tell is true, and nobody holds an entry."""
        for task in tasks:
            assert_green(task)
        if self.names:
            assert_true(world, *tasks)
        for name in self.names:
            assert len(live_of(world, name)) == 1, (name, world.sent)
        assert len(world.live()) == len(self.names)
        assert not [text for text in world.entries.values() if "lease_token" in text]


CASES = {
    "a source": Case(acts.start_register),
    "a source with a fixed key": Case(partial(acts.start_register, store_as="fixed_secret")),
    "a list": Case(partial(acts.start_register_list, names="ab"), "ab", step=2),
    "a rotation": Case(acts.start_rotate, is_prepared=True, step=2),
    "a rename": Case(partial(acts.start_rename, new_name="m"), "m", is_prepared=True),
    "a deletion": Case(partial(acts.start_delete, remove_secret=True), "", is_prepared=True),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
BOTH = {"a source": CASES["a source"], "a list": CASES["a list"]}
# Pairs of boundaries are many: of the longer tasks only those that are before something, and of these every other one.
FROZEN = {
    **BOTH,
    "a rotation": CASES["a rotation"],
    "a source with a fixed key": replace(CASES["a source with a fixed key"], step=3),
    "a rename": replace(CASES["a rename"], step=4),
    "a deletion": replace(CASES["a deletion"], step=2),
}
both = pytest.mark.parametrize("case", BOTH.values(), ids=BOTH)


@each_case
def test_killed_at_any_pair_of_boundaries_the_third_try_is_green(case: Case) -> None:
    """The first try and its retry are both killed, wherever; no POST is repeated that had an effect."""
    pairs = 0
    start = case.world()
    for after_first in killed(start, case.start(start, attempt=1)):
        for after_second in killed(after_first, case.start(after_first, attempt=2)):
            case.check(after_second, case.run(after_second, 3))
            assert after_second.posts == max(1, len(case.names))
            pairs += 1
    assert pairs > 20


@pytest.mark.parametrize("case", FROZEN.values(), ids=FROZEN)
def test_frozen_at_any_pair_of_boundaries_they_wake_to_finished_work(case: Case) -> None:
    """The first try and its retry are both paused while the third one does the work; then they go on."""
    for first_at, second_at in case.pairs():
        world = case.world()
        first = case.start(world, attempt=1)
        run_to(world, first, first_at)
        second = case.start(world, attempt=2)
        run_to(world, second, second_at)
        third = case.run(world, 3)
        assert_green(third)
        sleepers = [first, second] if (first_at + second_at) // case.step % 2 else [second, first]
        for sleeper in sleepers:
            run_all(world, [sleeper])
        case.check(world, third, *[each for each in sleepers if acts.is_green(each)])


@both
def test_overtaken_at_any_pair_of_boundaries_by_another_task_nothing_is_left_over(case: Case) -> None:
    """The first goes to a boundary, another task to one of its own; then the first ends, and then the other."""
    for first_at, second_at in case.pairs():
        world = case.world()
        first = case.start(world, task=acts.TASK)
        run_to(world, first, first_at)
        second = case.start(world, task=acts.OTHER)
        run_to(world, second, second_at)
        run_all(world, [first])
        run_all(world, [second])
        assert acts.is_green(first) or acts.is_green(second)
        ended = [
            process if acts.is_green(process) else case.run(world, 2, task=task)
            for process, task in ((first, acts.TASK), (second, acts.OTHER))
        ]
        case.check(world, *ended)


@both
@pytest.mark.parametrize("act", [acts.start_register_list, acts.start_register])
def test_another_task_takes_over_only_what_is_dead_for_long(case: Case, act: Callable[..., Process]) -> None:
    """It waits for a dead one, says so, and takes over when that is old enough."""
    start = case.world()
    for world in killed(start, case.start(start)):
        for attempt in (1, 2):
            others = [act(world, name, task="other/run/task/-1", attempt=attempt) for name in case.names]
            run_all(world, others)
            for other in others:
                if not acts.is_green(other):
                    assert_retryable(other)
                    assert attempt == 1
            world.advance(world.now + acts.LONG)
        case.check(world, *others)
        assert world.posts == len(case.names)


@pytest.mark.parametrize("store_as", [None, "fixed_secret"], ids=["key with the id", "fixed key"])
def test_frozen_until_another_source_has_its_name_it_takes_nothing_from_that(store_as: str | None) -> None:
    """At each boundary: its retry registers, a task deletes that source, another registers anew; then it wakes."""
    for world, zombie in paused_at_each(World, partial(acts.start_register, store_as=store_as)):
        assert_green(acts.register(world, attempt=2, store_as=store_as))
        assert_green(acts.delete(world, store_as=store_as, remove_secret=True))
        other = acts.register(world, task=acts.OTHER, store_as=store_as)
        assert_green(other)
        run_all(world, [zombie])
        assert_once(world, other)
        assert len(world.store) == 1


def test_an_effect_later_than_a_write_may_be_is_reported_and_not_deleted() -> None:
    """A server that breaks its promise leaves a second source: its id is said, and nobody touches it."""
    world = World()
    first = acts.register(world, faults={("register", 0): Fault(late=200, error=timed_out)})
    assert_green(first)
    world.advance(world.now + 300)
    second = acts.register(world, task=acts.OTHER, if_exists="update", fields={"external_account_id": "T1"})
    assert acts.told(second).data_source_id == acts.told(first).data_source_id
    (other,) = set(live_of(world)) - {acts.told(first).data_source_id}
    assert second.log.with_text(other)


@given(st.data())
@settings(max_examples=80)
def test_raced_in_any_order_there_is_one_source_of_each_name(data: st.DataObject) -> None:
    """Up to six tasks, each with one source or a list, interleave at every boundary as they like."""
    world = World()
    of = st.sampled_from(["a", "b", "c", "ab", "bc", "abc"])
    tasks = {f"dag/run {n}/task/-1": names for n, names in enumerate(data.draw(st.lists(of, min_size=2, max_size=6)))}

    def start(task: str, attempt: int = 1) -> Process:
        names = tasks[task]
        if len(names) == 1:
            return acts.start_register(world, names, task=task, attempt=attempt)
        return acts.start_register_list(world, names, task=task, attempt=attempt)

    racers = {task: start(task) for task in tasks}
    run_all(world, list(racers.values()), lambda awake: data.draw(st.integers(0, awake - 1)))
    for task, racer in racers.items():
        if not acts.is_green(racer):
            assert_retryable(racer)
            racers[task] = acts.ended(start(task, 2))
        assert_green(racers[task])
    Case(acts.start_register, "".join(sorted(set("".join(tasks.values()))))).check(world, *racers.values())
    assert world.posts == len(world.live())
    assert world.rotations == 0
