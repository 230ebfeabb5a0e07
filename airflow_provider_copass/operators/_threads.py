"""Several API calls at once, in threads that live as long as one task's work."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

_Job: TypeAlias = "tuple[int, Callable[[], Any]]"
_Ended: TypeAlias = "tuple[int, Any, BaseException | None]"


class Threads:
    """Runs jobs in a bounded number of threads. They are daemons, so none of them keeps a dead task alive.

    Leave it by ``with`` or :meth:`close`: no thread begins another job then.

    :param width: how many jobs may run at once.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._ended: SimpleQueue[_Ended] = SimpleQueue()
        self._threads: list[Thread] = []
        self._tickets = count()
        self._running = 0

    def submit(self, job: Callable[[], Any]) -> int:
        """Start a job now. The caller lets no more than ``width`` run at once.

        :param job: the job.
        :return: its ticket.
        """
        ticket = next(self._tickets)
        self._running += 1
        if len(self._threads) < min(self._running, self.width):
            thread = Thread(target=_work, args=(self._jobs, self._ended), name="copass", daemon=True)
            # Before it starts: a task's timeout may come at any line, and each thread that runs must be ended.
            self._threads.append(thread)
            thread.start()
        self._jobs.put((ticket, job))
        return ticket

    def wait(self) -> tuple[int, Any, BaseException | None]:
        """Wait until a job has ended.

        :return: its ticket, its result, and what it raised, if anything.
        """
        ended = self._ended.get()
        self._running -= 1
        return ended

    def close(self) -> None:
        """Drop the jobs that have not begun, and end each thread after the job that it is at."""
        threads, self._threads = self._threads, []
        if not threads:
            return
        # Taken out without asking first whether there is one: a thread may take the last job in between.
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        for _ in threads:
            self._jobs.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _work(jobs: SimpleQueue[_Job | None], ended: SimpleQueue[_Ended]) -> None:
    """Run jobs until there is None."""
    while (given := jobs.get()) is not None:
        ticket, job = given
        try:
            ended.put((ticket, job(), None))
        except BaseException as error:  # noqa: BLE001 - the one who waits for the job gets it
            ended.put((ticket, None, error))
