"""Several jobs at once: bounded, told as they end, and ended with whoever waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_copass.operators.threads import Threads


def test_every_job_is_told_of_once() -> None:
    """Whatever the order in which they end."""
    jobs = ((number, lambda number=number: number * 2) for number in range(100))
    assert sorted(Threads(7).each(jobs)) == [(number, number * 2) for number in range(100)]


def test_what_a_job_raises_is_raised() -> None:
    """And nobody waits for ever."""

    def fail() -> int:
        raise OSError("the job")

    with pytest.raises(OSError, match="the job"):
        list(Threads(2).each([(1, fail)]))


def test_no_more_jobs_are_asked_for_than_are_soon_begun() -> None:
    """Where the first ones stand still, no more than each thread's next one is asked for."""
    gate = threading.Event()
    asked: list[int] = []

    def jobs() -> Iterator[tuple[int, Callable[[], bool]]]:
        for number in range(100):
            asked.append(number)
            yield number, lambda: gate.wait(20)

    results = Threads(3).each(jobs())
    opener = threading.Timer(0, gate.set)
    first = iter(results)
    assert asked == []
    opener.start()
    next(first)
    assert len(asked) <= 6
    assert len(list(first)) == 99


def test_who_stops_early_leaves_no_thread_behind() -> None:
    """The jobs that were asked for and not begun are not done."""
    done: list[int] = []
    results = Threads(2).each((number, lambda number=number: done.append(number)) for number in range(100))
    next(results)
    results.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "copass":
            thread.join(timeout=10)
    assert [thread for thread in threading.enumerate() if thread.name == "copass"] == []
    assert len(done) <= 4
