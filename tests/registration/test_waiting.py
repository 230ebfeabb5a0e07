"""Waiting holds a worker's slot, so it is short: who finds an entry held leaves it to Airflow's retry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial

import pytest

from airflow_provider_copass.errors import EntryBusyError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, assert_true
from tests.registration.simulation import Process, World, run_all, run_to

LONGEST = 30.0
"""Seconds: 20 for the wait, and what the steps take."""

dead = pytest.mark.parametrize("kill", ["before register", "before write secret"])


def dying(world: World, kill: str) -> None:
    """Let a task die with the entry in its hands."""
    assert acts.is_killed(acts.register(world, kill_at=kill))


CHANGE = partial(acts.update, fields={"poll_interval_seconds": 90})
# Where there is no source yet, a change, a rename and a rotation are told so at once.
ENTRIES = [
    *itertools.product([acts.register, acts.register_list, acts.delete, acts.disconnect], ["before register"]),
    *itertools.product([acts.register, acts.register_list, acts.delete, acts.disconnect], ["before write secret"]),
    *itertools.product([CHANGE, acts.rename, acts.rotate], ["before write secret"]),
]


@pytest.mark.parametrize(("act", "kill"), ENTRIES)
def test_a_dead_tasks_entry_is_waited_for_some_twenty_seconds(act: Callable[..., Process], kill: str) -> None:
    """It may be done soon. Then the task fails with an error that is retried, has done nothing and says so."""
    world = World()
    dying(world, kill)
    before = list(world.sent), dict(world.entries)
    process = act(world, task=acts.OTHER)
    assert_retryable(process)
    error = acts.error_of(process)
    assert isinstance(error, EntryBusyError)
    assert "Nothing was done" in str(error)
    assert 10 <= process.elapsed <= LONGEST
    assert (world.sent, world.entries) == before


@dead
def test_a_list_waits_once_for_all_that_others_hold(kill: str) -> None:
    """Five of ten sources are held by dead tasks: the other five are registered, and the wait is as long as for one."""
    world = World()
    names = [f"n{number}" for number in range(10)]
    for name in names[::2]:
        acts.register(world, name, task=f"dag/run/{name}/-1", kill_at=kill)
    process = acts.register_list(world, names, task=acts.OTHER)
    assert_retryable(process)
    assert process.elapsed <= LONGEST
    told = acts.all_told(process)
    assert [one.outcome for one in told[1::2]] == ["created"] * 5
    assert_true(world, process)


def test_a_list_that_is_dead_holds_up_single_tasks_no_longer_than_a_single_task_does() -> None:
    """Its sources are side by side: a task for one of them waits for that one."""
    world = World()
    assert acts.is_killed(acts.register_list(world, "abc", kill_at=("after register", 1)))
    process = acts.register(world, "c", task=acts.OTHER)
    assert process.elapsed <= LONGEST
    if not acts.is_green(process):
        assert_retryable(process)


def test_two_lists_do_not_wait_for_each_other() -> None:
    """A list whose sources are no other's is not held up by another list of the sandbox that died."""
    world = World()
    assert acts.is_killed(acts.register_list(world, "abc", kill_at=("after register", 1)))
    process = acts.register_list(world, "xyz", task=acts.OTHER)
    assert_green(process)
    assert process.elapsed <= 10


def states(world: World) -> list[str]:
    """Return the states of all entries."""
    return [json.loads(text)["state"] for text in world.entries.values()]


def test_a_single_task_waits_for_its_own_source_and_not_for_the_list() -> None:
    """The answer to one POST of a hundred takes long: each other entry is completed as soon as its source is."""
    world = World()
    names = [f"n{number}" for number in range(100)]
    of_list = acts.start_register_list(world, names, lasts=lambda number: 60.0 if number == 1 else 0.1)
    while of_list.trace.count("before register") < 50:
        assert run_to(world, of_list, len(of_list.trace))
    # A write's answer is awaited once three are in flight.
    assert states(world).count("completed") >= 47
    single = acts.start_register(world, "n99", task=acts.OTHER)
    run_all(world, [single, of_list])
    assert_true(world, single, of_list)
    assert acts.told(single).outcome == "unchanged"
    assert 0 < single.elapsed < LONGEST
    assert of_list.ended_at - single.ended_at > 20
    assert (world.posts, world.rotations) == (100, 0)


def test_after_an_orderly_failure_nobody_waits() -> None:
    """A task that fails by itself gives the entry back: another task goes on at once."""
    world = World()
    first = acts.register(world, on_missing_secret="fail", store_as="taken")
    assert_green(first)
    second = acts.register(world, "m", store_as="taken")
    assert not acts.is_green(second)
    third = acts.register(world, "m", task=acts.OTHER)
    assert_once(world, third, name="m")
    assert third.elapsed < 10


@pytest.mark.parametrize(
    ("act", "at"),
    [
        (acts.start_register, "after register"),
        (acts.start_register_list, "after register"),
        (acts.start_rename, "after update"),
        (acts.start_rotate, "after rotate"),
        (partial(acts.start_delete, remove_secret=True), "after remove secret"),
        (partial(acts.start_delete, purge=True), "after purge"),
    ],
)
def test_who_gives_up_says_what_it_has_done(act: Callable[..., Process], at: str) -> None:
    """It is paused right after a write; its retries take its lease and die, so it never gets it back."""
    world = World()
    if act not in {acts.start_register, acts.start_register_list}:
        assert_green(acts.register(world))
    zombie = act(world)
    assert run_to(world, zombie, at)
    retries = [act(world, attempt=attempt, kill_at="after write entry") for attempt in range(2, 8)]
    for number, retry in enumerate(retries):
        retry.sleep_until(world.now + 250 * number)
    zombie.sleep_until(world.now + 10)
    run_all(world, [zombie, *retries])
    error = acts.error_of(zombie)
    assert isinstance(error, EntryBusyError)
    assert "ds-1" in str(error)
    assert "Nothing was done" not in str(error)


def test_tasks_that_wait_for_one_look_ever_more_rarely_and_not_all_at_once() -> None:
    """Fifteen that look each second could slow the one down so much that it never gets done."""
    world = World()
    dying(world, "before register")
    processes = [acts.start_register(world, task=f"dag/run/{number}/-1") for number in range(15)]
    run_all(world, processes)
    assert {process.trace.count("before read entry") for process in processes} <= set(range(6, 11))
    assert len({round(process.elapsed, 1) for process in processes}) > 5
