"""Several calls at once, in threads that live as long as it takes."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

K = TypeVar("K")
T = TypeVar("T")


class Threads:
    """Does jobs in a bounded number of threads. They end with the process: none of them keeps a dead task alive.

    :param count: how many at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def each(self, jobs: Iterable[tuple[K, Callable[[], T]]]) -> Iterator[tuple[K, T]]:
        """Do jobs, and give what each came to as it ends.

        Where the caller stops, or is stopped, no further job is begun; those under way end by themselves.

        :param jobs: each with a word for it.
        :raises BaseException: what a job raises.
        """
        asked: SimpleQueue[tuple[K, Callable[[], T]] | None] = SimpleQueue()
        ended: SimpleQueue[tuple[K, T | None, BaseException | None]] = SimpleQueue()
        waiting = iter(jobs)
        threads = [Thread(target=_work, args=(asked, ended), name="copass", daemon=True) for _ in range(self._count)]
        for thread in threads:
            thread.start()
        under_way = 0
        try:
            while True:
                # Each thread has its next job at hand, and does not wait for this one, which is busy with answers.
                for job in islice(waiting, 2 * self._count - under_way):
                    asked.put(job)
                    under_way += 1
                if not under_way:
                    return
                word, result, error = ended.get()
                under_way -= 1
                if error is not None:
                    raise error
                yield word, result  # type: ignore[misc]  # what a job returns
        finally:
            # Not asked first whether there is a job: a thread may take the last one in between.
            with suppress(Empty):
                while True:
                    asked.get_nowait()
            for _ in threads:
                asked.put(None)


def _work(
    asked: SimpleQueue[tuple[K, Callable[[], T]] | None],
    ended: SimpleQueue[tuple[K, T | None, BaseException | None]],
) -> None:
    """Do jobs until there is None."""
    while (given := asked.get()) is not None:
        word, job = given
        try:
            ended.put((word, job(), None))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            ended.put((word, None, error))
