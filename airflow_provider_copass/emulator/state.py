"""What the emulated account holds, and its clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.clock import Moment
from airflow_provider_copass.emulator.errors import ApiError
from airflow_provider_copass.emulator.jobs import Jobs
from airflow_provider_copass.emulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_copass.emulator.source import Source

USER_ID = "usr_emulator"


class State:
    """Sandboxes, sources and jobs of one account.

    :param sandboxes: the ids of the sandboxes that exist from the start.
    :param any_sandbox: an unknown sandbox comes into being when it is first named.
    """

    def __init__(self, sandboxes: Iterable[str], *, any_sandbox: bool = False) -> None:
        self._first_sandboxes = tuple(sandboxes)
        self.any_sandbox = any_sandbox
        self.base_url = ""
        self.reset()

    def reset(self) -> None:
        """Go back to how it was at the start."""
        self.settings = Settings()
        self.sandboxes: dict[str, str] = {}
        self.sources: dict[str, Source] = {}
        self.jobs = Jobs()
        for sandbox_id in self._first_sandboxes:
            self.add_sandbox(sandbox_id)

    def now(self) -> datetime:
        """Return the time by the server's clock, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.settings.clock_offset_seconds)

    def timestamp(self) -> str:
        """Return the time by the server's clock as the API writes it, with microseconds."""
        return self.moment().timestamp()

    def monotonic(self) -> float:
        """Return the time that lags and periods of grace are measured by, in seconds."""
        return time.monotonic()

    def moment(self) -> Moment:
        """Return the present moment by both clocks."""
        return Moment(self.monotonic(), self.now())

    def webhook_url(self, data_source_id: str) -> str:
        """Return where a source's webhook is delivered: to this emulator.

        :param data_source_id: the source.
        """
        return f"{self.base_url}/webhooks/{data_source_id}"

    def add_sandbox(self, sandbox_id: str) -> None:
        """Let a sandbox exist.

        :param sandbox_id: its id.
        """
        self.sandboxes.setdefault(sandbox_id, self.timestamp())

    def sandbox(self, sandbox_id: str) -> dict[str, Any]:
        """Return a sandbox as the API answers it.

        :param sandbox_id: its id.
        :raises ApiError: 404 for an unknown one.
        """
        self.check_sandbox(sandbox_id)
        return {
            "sandbox_id": sandbox_id,
            "user_id": USER_ID,
            "owner_id": USER_ID,
            "name": sandbox_id,
            "tier": "free",
            "status": "active",
            "storage_provider_type": "platform_s3",
            "limits": {"max_data_sources": self.settings.quota(sandbox_id)},
            "metadata": {},
            "created_at": self.sandboxes[sandbox_id],
        }

    def check_sandbox(self, sandbox_id: str) -> None:
        """Make sure that a sandbox exists.

        :param sandbox_id: its id.
        :raises ApiError: 404 for an unknown one, unless any will do.
        """
        if sandbox_id in self.sandboxes:
            return
        if not self.any_sandbox:
            raise ApiError(404, "not_found", "Sandbox not found")
        self.add_sandbox(sandbox_id)

    def source(self, sandbox_id: str, data_source_id: str) -> Source:
        """Return a source of a sandbox.

        :param sandbox_id: the sandbox.
        :param data_source_id: the source.
        :raises ApiError: 404 where either is unknown, or the source is another sandbox's or deleted.
        """
        self.check_sandbox(sandbox_id)
        source = self.sources.get(data_source_id)
        if source is None or source.deleted or source.row["sandbox_id"] != sandbox_id:
            raise ApiError(404, "not_found", "Data source not found")
        return source

    def held(self, sandbox_id: str) -> int:
        """Return how many sources a sandbox holds.

        :param sandbox_id: the sandbox.
        """
        return sum(source.row["sandbox_id"] == sandbox_id and not source.deleted for source in self.sources.values())
