"""Sending some texts to be ingested, several at once, and knowing at each moment which of them were taken."""

from __future__ import annotations

from functools import partial
from itertools import count, groupby
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassCallError, CopassError, IngestIncompleteError
from airflow_provider_copass.operators._threads import Threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_copass.api import CopassClient, Job
    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.registration.ports import Log

_AT_ONCE = 4
_MOST_NAMED = 20


class Sending:
    """The texts of one task on their way. Each is told by its number, from 1, and never by its content.

    :param calls: a call for each text.
    :param log: where it is said which text is which job.
    """

    def __init__(self, calls: Sequence[Call[Job]], log: Log) -> None:
        self._calls = calls
        self._log = log
        self._begun: set[int] = set()
        self._refused: set[int] = set()
        self.job_ids: dict[int, str] = {}

    def run(self, client: CopassClient) -> BaseException | None:
        """Send the texts. After the first that fails no other is begun; those that are on their way are awaited.

        :param client: the client.
        :return: what the first failure was; None if all were taken.
        """
        left = count(1)
        running: dict[int, int] = {}
        failure: BaseException | None = None
        with Threads(min(_AT_ONCE, len(self._calls))) as threads:
            for _ in range(threads.width):
                self._begin(next(left), client, threads, running)
            while running:
                ticket, job, error = threads.wait()
                number = running.pop(ticket)
                if error is None:
                    self.job_ids[number] = job.job_id
                    self._log.info("Text %d of %d was taken as job %s.", number, len(self._calls), job.job_id)
                else:
                    failure = failure or error
                    if isinstance(error, CopassCallError) and not error.maybe_applied:
                        self._refused.add(number)
                if failure is None and (following := next(left)) <= len(self._calls):
                    self._begin(following, client, threads, running)
        return failure

    def _begin(self, number: int, client: CopassClient, threads: Threads, running: dict[int, int]) -> None:
        """Begin to send a text."""
        begin = partial(self._begun.add, number)
        running[threads.submit(partial(client.send, self._calls[number - 1], before_attempt=begin))] = number

    @property
    def lost(self) -> list[int]:
        """Which texts may have been taken, although there is no answer that says so."""
        return sorted(self._begun - self._refused - self.job_ids.keys())

    @property
    def known(self) -> list[str | None]:
        """The job of each text, in their order; None for one that is not known to be taken."""
        return [self.job_ids.get(number) for number in range(1, len(self._calls) + 1)]

    def incomplete(self, failure: BaseException) -> IngestIncompleteError:
        """Return the error of texts some of which were taken, or may have been.

        :param failure: the first failure.
        """
        # Of an exception that is none of ours the text may be anything.
        reason = str(failure) if isinstance(failure, CopassError) else f"It ended with {type(failure).__name__}."
        again = "The task is not retried, since that would ingest them twice."
        lost = "may have been taken, for its answer is lost" if len(self.lost) == 1 else "may have been taken"
        if len(self._calls) == 1:
            return IngestIncompleteError(
                f"The text (number 1 of 1) {lost}. {reason} {again} Look for it in Copass, and run the task again if "
                'it is not there. on_lost_answer="resend" sends such a text again.'
            )
        parts = {
            "were taken": self.job_ids,
            lost: self.lost,
            "were refused or not sent": set(range(1, len(self._calls) + 1)) - self.job_ids.keys() - {*self.lost},
        }
        told = "; ".join(f"number {_ranges(numbers)} {what}" for what, numbers in parts.items() if numbers)
        named = ", ".join(f"{number}: {job_id}" for number, job_id in sorted(self.job_ids.items())[:_MOST_NAMED])
        more = f" and {len(self.job_ids) - _MOST_NAMED} more, which the log lists" * (len(self.job_ids) > _MOST_NAMED)
        jobs = f" Known jobs: {named}{more}." if named else ""
        return IngestIncompleteError(
            f"Of {len(self._calls)} texts {told}. {reason}{jobs} {again} Look in Copass for those that may have been "
            "taken, and ingest what is missing with another task."
        )


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers as text, with a range for those that follow each other."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
