"""Resume a paused Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.operators._base import SourceRefOperator

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class ResumeSourceOperator(SourceRefOperator):
    """Resume a paused source. A source that is active already is left as it is.

    Returns the ``data_source_id``.
    """

    def _run(self, hook: CopassHook, context: Context) -> str:
        """Resume the source, unless it is active."""
        from airflow_provider_copass.registration import require

        source = require(self._ref(hook), self._runtime(hook, context))
        if source.status == "active":
            self.log.info("Source %s is active already.", source.data_source_id)
        else:
            hook.resume_source(source.data_source_id)
            self.log.info("Resumed source %s.", source.data_source_id)
        return source.data_source_id
