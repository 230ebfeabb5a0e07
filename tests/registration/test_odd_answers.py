"""A server whose list is cut or whose clock makes no sense: a clear error or none at all, and nothing stays behind."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_provider_copass.errors import CopassAnswerError, CopassError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, live_of
from tests.registration.each_boundary import paused_at_each
from tests.registration.simulation import Fault, World, run_all

QUICK = 15.0


def assert_told(error: BaseException | None) -> None:
    """The error says that the list is not whole."""
    assert isinstance(error, CopassAnswerError), repr(error)
    assert "the list is cut short" in str(error)


@acts.both_ways
def test_a_list_that_is_cut_silently_is_an_error_that_says_so(way: str) -> None:
    """The recorded source lives and is not in the list: no wait, and no false word of another task."""
    world = World()
    assert_green(acts.register_one(way, world))
    world.hidden.add("ds-1")
    change = {"if_exists": "update", "fields": {"external_account_id": "T1"}}
    process = acts.register_one(way, world, task=acts.OTHER, **change)
    assert_told(acts.error_of(process))
    assert process.elapsed < QUICK
    assert world.sent == [("register", "n")]


def test_a_long_list_that_is_cut_silently_is_an_error_that_says_so() -> None:
    """Of ten recorded sources one is missing from the list, and no second one is made of it."""
    world = World()
    names = "abcdefghij"
    assert_green(acts.register_list(world, names))
    world.hidden.add("ds-4")
    process = acts.register_list(world, names, task=acts.OTHER)
    told = acts.all_told(process)
    assert_told(told.pop(3).error)
    assert [one.outcome for one in told] == ["unchanged"] * 9
    assert process.elapsed < QUICK
    assert world.posts == len(names)
    world.hidden.clear()
    assert_green(acts.register_list(world, names, task=acts.OTHER, attempt=2))
    assert world.posts == len(names)


@acts.both_ways
def test_a_cut_list_after_a_killed_try_is_an_error_that_says_so(way: str) -> None:
    """The id that was answered is noted: its absence from the list proves nothing."""
    world = World()
    acts.register_one(way, world, kill_at="before write secret")
    world.hidden.add("ds-1")
    process = acts.register_one(way, world, attempt=2)
    assert_told(acts.error_of(process))
    assert process.elapsed < QUICK
    world.hidden.clear()
    assert_once(world, acts.register_one(way, world, attempt=3))
    assert world.posts == 1


# What the client makes of other odd dates, and an inventory of one that is years off, is in their own tests.
DATES = {"that is missing": "", "that is always the same": "Tue, 14 Nov 2023 22:13:20"}
each_date = pytest.mark.parametrize("date", DATES.values(), ids=DATES)
SCRIPTS = {
    "undisturbed": {},
    "its answer lost": {"faults": {("register", 0): Fault()}},
    "its answer lost, and late": {"faults": {("register", 0): Fault(late=12)}},
    "killed at its POST": {"kill_at": "after register", "faults": {("register", 0): Fault()}},
    "killed at its POST, which is late": {"kill_at": "after register", "faults": {("register", 0): Fault(late=12)}},
    "killed at its POST, which is lost": {
        "kill_at": "after register",
        "faults": {("register", 0): Fault(applies=False)},
    },
}


@acts.both_ways
@each_date
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_an_odd_date_does_no_harm(way: str, date: str, script: acts.Script) -> None:
    """The task is green or fails with an error of ours, and its retries are green, with honest dates or without."""
    world = World(date=date)
    first = acts.register_one(way, world, **script)
    error = acts.error_of(first)
    assert error is None or isinstance(error, CopassError) or acts.is_killed(first), repr(error)
    second = acts.register_one(way, world, attempt=2)
    assert_once(world, second)
    world.date = None
    third = acts.register_one(way, world, task=acts.OTHER)
    assert_once(world, third)
    assert third.elapsed < QUICK


@acts.both_ways
@each_date
def test_an_odd_date_does_no_harm_to_a_paused_try(way: str, date: str) -> None:
    """At each boundary: its retry registers, then it wakes: no error but ours, and one live source."""
    for world, paused in paused_at_each(lambda: World(date=date), partial(acts.start_one, way)):
        retry = acts.register_one(way, world, attempt=2)
        assert_green(retry)
        run_all(world, [paused])
        error = acts.error_of(paused)
        assert error is None or isinstance(error, CopassError), (paused.trace, repr(error))
        assert live_of(world) == [acts.told(retry).data_source_id]
