"""Several calls at once, in threads that live as long as it takes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

K = TypeVar("K")
T = TypeVar("T")


class Threads:
    """Does jobs in a bounded number of threads.

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
        waiting = iter(jobs)
        ended: SimpleQueue[Future[T]] = SimpleQueue()
        under_way: dict[Future[T], K] = {}
        executor = ThreadPoolExecutor(self._count, thread_name_prefix="copass")
        try:
            while True:
                # Each thread has its next job at hand, and does not wait for this one, which is busy with answers.
                for word, job in islice(waiting, 2 * self._count - len(under_way)):
                    future = executor.submit(job)
                    under_way[future] = word
                    future.add_done_callback(ended.put)
                if not under_way:
                    return
                came = ended.get()
                yield under_way.pop(came), came.result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
