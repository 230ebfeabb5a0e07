"""The control surface: what a test may ask of the emulator and do to it, apart from the API.

It runs on the server's event loop. Nothing that it answers holds a plain secret or a text that was ingested.
"""

from __future__ import annotations

import copy
import re
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ControlError
from airflow_provider_copass.emulator.source import Source, fingerprint
from airflow_provider_copass.emulator.state import USER_ID, State

if TYPE_CHECKING:
    from airflow_provider_copass.emulator.faults import Faults
    from airflow_provider_copass.emulator.jobs import Job
    from airflow_provider_copass.emulator.requests_log import RequestsLog

_SHA256 = re.compile("[0-9a-fA-F]{64}")
_FIXED_IN_A_JOB = frozenset({"job_id", "sandbox_id", "data_source_id", "text_length", "text_sha256"})


class Control:
    """The acts behind the control routes and behind the methods of ``Emulator``.

    :param state: the emulated account.
    :param faults: the script of faults.
    :param log: the record of requests.
    """

    def __init__(self, state: State, faults: Faults, log: RequestsLog) -> None:
        self._state = state
        self.faults = faults
        self.log = log

    def reset(self) -> dict[str, Any]:
        """Go back to the start; requests that are held back are dropped without effect."""
        self.faults.discard()
        self._state.reset()
        self.log.reset()
        return {"reset": True}

    def seed(self, *, sources: object = (), sandboxes: object = ()) -> dict[str, Any]:
        """Put sandboxes and sources there as if they had always been.

        :param sources: their rows. ``provider`` and ``name`` are required; other fields of a source have
            defaults, and fields that the API does not know are answered as they are. A realtime source may
            bring a ``webhook_signing_secret``, of which the fingerprint is kept, or its
            ``webhook_signing_secret_sha256``.
        :param sandboxes: ids of sandboxes.
        :raises ControlError: where a row is no source, or its id is taken.
        """
        if not isinstance(sources, list | tuple) or not isinstance(sandboxes, list | tuple):
            raise ControlError("sources and sandboxes are lists")
        if not all(isinstance(sandbox_id, str) for sandbox_id in sandboxes):
            raise ControlError("sandboxes are ids")
        seeded: dict[str, Source] = {}
        for row in sources:
            source = self._seeded(row)
            data_source_id = source.row["data_source_id"]
            if data_source_id in self._state.sources or data_source_id in seeded:
                raise ControlError("the data_source_id of a seeded source is taken")
            seeded[data_source_id] = source
        for sandbox_id in [*sandboxes, *(source.row["sandbox_id"] for source in seeded.values())]:
            self._state.add_sandbox(sandbox_id)
        self._state.sources.update(seeded)
        return {"data_source_ids": list(seeded)}

    def _seeded(self, row: object) -> Source:
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("provider", "name")):
            raise ControlError("a seeded source is an object with a provider and a name")
        if not all(isinstance(row.get(key, ""), str) for key in ("data_source_id", "sandbox_id")):
            raise ControlError("data_source_id and sandbox_id are texts")
        fields = copy.deepcopy(row)
        secret = fields.pop("webhook_signing_secret", None)
        sha256 = fields.pop("webhook_signing_secret_sha256", None)
        if secret is not None:
            sha256 = fingerprint(secret) if isinstance(secret, str) else ""
        if sha256 is not None:
            _check_sha256(sha256)
        data_source_id = fields.get("data_source_id", str(uuid.uuid4()))
        realtime = fields.get("ingestion_mode") == "realtime"
        defaults = {
            "data_source_id": data_source_id,
            "user_id": USER_ID,
            "sandbox_id": next(iter(self._state.sandboxes), "sb_demo"),
            "ingestion_mode": "manual",
            "kind": "durable",
            "external_account_id": None,
            "adapter_config": {},
            "poll_interval_seconds": None,
            "status": "active",
            "webhook_url": self._state.webhook_url(data_source_id) if realtime else None,
            "last_sync_at": None,
            "created_at": self._state.timestamp(),
        }
        return Source({**defaults, **fields}, secret_sha256=sha256, secrets_issued=int(sha256 is not None))

    def sources(self) -> list[dict[str, Any]]:
        """Return every source there is or was, of every sandbox, in the order of making."""
        return [copy.deepcopy(source.as_json()) for source in self._state.sources.values()]

    def _source(self, data_source_id: object) -> Source:
        source = self._state.sources.get(data_source_id) if isinstance(data_source_id, str) else None
        if source is None:
            raise ControlError("no such data source")
        return source

    def set_source(self, data_source_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change a source behind the API's back, and return it.

        :param data_source_id: the source.
        :param fields: any of its fields, such as ``status``, ``last_sync_at``, ``name``; and ``deleted``.
        :raises ControlError: for an unknown source, or a field that cannot be set.
        """
        source = self._source(data_source_id)
        if fixed := set(fields) & {"data_source_id", "webhook_signing_secret"}:
            raise ControlError(f"cannot be set: {', '.join(sorted(fixed))}")
        changes = copy.deepcopy(fields)
        source.deleted = bool(changes.pop("deleted", source.deleted))
        source.row.update(changes)
        return copy.deepcopy(source.as_json())

    def verify_secret(
        self, data_source_id: str, secret: str | None = None, sha256: str | None = None
    ) -> dict[str, Any]:
        """Tell whether a secret opens a source's webhook, and whether it is the newest one.

        :param data_source_id: the source.
        :param secret: the plain secret, or
        :param sha256: its fingerprint in hex, for a caller who does not want to hand the secret over.
        :raises ControlError: for an unknown source, or unless exactly one of the two is given.
        """
        source = self._source(data_source_id)
        if (secret is None) == (sha256 is None):
            raise ControlError("give either secret or sha256")
        if secret is not None and not isinstance(secret, str):
            raise ControlError("secret is a string")
        digest = fingerprint(secret) if secret is not None else _check_sha256(sha256)
        valid = source.accepts(digest, now=self._state.monotonic())
        return {"valid": valid, "current": valid and digest.lower() == source.secret_sha256}

    def _jobs(self) -> dict[str, Job]:
        settings = self._state.settings
        return self._state.jobs.all(words=settings.job_states, seconds=settings.job_seconds, now=self._state.moment())

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job, of every sandbox, in the order of queuing; this takes none of them further."""
        return [job.as_json() for job in self._jobs().values()]

    def set_job(self, job_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change a job, which does not get on by itself from then on, and return it.

        :param job_id: the job.
        :param fields: any that the API answers, such as ``status``, ``children``, ``error_message``, ``result``.
            A status brings what the API shows of such a job, unless it is given or there already: its times, the
            ``result`` of a completed one, the ``error_message`` of a failed one.
        :raises ControlError: for an unknown job, or a field that cannot be set.
        """
        job = self._jobs().get(job_id)
        if job is None:
            raise ControlError("no such job")
        if fixed := set(fields) & _FIXED_IN_A_JOB:
            raise ControlError(f"cannot be set: {', '.join(sorted(fixed))}")
        job.stays = True
        job.row.update(copy.deepcopy(fields))
        if "status" in fields:
            job.enter(job.row["status"], self._state.moment())
        return job.as_json()

    def settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change settings and return them all.

        :param changes: new values by name; none to look only.
        :raises ControlError: for an unknown setting or a value that it cannot take.
        """
        self._state.settings.change(copy.deepcopy(changes))
        return copy.deepcopy(self._state.settings.as_json())


def _check_sha256(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ControlError("a fingerprint is a SHA-256 in hex")
    return value
