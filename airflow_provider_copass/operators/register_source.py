"""Register a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators._base import CopassOperator
from airflow_provider_copass.operators._redaction import bounded, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Registered, SourceSpec
    from airflow_provider_copass.secret_stores import SecretStore


class RegisterSourceOperator(CopassOperator):
    """Ensure that a Copass data source exists and its webhook secret is stored.

    The task creates the source if it is missing and reuses it if it exists: a source is recognised by its sandbox,
    provider and name, so a schedule may run the task again and again. There is one source, and its secret is stored,
    even if the task is retried, killed, run twice at once, or loses a response. With ``{{ ds }}`` in ``name`` every run
    creates a source of its own.

    :param name: the source's name, 1 to 255 characters. (templated)
    :param provider: ``slack``, ``github``, ``linear`` … (templated)
    :param sandbox_id: the sandbox. None for the connection's. (templated)
    :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual``. None for the server's default
        (``manual``) if the source is created; an existing source keeps its mode. (templated)
    :param kind: ``durable``, or ``ephemeral`` for a source that the server archives when it is unused. None as for
        ``ingestion_mode`` (``durable``). (templated)
    :param external_account_id: such as a Slack workspace. (templated)
    :param adapter_config: provider-specific settings: an object, or a JSON object as text. Airflow sees the keys of the
        rendered value, and none of its values. (templated)
    :param poll_interval_seconds: seconds between polls, at least 60: a number, or one as text. (templated)
    :param if_exists: what to do with a live source of the same sandbox, provider and name: ``reuse`` it, with a warning
        for each field that differs; ``update`` the declared fields that differ; or ``fail``.
    :param secret_store: where to store the webhook secret of a ``realtime`` source: ``variable`` (an Airflow Variable),
        ``backend`` (the secrets backend that this deployment reads from), or a
        :class:`~airflow_provider_copass.secret_stores.SecretStore`, also as the dotted path of its class. None for
        ``[copass] secret_store`` of Airflow's configuration, or ``variable`` if that is not set.
    :param store_as: the secret's key. It may use ``{data_source_id}``, ``{sandbox_id}``, ``{provider}`` and ``{name}``.
        None for ``[copass] store_as``, or ``copass_webhook_secret_{data_source_id}`` if that is not set. Keep the word
        ``secret`` in it: Airflow masks by key. (templated)
    :param on_missing_secret: what to do if a ``realtime`` source exists and its secret is not in the store: ``fail``,
        ``rotate`` (mint a new one; the old one becomes invalid) or ``ignore``.
    :param copass_conn_id: the id of the Airflow connection, of type ``copass``. (templated)

    XComs: the return value is the ``data_source_id``, also pushed under that key; ``source`` is the source as JSON,
    without its secret and without ``adapter_config``; ``stored_as`` is the secret's key, if there is one. Never the
    secret.
    """

    template_fields: Sequence[str] = (
        "name",
        "provider",
        "sandbox_id",
        "ingestion_mode",
        "kind",
        "external_account_id",
        "adapter_config",
        "poll_interval_seconds",
        "store_as",
        "copass_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"adapter_config": "json"}

    def __init__(
        self,
        *,
        name: str,
        provider: str,
        sandbox_id: str | None = None,
        ingestion_mode: str | None = None,
        kind: str | None = None,
        external_account_id: str | None = None,
        adapter_config: dict[str, Any] | str | None = None,
        poll_interval_seconds: int | str | None = None,
        if_exists: str = "reuse",
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        on_missing_secret: str = "fail",
        copass_conn_id: str = "copass_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(sandbox_id=sandbox_id, copass_conn_id=copass_conn_id, **kwargs)
        self.name = name
        self.provider = provider
        self.ingestion_mode = ingestion_mode
        self.kind = kind
        self.external_account_id = external_account_id
        self.adapter_config = bounded(adapter_config)
        self.poll_interval_seconds = poll_interval_seconds
        self.if_exists = if_exists
        self.secret_store = secret_store
        self.store_as = store_as
        self.on_missing_secret = on_missing_secret

    def _run(self, hook: CopassHook, context: Context) -> str:
        """Create the source, or reuse the existing one."""
        from airflow_provider_copass.errors import CopassError
        from airflow_provider_copass.metrics import count_registrations
        from airflow_provider_copass.registration import Registration
        from airflow_provider_copass.secret_stores.configured import secret_store_of

        store = secret_store_of(self.secret_store)
        spec = self._read_spec(hook)
        try:
            registered = Registration(spec, self._runtime(hook, context, store)).run()
        except CopassError:
            count_registrations(["failed"])
            raise
        count_registrations([registered.outcome])
        self._write_to(hook, [registered.source.data_source_id])
        self._push(context, registered)
        return registered.source.data_source_id

    def _read_spec(self, hook: CopassHook) -> SourceSpec:
        """Read the rendered fields."""
        from airflow_provider_copass._inputs import read_reference, warn_of_padding
        from airflow_provider_copass.operators._fields import read_source
        from airflow_provider_copass.registration import SourceSpec
        from airflow_provider_copass.secret_stores.configured import store_key_of

        source = read_source(
            {
                "provider": self.provider,
                "name": self.name,
                "ingestion_mode": self.ingestion_mode,
                "kind": self.kind,
                "external_account_id": self.external_account_id,
                "adapter_config": value_of(self.adapter_config),
                "poll_interval_seconds": self.poll_interval_seconds,
            }
        )
        warn_of_padding(
            self.log, provider=source.provider, name=source.name, external_account_id=source.external_account_id
        )
        return SourceSpec(
            sandbox_id=hook.sandbox_id,
            source=source,
            if_exists=self.if_exists,
            on_missing_secret=self.on_missing_secret,
            store_key=store_key_of(read_reference("store_as", self.store_as)),
        )

    def _push(self, context: Context, registered: Registered) -> None:
        """Push the XComs beside the return value."""
        if not self.do_xcom_push:
            return
        push = context["ti"].xcom_push
        push(key="data_source_id", value=registered.source.data_source_id)
        push(key="source", value=registered.source.summary())
        if registered.stored_as is not None:
            push(key="stored_as", value=registered.stored_as)
