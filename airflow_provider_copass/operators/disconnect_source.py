"""Disconnect a Copass data source for good: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook


class DisconnectSourceOperator(NamedSourceOperator):
    """Have a source be disconnected, which is final: it cannot be resumed. One that is gone already is fine.

    :param stop_for_good: has to be True: said in the DAG, so that nobody does it by mistake.

    Returns the ``data_source_id``, None where there was no such source.
    """

    def __init__(self, *, stop_for_good: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stop_for_good = stop_for_good

    def act(self, hook: CopassHook, context: Context) -> str | None:
        """Disconnect the source, where it is not."""
        from airflow_provider_copass.api import CopassInputError

        del context
        if self.stop_for_good is not True:
            raise CopassInputError(
                "Disconnecting a source is final: it cannot be resumed. Say stop_for_good=True, or use "
                "PauseSourceOperator.",
                fields=("stop_for_good",),
            )
        source = self.found(hook)
        if source is None or source.status == "disconnected":
            self.log.info("There is nothing to disconnect: no live %s.", self.named)
            return None if source is None else source.data_source_id
        hook.disconnect_source(source.data_source_id)
        self.log.info("Source %s is disconnected.", source.data_source_id)
        return source.data_source_id
