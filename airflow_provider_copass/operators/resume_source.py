"""Resume a paused Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class ResumeSourceOperator(NamedSourceOperator):
    """Have a source be active; one that is active already is left alone. Returns the ``data_source_id``."""

    def act(self, hook: CopassHook, context: Context) -> str:
        """Resume the source, where it is not active."""
        del context
        source = self.there(hook)
        if source.status == "active":
            self.log.info("Source %s is active already.", source.data_source_id)
        else:
            status = hook.resume_source(source.data_source_id).status
            self.log.info("Source %s is %s now.", source.data_source_id, status or "active")
        return source.data_source_id
