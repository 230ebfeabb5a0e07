"""Several jobs at once: bounded, told as they end, and ended with whoever waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from airflow_provider_copass.operators import threads
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


class Overtaken(SimpleQueue[Any]):
    """A queue whose last job is taken by a thread right after somebody has seen that there is one."""

    def empty(self) -> bool:
        """Tell what was so a moment ago."""
        was = super().empty()
        while not super().empty():
            self.get()
        return was


def test_who_stops_early_is_not_kept_by_a_thread_that_takes_the_last_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that nobody is to do any more are taken back from under the threads, which go on taking them."""
    monkeypatch.setattr(threads, "SimpleQueue", Overtaken)
    gate = threading.Event()
    results = Threads(2).each((number, lambda number=number: number == 0 or gate.wait(20)) for number in range(100))
    next(results)
    closing = threading.Thread(target=results.close, daemon=True)  # type: ignore[attr-defined]
    closing.start()
    closing.join(timeout=5)
    gate.set()
    assert not closing.is_alive()
