"""Wait until a Copass data source has synced: the sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.sensors._base import SourceSensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow_provider_copass.waiting import Condition


class SourceSyncedSensor(SourceSensor):
    """Wait until a source's ``last_sync_at`` is newer than a moment, or not older than a length of time.

    Copass stamps it at each successful ingest: what came in is accepted, and may not be extracted yet. Give one of:

    :param newer_than: a date and time with its offset from UTC, or one as ISO 8601 text, such as
        ``{{ data_interval_end }}``. It is never "what it was when the sensor started": a sync that is over by then
        would be missed. (templated)
    :param max_age: seconds as a number or as text, or a ``timedelta``; by the server's clock. (templated)

    Returns ``last_sync_at`` as ISO 8601 text.
    """

    template_fields: Sequence[str] = (*SourceSensor.template_fields, "newer_than", "max_age")

    def __init__(
        self,
        *,
        newer_than: datetime | str | None = None,
        max_age: float | timedelta | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.newer_than = newer_than
        self.max_age = max_age

    def _condition(self) -> Condition[Any, str]:
        """Read the rendered condition."""
        from airflow_provider_copass._inputs import read_moment, read_seconds
        from airflow_provider_copass.errors import CopassInputError
        from airflow_provider_copass.waiting import SyncedSince, SyncedWithin

        newer_than = read_moment("newer_than", self.newer_than)
        max_age = read_seconds("max_age", self.max_age)
        if newer_than is not None and max_age is None:
            return SyncedSince(newer_than)
        if max_age is not None and newer_than is None:
            return SyncedWithin(max_age)
        raise CopassInputError(
            "Refused before any request: give either newer_than or max_age, and a value that is not None: from when on "
            "a sync counts is never guessed.",
            fields=("newer_than", "max_age"),
        )
