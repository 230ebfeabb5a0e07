"""A list killed, frozen, raced, robbed of answers: one live source a name is left, and its secret in the store."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.registration.test_batch import assert_good

from airflow_provider_copass.errors import CopassRegistrationError
from tests.registration import batches
from tests.registration.batches import acts, assert_good_beside_singles, outcomes, single
from tests.registration.simulation import Fault, Killed, World, run_all, server_error, timed_out

pytestmark = pytest.mark.rounds

LOST = {
    "dropped before the effect": Fault(applies=False),
    "dropped after the effect": Fault(),
    "503 before the effect": Fault(applies=False, error=server_error),
    "503 after the effect": Fault(error=server_error),
    "timed out, effect 20 s late": Fault(late=20, error=timed_out),
}


def boundaries(names: str = "abcde") -> int:
    """Count the boundaries of an undisturbed list."""
    return len(batches.run(World(), names).trace)


@pytest.mark.parametrize("at", range(boundaries()))
def test_killed_at_any_boundary_the_retry_mends_it(at: int) -> None:
    """No POST is repeated that had an effect; what was answered and not stored gets a new secret."""
    world = World()
    first = batches.run(world, script={"kill_at": at})
    assert isinstance(first.error, Killed)
    assert_good(world, batches.run(world, attempt=2))
    assert world.posts == 5


def test_killed_at_any_pair_of_boundaries_the_third_try_mends_it() -> None:
    """The first try and its retry are both killed, wherever."""
    for first_at in range(boundaries("ab")):
        for second_at in itertools.count():
            world = World()
            batches.run(world, "ab", script={"kill_at": first_at})
            second = batches.run(world, "ab", 2, script={"kill_at": second_at})
            if not isinstance(second.error, Killed):
                assert_good(world, second, "ab")
                break
            assert_good(world, batches.run(world, "ab", 3), "ab")


@pytest.mark.parametrize("at", range(boundaries("ab")))
def test_frozen_at_any_boundary_it_wakes_to_a_finished_list(at: int) -> None:
    """One that stands still while its retry does the work leaves it as it is; but right before a write, see 007."""
    world = World()
    zombie = batches.start(world, "ab", script={"freezes": {at: 1000.0}})
    while zombie.wakes_at < world.now + 500 and not zombie.is_over:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    retry = batches.run(world, "ab", 2)
    assert_good(world, retry, "ab")
    run_all(world, [zombie])
    if "before write secret" in zombie.trace[at : at + 2]:
        return
    assert_good(world, retry, "ab")
    if zombie.error is None:
        assert_good(world, zombie, "ab")


@pytest.mark.parametrize("at", range(boundaries("ab")))
def test_a_stranger_takes_over_only_what_is_dead_for_long(at: int) -> None:
    """Another task waits in vain for a dead one, says so, and takes over when that is old enough."""
    world = World()
    batches.run(world, "ab", script={"kill_at": at})
    other = batches.run(world, "ab", task="other/run/task/-1")
    if other.error is not None:
        assert isinstance(other.error, CopassRegistrationError)
        assert not other.error.is_final
        world.advance(world.now + 301)
        other = batches.run(world, "ab", 2, task="other/run/task/-1")
    assert_good(world, other, "ab")


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("nth", [0, 3])
def test_a_lost_answer_never_makes_a_second_source(nth: int, lost: str) -> None:
    """The same try finds the source, or sends once more where nothing came of it; the others are not held up."""
    world = World()
    process = batches.run(world, script={"faults": {("register", nth): LOST[lost]}})
    assert_good(world, process)
    assert world.posts == (6 if "before" in lost else 5)
    assert world.rotations == (0 if "before" in lost else 1)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("nth", [0, 1])
def test_a_lost_list_makes_nothing_twice(nth: int, lost: str) -> None:
    """The try fails, and the next one goes on."""
    world = World()
    assert batches.run(world, script={"faults": {("list", nth): LOST[lost]}}).error is not None
    assert_good(world, batches.run(world, attempt=2))
    assert world.posts == 5


def test_all_answers_lost_the_retry_finds_all_of_it() -> None:
    """Every POST had its effect, and none was answered."""
    world = World()
    process = batches.run(world, script={"faults": {"register": Fault()}})
    assert_good(world, process)
    assert (world.posts, world.rotations) == (5, 5)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_lists_that_overlap_race_in_any_order(data: st.DataObject) -> None:
    """Up to four tasks with lists of the same sandbox: every source once, whoever makes it."""
    world = World()
    lists = [data.draw(st.sampled_from(["ab", "bc", "abc", "c"])) for _ in range(data.draw(st.integers(2, 4)))]
    racers = [batches.start(world, names, task=f"list/run {n}/task/-1") for n, names in enumerate(lists)]
    run_all(world, racers, lambda awake: data.draw(st.integers(0, awake - 1)))
    again = [
        racer if racer.error is None else batches.run(world, names, 2, task=f"list/run {n}/task/-1")
        for n, (racer, names) in enumerate(zip(racers, lists, strict=True))
    ]
    for racer in again:
        assert all(outcome.error is None for outcome in outcomes(racer))
    assert_good(
        world,
        batches.run(world, sorted({name for names in lists for name in names})),
        "".join(sorted(set("".join(lists)))),
    )
    assert world.posts == len(set("".join(lists)))
    assert world.rotations == 0


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_list_and_single_sources_race_in_any_order(data: st.DataObject) -> None:
    """A list has no record a source, and yet neither makes what the other is making."""
    world = World()
    racers = [batches.start(world, "abc")]
    racers += [
        single(world, data.draw(st.sampled_from("abc")), f"single/run {n}/task/-1")
        for n in range(data.draw(st.integers(1, 3)))
    ]
    run_all(world, racers, lambda awake: data.draw(st.integers(0, awake - 1)))
    assert [racer.error for racer in racers] == [None] * len(racers)
    assert_good_beside_singles(world, racers[0])
    assert (world.posts, world.rotations) == (3, 0)


@given(data=st.data())
# What fails here is not worth the hours of making it smaller.
@settings(max_examples=100, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_whatever_happens_the_last_try_finds_each_source_once(data: st.DataObject) -> None:
    """Lists and single sources race, are killed, lose answers, at random, and are tried again until each succeeds."""
    world = World()
    fault = st.sampled_from([None, None, None, *LOST.values()])
    lists = [
        (f"list/run {n}/task/-1", names)
        for n, names in enumerate(data.draw(st.lists(st.sampled_from(["ab", "abc", "bc"]), min_size=1, max_size=2)))
    ]
    singles = [
        (f"single/run {n}/task/-1", name)
        for n, name in enumerate(data.draw(st.lists(st.sampled_from("abc"), max_size=2)))
    ]

    def script() -> dict[str, Any]:
        faults = {n: f for n, f in enumerate(data.draw(st.lists(fault, max_size=30))) if f is not None}
        return {"kill_at": data.draw(st.none() | st.integers(0, 80)), "faults": faults}

    done: set[str] = set()
    for number in range(1, 4):
        running = {
            task: batches.start(world, names, number, task=task, script=script())
            for task, names in lists
            if task not in done
        }
        running |= {task: single(world, name, task, number, **script()) for task, name in singles if task not in done}
        run_all(world, list(running.values()), lambda awake: data.draw(st.integers(0, awake - 1)))
        for task, process in running.items():
            if process.error is None and (
                not isinstance(process.result, list) or all(o.error is None and o.registered for o in process.result)
            ):
                done.add(task)
        world.advance(world.now + data.draw(st.sampled_from([0.0, 10.0, 400.0])))
    world.advance(world.now + 400)
    last = [batches.start(world, names, 4, task=task) for task, names in lists]
    last += [single(world, name, task, 4) for task, name in singles]
    run_all(world, last)
    for process in last:
        assert process.error is None, process.error
    for process in last[: len(lists)]:
        assert all(outcome.error is None for outcome in outcomes(process)), outcomes(process)
    names = "".join(sorted({*"".join(names for _, names in lists), *(name for _, name in singles)}))
    assert_good_beside_singles(world, batches.run(world, names, task="list/last run/task/-1"), names)
    assert acts(batches.run(world, names, task="list/after the last run/task/-1")) == ["adopted"] * len(names)
