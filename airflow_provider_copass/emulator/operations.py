"""What each call of the API does to the account.

Nothing here knows of HTTP. Everything runs on the server's event loop and never pauses in between, so each
method is one indivisible step, whatever else is going on.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ApiError
from airflow_provider_copass.emulator.jobs import INGEST, PULL
from airflow_provider_copass.emulator.source import Source, deep_merged, fingerprint
from airflow_provider_copass.emulator.state import USER_ID

if TYPE_CHECKING:
    from airflow_provider_copass.emulator.state import State

DISCONNECTED = "disconnected"


class Operations:
    """The operations of the API by name.

    :param state: what they act on.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def _answer(self, source: Source) -> dict[str, Any]:
        return source.answer(mask=self._state.settings.mask_adapter_config)

    def register(self, sandbox_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Make a source; another one each time, whatever its name.

        :param sandbox_id: the sandbox.
        :param fields: the checked body, defaults filled in.
        :raises ApiError: 404 for an unknown sandbox, 403 over the quota.
        """
        self._state.check_sandbox(sandbox_id)
        quota = self._state.settings.quota(sandbox_id)
        # Counted only near the quota: a count at each register would make long batches slow.
        if len(self._state.sources) >= quota and self._state.held(sandbox_id) >= quota:
            raise ApiError(403, "quota_exceeded", "The sandbox holds as many data sources as it may")
        data_source_id = str(uuid.uuid4())
        realtime = fields["ingestion_mode"] == "realtime"
        row = {
            "data_source_id": data_source_id,
            "user_id": USER_ID,
            "sandbox_id": sandbox_id,
            **fields,
            "status": "active",
            "webhook_url": self._state.webhook_url(data_source_id) if realtime else None,
            "last_sync_at": None,
            "created_at": self._state.timestamp(),
        }
        source = self._state.sources[data_source_id] = Source(row, registered_at=self._state.monotonic())
        return {**self._answer(source), "webhook_signing_secret": self._fresh_secret(source) if realtime else None}

    def _fresh_secret(self, source: Source) -> str | None:
        if source.row["provider"] in self._state.settings.providers_without_secret:
            return None
        return source.issue_secret(now=self._state.monotonic(), grace=self._state.settings.grace_seconds)

    def list_sources(self, sandbox_id: str, provider: str | None, status: str | None) -> dict[str, Any]:
        """Return the sources of a sandbox, oldest first.

        :param sandbox_id: the sandbox.
        :param provider: only those of this provider.
        :param status: only those of this status.
        :raises ApiError: 404 for an unknown sandbox.
        """
        self._state.check_sandbox(sandbox_id)
        now, lag = self._state.monotonic(), self._state.settings.list_lag_seconds
        rows = [
            self._answer(source)
            for source in self._state.sources.values()
            if source.row["sandbox_id"] == sandbox_id
            and not source.deleted
            and provider in (None, source.row["provider"])
            and status in (None, source.row["status"])
            and source.listed(now=now, lag=lag)
        ]
        return {"sources": rows, "count": len(rows)}

    def get(self, sandbox_id: str, data_source_id: str) -> dict[str, Any]:
        """Return one source, without its secret.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :raises ApiError: 404 for an unknown one.
        """
        return self._answer(self._state.source(sandbox_id, data_source_id))

    def update(self, sandbox_id: str, data_source_id: str, fields: dict[str, Any], *, merge: bool) -> dict[str, Any]:
        """Change a source.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :param fields: the checked fields that were sent.
        :param merge: lay ``adapter_config`` over the present one instead of replacing it.
        :raises ApiError: 404 for an unknown one.
        """
        source = self._state.source(sandbox_id, data_source_id)
        present = source.row["adapter_config"]
        if merge and "adapter_config" in fields and isinstance(present, dict):
            fields = {**fields, "adapter_config": deep_merged(present, fields["adapter_config"])}
        source.row.update(fields)
        if "ingestion_mode" in fields:
            realtime = fields["ingestion_mode"] == "realtime"
            source.row["webhook_url"] = self._state.webhook_url(data_source_id) if realtime else None
        return self._answer(source)

    def rotate(self, sandbox_id: str, data_source_id: str) -> dict[str, Any]:
        """Replace the secret of a realtime source.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :raises ApiError: 404 for an unknown one, 400 where it is not realtime, 409 where it is disconnected.
        """
        source = self._state.source(sandbox_id, data_source_id)
        if source.row["ingestion_mode"] != "realtime":
            raise ApiError(400, "bad_request", "Only a realtime data source has a webhook signing secret")
        self._refuse_disconnected(source)
        return {**self._answer(source), "webhook_signing_secret": self._fresh_secret(source)}

    def _refuse_disconnected(self, source: Source) -> None:
        if source.row["status"] == DISCONNECTED:
            raise ApiError(409, "conflict", "The data source is disconnected, which is final")

    def set_status(self, sandbox_id: str, data_source_id: str, status: str) -> dict[str, Any]:
        """Pause, resume or disconnect a source.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :param status: the status to take on.
        :raises ApiError: 404 for an unknown one, 409 for anything but disconnecting a disconnected one.
        """
        source = self._state.source(sandbox_id, data_source_id)
        if status != DISCONNECTED:
            self._refuse_disconnected(source)
        source.row["status"] = status
        return {"status": status}

    def delete(self, sandbox_id: str, data_source_id: str) -> dict[str, Any]:
        """Remove a registration; what was ingested stays.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :raises ApiError: 404 for an unknown one.
        """
        self._state.source(sandbox_id, data_source_id).deleted = True
        return {"deleted": True, "data_source_id": data_source_id}

    def purge(self, sandbox_id: str, data_source_id: str, *, delete_source: bool) -> dict[str, Any]:
        """Remove what a source has brought in.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :param delete_source: remove the registration, too.
        :raises ApiError: 404 for an unknown one.
        """
        source = self._state.source(sandbox_id, data_source_id)
        counts = dict(source.ingested)
        source.ingested = dict.fromkeys(counts, 0)
        source.deleted = delete_source
        return {"data_source_id": data_source_id, "purged": counts, "source_deleted": delete_source}

    def pull(self, sandbox_id: str, data_source_id: str, *, vault_only: bool) -> dict[str, Any]:
        """Queue a job that pulls from a source.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :param vault_only: keep what is pulled but leave the graph alone.
        :raises ApiError: 404 for an unknown one, 409 where it is disconnected.
        """
        source = self._state.source(sandbox_id, data_source_id)
        self._refuse_disconnected(source)
        source.took_in(storage_only=vault_only)
        job = self._queue(sandbox_id, PULL, data_source_id)
        return {key: job[key] for key in ("job_id", "job_type", "status")}

    def ingest(
        self,
        sandbox_id: str,
        data_source_id: str | None,
        *,
        text: str,
        project_id: str | None = None,
        storage_only: bool = False,
    ) -> dict[str, Any]:
        """Take in one text.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source that it is from; its ``last_sync_at`` is stamped.
        :param text: the text, which is not kept.
        :param project_id: the project that it belongs to.
        :param storage_only: keep the text but leave the graph alone.
        :raises ApiError: 404 where the sandbox or the source is unknown.
        """
        self._state.check_sandbox(sandbox_id)
        if data_source_id is not None:
            source = self._state.source(sandbox_id, data_source_id)
            source.row["last_sync_at"] = self._state.timestamp()
            source.took_in(storage_only=storage_only)
        job = self._queue(sandbox_id, INGEST, data_source_id, text)
        return {
            **{key: job[key] for key in ("job_id", "status", "encrypted")},
            "sandbox_id": sandbox_id,
            **({} if project_id is None else {"project_id": project_id}),
            "status_url": f"/api/v1/storage/sandboxes/{sandbox_id}/ingest/{job['job_id']}",
        }

    def _queue(
        self, sandbox_id: str, job_type: str, data_source_id: str | None, text: str | None = None
    ) -> dict[str, Any]:
        return self._state.jobs.queue(
            sandbox_id,
            job_type,
            data_source_id=data_source_id,
            text=text,
            words=self._state.settings.job_states,
            now=self._state.moment(),
        )

    def job(self, sandbox_id: str, job_id: str) -> dict[str, Any]:
        """Return a job; unless jobs get on by time, one state further than at the last look.

        :param sandbox_id: the sandbox.
        :param job_id: the job.
        :raises ApiError: 404 where the sandbox or the job is unknown.
        """
        self._state.check_sandbox(sandbox_id)
        settings = self._state.settings
        return self._state.jobs.look(
            sandbox_id,
            job_id,
            words=settings.job_states,
            seconds=settings.job_seconds,
            pulls=settings.pull_jobs_at_ingest,
            now=self._state.moment(),
        )

    def deliver(self, data_source_id: str, secret: str, *, text: str) -> dict[str, Any]:
        """Take in one webhook delivery.

        :param data_source_id: the source whose ``webhook_url`` was called.
        :param secret: the bearer token that came with it.
        :param text: what was delivered, which is not kept.
        :raises ApiError: 404 for an unknown source, 401 for a secret that is not (or no longer) its own.
        """
        source = self._state.sources.get(data_source_id)
        if source is None or source.deleted or source.row["webhook_url"] is None:
            raise ApiError(404, "not_found", "Webhook not found")
        if not source.accepts(fingerprint(secret), now=self._state.monotonic()):
            raise ApiError(401, "unauthorized", "Wrong webhook signing secret")
        return self.ingest(source.row["sandbox_id"], data_source_id, text=text)
