"""Ask for a pull from a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class PullSourceOperator(NamedSourceOperator):
    """Queue a pull. Returns the id of the job.

    A pull whose answer was lost may have been queued; the retry queues another, and says so in its log.

    :param since: only what is newer: a date and time with its offset from UTC, or one as ISO 8601 text, such as
        ``{{ ts }}`` or ``{{ prev_data_interval_end_success }}``. Where that is None, as the latter is at a first run:
        everything. (templated)
    :param vault_only: the API's option of this name.
    """

    template_fields: Sequence[str] = (*NamedSourceOperator.template_fields, "since")

    def __init__(self, *, since: datetime | str | None = None, vault_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.vault_only = vault_only

    def act(self, hook: CopassHook, context: Context) -> str:
        """Queue the pull."""
        from airflow_provider_copass.api.requests import read_since

        since = read_since(self.since)
        if context["ti"].try_number > 1:
            self.log.warning("An earlier try may have queued a pull; this one queues another.")
        source = self.there(hook)
        job = hook.pull_source(source.data_source_id, since=since, vault_only=self.vault_only)
        self.log.info("Queued job %s for source %s.", job.job_id, source.data_source_id)
        return job.job_id
