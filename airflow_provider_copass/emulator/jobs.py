"""Queued work: what ``ingest`` and ``pull`` answer, and how a job gets on."""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_copass.emulator.errors import ApiError


class Jobs:
    """The jobs of one account. Nothing works on them: looking at a job is what takes it further."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Any]] = {}

    def queue(
        self, sandbox_id: str, job_type: str, *, data_source_id: str | None, words: list[str], created_at: str
    ) -> dict[str, Any]:
        """Queue a job and return it.

        :param sandbox_id: the sandbox that it is in.
        :param job_type: what it does.
        :param data_source_id: the source that it is about.
        :param words: the states that a job goes through.
        :param created_at: the time by the server's clock.
        """
        job_id = str(uuid.uuid4())
        job = {
            "job_id": job_id,
            "job_type": job_type,
            "status": words[0],
            "sandbox_id": sandbox_id,
            "data_source_id": data_source_id,
            "created_at": created_at,
        }
        self._jobs[job_id] = job
        return dict(job)

    def look(self, sandbox_id: str, job_id: str, *, words: list[str]) -> dict[str, Any]:
        """Return a job, one state further than at the last look.

        :param sandbox_id: the sandbox that it is in.
        :param job_id: the job.
        :param words: the states that a job goes through; it stays at the last.
        :raises ApiError: 404 for an unknown one.
        """
        job = self._jobs.get(job_id)
        if job is None or job["sandbox_id"] != sandbox_id:
            raise ApiError(404, "not_found", "Job not found")
        at = words.index(job["status"]) if job["status"] in words else -1
        job["status"] = words[min(at + 1, len(words) - 1)]
        return dict(job)
