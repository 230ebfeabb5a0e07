"""Disconnect a Copass data source permanently: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.operators._base import SourceRefOperator

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class DisconnectSourceOperator(SourceRefOperator):
    """Disconnect a source permanently: it cannot be resumed.

    To stop it for a while, use :class:`~airflow_provider_copass.operators.PauseSourceOperator`. A source that does not
    exist or is disconnected already is a success. After a kill, a retry does not disconnect a source that another run
    has registered since.

    Returns the ``data_source_id``, or None if there is no such source.
    """

    def _run(self, hook: CopassHook, context: Context) -> str | None:
        """Disconnect the source, if it exists."""
        from airflow_provider_copass.registration import Deletion

        return Deletion(self._ref(hook), self._runtime(hook, context), "disconnect").run()
