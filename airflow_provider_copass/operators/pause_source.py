"""Pause a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class PauseSourceOperator(NamedSourceOperator):
    """Have a source be paused; one that is paused already is left alone. Returns the ``data_source_id``."""

    def act(self, hook: CopassHook, context: Context) -> str:
        """Pause the source, where it is not."""
        del context
        source = self.there(hook)
        if source.status == "paused":
            self.log.info("Source %s is paused already.", source.data_source_id)
        else:
            status = hook.pause_source(source.data_source_id).status
            self.log.info("Source %s is %s now.", source.data_source_id, status or "paused")
        return source.data_source_id
