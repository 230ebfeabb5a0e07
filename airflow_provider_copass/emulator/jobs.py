"""Queued work: what ``ingest`` and ``pull`` answer, and how a job gets on."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ApiError
from airflow_provider_copass.emulator.texts import sha256_of

if TYPE_CHECKING:
    from airflow_provider_copass.emulator.clock import Moment

PULL = "data_source_pull"
INGEST = "ingest"
CONTENT = "Ada agreed to a price of 4,200"
"""Stands for the content that the real API may repeat in a job; no text that was ingested is kept."""

_NOT_STARTED = ("queued", "pending")
_ENDED = ("completed", "failed", "cancelled")


@dataclass
class Job:
    """One job.

    :param row: what the API answers.
    :param sandbox_id: the sandbox that it is in.
    :param data_source_id: the source that it is about.
    :param entered: when it entered its present state.
    :param text_length: how many characters the text has; None for a pull.
    :param text_sha256: the SHA-256 of the text, in hex; None for a pull.
    :param step: how many states it has left behind.
    :param stays: the control surface has set it, so it does not get on by itself.
    """

    row: dict[str, Any]
    sandbox_id: str
    data_source_id: str | None
    entered: Moment
    text_length: int | None = None
    text_sha256: str | None = None
    step: int = 0
    stays: bool = False

    def enter(self, status: Any, at: Moment) -> None:
        """Take on a state, with what the API shows of a job in that state.

        :param status: the state.
        :param at: when.
        """
        self.entered = at
        self.row["status"] = status
        if status not in _NOT_STARTED:
            self.row.setdefault("started_at", at.timestamp())
        if status in _ENDED:
            self.row.setdefault("completed_at", at.timestamp())
        if status == "completed":
            self.row.setdefault("result", {"summary": CONTENT})
        if status == "failed":
            self.row.setdefault("error_message", f"Extraction failed at: {CONTENT}")

    def rests(self, words: list[str]) -> bool:
        """Tell whether the job does not get on by itself any more.

        :param words: the states that a job goes through.
        """
        return self.stays or self.step + 1 >= len(words)

    def get_on(self, words: list[str], at: Moment) -> None:
        """Enter the next state.

        :param words: the states that a job goes through; it stays at the last.
        :param at: when.
        """
        if not self.rests(words):
            self.step += 1
            self.enter(words[self.step], at)

    def catch_up(self, words: list[str], seconds: float, now: Moment) -> None:
        """Enter every state whose time has come.

        :param words: the states that a job goes through; it stays at the last.
        :param seconds: how long each of the others lasts; 0 if a job does not get on by time.
        :param now: the present moment.
        """
        while seconds and not self.rests(words):
            over = now.monotonic - self.entered.monotonic - seconds
            if over < 0:
                return
            self.get_on(words, now.earlier(over))

    def as_json(self) -> dict[str, Any]:
        """Return everything that the control surface shows of this job."""
        return {
            **copy.deepcopy(self.row),
            "sandbox_id": self.sandbox_id,
            "data_source_id": self.data_source_id,
            "text_length": self.text_length,
            "text_sha256": self.text_sha256,
        }


class Jobs:
    """The jobs of one account. Nothing works on them: looks, time or the control surface take them further."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def queue(
        self,
        sandbox_id: str,
        job_type: str,
        *,
        data_source_id: str | None,
        text: str | None = None,
        words: list[str],
        now: Moment,
    ) -> dict[str, Any]:
        """Queue a job and return it.

        :param sandbox_id: the sandbox that it is in.
        :param job_type: what it does.
        :param data_source_id: the source that it is about.
        :param text: the text to ingest, which is not kept.
        :param words: the states that a job goes through.
        :param now: the present moment.
        """
        job_id = str(uuid.uuid4())
        row = {
            "job_id": job_id,
            "job_type": job_type,
            "encrypted": False,
            "retry_count": 0,
            "created_at": now.timestamp(),
        }
        job = self._jobs[job_id] = Job(row, sandbox_id, data_source_id, now)
        if text is not None:
            job.text_length, job.text_sha256 = len(text), sha256_of(text)
        job.enter(words[0], now)
        return copy.deepcopy(job.row)

    def look(
        self, sandbox_id: str, job_id: str, *, words: list[str], seconds: float, pulls: bool, now: Moment
    ) -> dict[str, Any]:
        """Return a job as the API shows it; without ``seconds``, one state further than at the last look.

        :param sandbox_id: the sandbox that it is in.
        :param job_id: the job.
        :param words: the states that a job goes through; it stays at the last.
        :param seconds: how long each state lasts; 0 for one state at each look.
        :param pulls: jobs of pulls are shown, too.
        :param now: the present moment.
        :raises ApiError: 404 for an unknown one.
        """
        job = self._jobs.get(job_id)
        if job is None or job.sandbox_id != sandbox_id or (job.row["job_type"] == PULL and not pulls):
            raise ApiError(404, "not_found", "Job not found")
        if seconds:
            job.catch_up(words, seconds, now)
        else:
            job.get_on(words, now)
        return copy.deepcopy(job.row)

    def all(self, *, words: list[str], seconds: float, now: Moment) -> dict[str, Job]:
        """Return every job by its id, in the order of queuing; this is no look.

        :param words: the states that a job goes through.
        :param seconds: how long each state lasts; 0 if a job does not get on by time.
        :param now: the present moment.
        """
        for job in self._jobs.values():
            job.catch_up(words, seconds, now)
        return dict(self._jobs)
