"""Several jobs at once: bounded, reported as they end, and stopped with the one who waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from airflow_provider_copass.operators import _threads
from airflow_provider_copass.operators._threads import Threads


def run_all(pool: Threads, jobs: list[Any]) -> dict[int, Any]:
    """Run jobs, as many at once as the pool takes, and return the results by their tickets."""
    results: dict[int, Any] = {}
    waiting, running = list(jobs), 0
    while waiting or running:
        while waiting and running < pool.width:
            pool.submit(waiting.pop(0))
            running += 1
        ticket, result, error = pool.wait()
        assert error is None
        results[ticket] = result
        running -= 1
    return results


_OLDER: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _older() -> Iterator[None]:
    """Pass over the threads of pools that a test elsewhere has interrupted at any line, so also while they end."""
    _OLDER.update(our_threads())
    yield
    _OLDER.clear()


def our_threads() -> list[threading.Thread]:
    """Return the threads of all pools that a test of this module has made."""
    return [thread for thread in threading.enumerate() if thread.name == "copass" and thread not in _OLDER]


def join_all() -> None:
    """Wait until the threads of all pools have ended.

    :raises AssertionError: where one of them does not.
    """
    for thread in our_threads():
        thread.join(timeout=10)
    assert our_threads() == []


def test_every_job_is_reported_once() -> None:
    """With its own ticket, whatever the order in which they end."""
    with Threads(7) as pool:
        results = run_all(pool, [lambda number=number: number * 2 for number in range(100)])
    assert results == {number: number * 2 for number in range(100)}


def test_what_a_job_raises_is_handed_over() -> None:
    """The pool goes on."""

    def fail() -> None:
        raise OSError("the job")

    with Threads(2) as pool:
        ticket = pool.submit(fail)
        ended, result, error = pool.wait()
        assert (ended, result) == (ticket, None)
        assert isinstance(error, OSError)
        pool.submit(lambda: 3)
        assert pool.wait()[1] == 3


def test_a_thread_is_started_when_it_is_needed() -> None:
    """None for a pool without a job, and one for jobs that follow each other."""
    join_all()
    with Threads(8) as pool:
        assert our_threads() == []
        for _ in range(5):
            pool.submit(lambda: None)
            pool.wait()
        assert len(our_threads()) == 1


def test_jobs_run_side_by_side() -> None:
    """As many as the pool is wide: each of these waits for all the others."""
    barrier = threading.Barrier(4, timeout=20)
    with Threads(4) as pool:
        for _ in range(4):
            pool.submit(barrier.wait)
        assert sorted(pool.wait()[1] for _ in range(4)) == [0, 1, 2, 3]


def test_a_job_ends_before_the_one_submitted_first() -> None:
    """It is reported at once."""
    gate = threading.Event()
    with Threads(2) as pool:
        slow, quick = pool.submit(lambda: gate.wait(20)), pool.submit(lambda: True)
        assert pool.wait()[0] == quick
        gate.set()
        assert pool.wait()[0] == slow


def hold(pool: Threads, gate: threading.Event, done: list[int]) -> None:
    """Submit more jobs than can begin; each waits for a gate."""

    def job(number: int) -> None:
        gate.wait(20)
        done.append(number)

    for number in range(10):
        pool.submit(lambda number=number: job(number))  # type: ignore[misc]


def hold_and_fail(pool: Threads, gate: threading.Event, done: list[int]) -> None:
    """Leave a pool that holds jobs by an error."""
    with pool:
        hold(pool, gate, done)
        raise KeyboardInterrupt


def test_an_interrupted_pool_begins_no_further_job() -> None:
    """The jobs that had begun end by themselves, and the threads with them; to close it again changes nothing."""
    join_all()
    gate, done, pool = threading.Event(), list[int](), Threads(2)
    with pytest.raises(KeyboardInterrupt):
        hold_and_fail(pool, gate, done)
    pool.close()
    gate.set()
    join_all()
    assert len(done) <= 2


class Overtaken(SimpleQueue[Any]):
    """A queue whose last job is taken by a thread right after somebody has seen that there is one."""

    def empty(self) -> bool:
        """Tell what was so a moment ago."""
        was = super().empty()
        while not super().empty():
            self.get()
        return was


def test_closing_does_not_wait_for_a_job_that_a_thread_has_just_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs are taken back while the threads go on taking them."""
    join_all()
    monkeypatch.setattr(_threads, "SimpleQueue", Overtaken)
    gate, done, pool = threading.Event(), list[int](), Threads(2)
    hold(pool, gate, done)
    closing = threading.Thread(target=pool.close, daemon=True)
    closing.start()
    closing.join(timeout=5)
    gate.set()
    assert not closing.is_alive()
    join_all()
