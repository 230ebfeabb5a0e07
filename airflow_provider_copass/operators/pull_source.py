"""Queue a pull from a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._base import SourceRefOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class PullSourceOperator(SourceRefOperator):
    """Queue a pull from a source, without waiting for it.

    If the answer is lost, the pull may have been queued. A retry queues another one, and warns of it in its log.

    :param since: pull only what is newer: a date and time with its offset from UTC, or one as ISO 8601 text, such as
        ``{{ ts }}`` or ``{{ prev_data_interval_end_success }}``. None, as the latter is at a first run, for everything.
        (templated)
    :param vault_only: the API's option of this name. (templated)

    Returns the id of the job.
    """

    template_fields: Sequence[str] = (*SourceRefOperator.template_fields, "since", "vault_only")

    def __init__(self, *, since: datetime | str | None = None, vault_only: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since
        self.vault_only = vault_only

    def _run(self, hook: CopassHook, context: Context) -> str:
        """Queue the pull."""
        from airflow_provider_copass._inputs import read_switch
        from airflow_provider_copass.api.requests import read_since
        from airflow_provider_copass.registration import require

        since = read_since(self.since)
        vault_only = read_switch("vault_only", self.vault_only)
        ref = self._ref(hook)
        if context["ti"].try_number > 1:
            self.log.warning("An earlier try may have queued a pull. This one queues another.")
        source = require(ref, self._runtime(hook, context))
        job = hook.pull_source(source.data_source_id, since=since, vault_only=vault_only)
        self._write_to(hook, [source.data_source_id])
        self.log.info("Queued job %s for source %s.", job.job_id, source.data_source_id)
        return job.job_id
