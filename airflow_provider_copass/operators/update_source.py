"""Update a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators._base import SourceRefOperator
from airflow_provider_copass.operators._redaction import bounded, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Updated
    from airflow_provider_copass.registration.drift import Declared


class UpdateSourceOperator(SourceRefOperator):
    """Update a source's fields and name to the declared values. Only what differs is sent; if nothing does, nothing is.

    :param new_name: the source's new name, 1 to 255 characters. A source that has it already is accepted, also where
        the task refers to it by its old name. (templated)
    :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual``. (templated)
    :param external_account_id: such as a Slack workspace. (templated)
    :param adapter_config: provider-specific settings: an object, or a JSON object as text. Airflow sees the keys of the
        rendered value, and none of its values. (templated)
    :param poll_interval_seconds: seconds between polls, at least 60: a number, or one as text. (templated)
    :param merge_adapter_config: merge ``adapter_config`` into the existing one, key by key and deeply. False to replace
        the existing one. (templated)
    :param clear: which of ``external_account_id``, ``adapter_config`` and ``poll_interval_seconds`` to empty: a list,
        or a JSON list as text. (templated)

    The server may mask or drop a value of ``adapter_config`` in its answers. Such a value is sent once, and again when
    the task declares another one.

    XComs: the return value is the ``data_source_id``; ``changed`` is the list of changed fields, such as
    ``adapter_config.channels``; ``source`` is the source as JSON, without its secret and without ``adapter_config``.
    """

    template_fields: Sequence[str] = (
        *SourceRefOperator.template_fields,
        "new_name",
        "ingestion_mode",
        "external_account_id",
        "adapter_config",
        "poll_interval_seconds",
        "merge_adapter_config",
        "clear",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"adapter_config": "json"}

    def __init__(
        self,
        *,
        new_name: str | None = None,
        ingestion_mode: str | None = None,
        external_account_id: str | None = None,
        adapter_config: dict[str, Any] | str | None = None,
        poll_interval_seconds: int | str | None = None,
        merge_adapter_config: bool | str = False,
        clear: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.new_name = new_name
        self.ingestion_mode = ingestion_mode
        self.external_account_id = external_account_id
        self.adapter_config = bounded(adapter_config)
        self.poll_interval_seconds = poll_interval_seconds
        self.merge_adapter_config = merge_adapter_config
        self.clear = clear

    def _run(self, hook: CopassHook, context: Context) -> str:
        """Update what differs."""
        from airflow_provider_copass.registration import update

        updated = update(self._ref(hook), self._declared(), self._runtime(hook, context))
        self._write_to(hook, [updated.source.data_source_id])
        self._push(context, updated)
        return updated.source.data_source_id

    def _declared(self) -> Declared:
        """Read the rendered fields."""
        from airflow_provider_copass._inputs import read_switch, warn_of_padding
        from airflow_provider_copass.operators._fields import read_change

        warn_of_padding(self.log, new_name=self.new_name, external_account_id=self.external_account_id)
        return read_change(
            new_name=self.new_name,
            clear=self.clear,
            merge_adapter_config=read_switch("merge_adapter_config", self.merge_adapter_config),
            ingestion_mode=self.ingestion_mode,
            external_account_id=self.external_account_id,
            adapter_config=value_of(self.adapter_config),
            poll_interval_seconds=self.poll_interval_seconds,
        )

    def _push(self, context: Context, updated: Updated) -> None:
        """Push the XComs beside the return value."""
        if not self.do_xcom_push:
            return
        push = context["ti"].xcom_push
        push(key="changed", value=list(updated.changed))
        push(key="source", value=updated.source.summary())
