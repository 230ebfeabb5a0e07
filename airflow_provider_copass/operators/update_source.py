"""Change a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators.named_source import NamedSourceOperator
from airflow_provider_copass.operators.unshown import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration.change import Change
    from airflow_provider_copass.registration.in_place import Changed


class UpdateSourceOperator(NamedSourceOperator):
    """Have a source's fields be as declared: what differs is sent, and where nothing does, nothing is.

    :param new_name: the name that the source shall have, 1 to 255 characters. A source that has it already is fine,
        also where the task names it by the old one. (templated)
    :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual``. (templated)
    :param external_account_id: such as a Slack workspace. (templated)
    :param adapter_config: provider-specific settings: an object, or a JSON object as text. Once it is rendered,
        Airflow gets to see its keys and no value. (templated)
    :param poll_interval_seconds: seconds between polls, at least 60: a number, or one as text. (templated)
    :param merge_adapter_config: merge ``adapter_config`` into what is there, key by key and deeply; otherwise it takes
        the place of all that is there.
    :param clear: which of ``external_account_id``, ``adapter_config`` and ``poll_interval_seconds`` shall be empty: a
        list, or a JSON list as text. (templated)

    A value of ``adapter_config`` that the server does not show as it was sent (it masks or drops it) is sent once, and
    again when it is declared anew.

    XComs: the return value is the ``data_source_id``; ``changed`` is the list of what was changed, such as
    ``adapter_config.channels``; ``source`` is the source as JSON without its secret and without ``adapter_config``.
    """

    template_fields: Sequence[str] = (
        *NamedSourceOperator.template_fields,
        "new_name",
        "ingestion_mode",
        "external_account_id",
        "adapter_config",
        "poll_interval_seconds",
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
        merge_adapter_config: bool = False,
        clear: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.new_name = new_name
        self.ingestion_mode = ingestion_mode
        self.external_account_id = external_account_id
        self.adapter_config = adapter_config
        self.poll_interval_seconds = poll_interval_seconds
        self.merge_adapter_config = merge_adapter_config
        self.clear = clear

    def act(self, hook: CopassHook, context: Context) -> str:
        """Change what differs."""
        from airflow_provider_copass.operators.task_instance import WallClock, new_mark, owner_of
        from airflow_provider_copass.registration.changing import Changing

        done = Changing(
            self._change(hook),
            sources=hook,
            records=self._records(),
            report=self.log,
            clock=WallClock(),
            owner=owner_of(context["ti"]),
            mark=new_mark(),
            timing=self._timing(hook),
        ).run()
        self._push(context, done)
        return done.source.data_source_id

    def _change(self, hook: CopassHook) -> Change:
        """Read the rendered fields."""
        from airflow_provider_copass.registration.change import Change, read_declared

        declared = read_declared(
            new_name=self.new_name,
            clear=self.clear,
            merge_adapter_config=self.merge_adapter_config,
            ingestion_mode=self.ingestion_mode,
            external_account_id=self.external_account_id,
            adapter_config=value_of(self.adapter_config),
            poll_interval_seconds=self.poll_interval_seconds,
        )
        return Change(hook.sandbox_id, self.named, declared)

    def _push(self, context: Context, done: Changed) -> None:
        """Push the XComs beside the return value."""
        from airflow_provider_copass.registration.outcome import shown

        if not self.do_xcom_push:
            return
        push = context["ti"].xcom_push
        push(key="changed", value=list(done.names))
        push(key="source", value=shown(done.source))
