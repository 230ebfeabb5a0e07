"""Register a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators.base import CopassOperator
from airflow_provider_copass.operators.unshown import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Registered, Wish
    from airflow_provider_copass.secret_stores import SecretStore


class RegisterSourceOperator(CopassOperator):
    """Have a Copass data source be there, and its webhook secret in the store.

    The source is looked up first by sandbox, provider and name, so a schedule may run this task again and again: it
    registers what is missing and adopts what is there. A ``{{ ds }}`` in ``name`` registers a new
    source in every run.

    :param name: the source's name, 1 to 255 characters. (templated)
    :param provider: ``slack``, ``github``, ``linear`` … (templated)
    :param sandbox_id: the sandbox; None for the connection's. (templated)
    :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual``; None for the server's default for a new
        source (``manual``), and for what it is of a source that is there. (templated)
    :param kind: ``durable``, or ``ephemeral`` for one that the server archives when unused; None as of
        ``ingestion_mode`` (``durable``). (templated)
    :param external_account_id: such as a Slack workspace. (templated)
    :param adapter_config: provider-specific settings: an object, or a JSON object as text. Once
        it is rendered, Airflow gets to see its keys and no value. (templated)
    :param poll_interval_seconds: seconds between polls, at least 60: a number, or one as text. (templated)
    :param if_exists: what to do with a live source of the same sandbox, provider and name: ``reuse`` adopts it and
        warns of each field that differs, ``update`` changes the declared fields that differ, ``fail`` fails.
    :param secret_store: where the webhook secret of a ``realtime`` source goes: ``variable`` (an Airflow Variable),
        ``backend`` (the secrets backend that this deployment reads from), or a
        :class:`~airflow_provider_copass.secret_stores.SecretStore`, also by the dotted path of its class. None for
        ``[copass] secret_store`` of Airflow's configuration, else ``variable``.
    :param store_as: the secret's key; may use ``{data_source_id}``, ``{sandbox_id}``, ``{provider}`` and ``{name}``.
        None for ``[copass] store_as``, else ``copass_webhook_secret_{data_source_id}``. Keep the word ``secret`` in it:
        Airflow masks by key. (templated)
    :param on_missing_secret: what to do where a ``realtime`` source is there and its secret is not in the store:
        ``fail``, ``rotate`` (a new secret; the old one becomes worthless) or ``ignore``.
    :param copass_conn_id: the Airflow connection, of type ``copass``. (templated)

    XComs: the return value is the ``data_source_id``, also pushed under that key; ``source`` is the source as JSON
    without its secret and without ``adapter_config``; ``stored_as`` is the key of the secret, where there is one. Never
    the secret.
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
        self.adapter_config = adapter_config
        self.poll_interval_seconds = poll_interval_seconds
        self.if_exists = if_exists
        self.secret_store = secret_store
        self.store_as = store_as
        self.on_missing_secret = on_missing_secret

    def act(self, hook: CopassHook, context: Context) -> str:
        """Register the source, or adopt the one that is there."""
        registered = self._register(hook, context)
        self._push(context, registered)
        return registered.source.data_source_id

    def _register(self, hook: CopassHook, context: Context) -> Registered:
        """Check everything that can be checked without a request, then go."""
        from airflow_provider_copass.operators.task_instance import WallClock, new_mark, owner_of
        from airflow_provider_copass.registration import Registration
        from airflow_provider_copass.secret_stores.configured import secret_store_of

        store = secret_store_of(self.secret_store)
        wish = self._wish(hook)
        # A client that cannot work is refused here, before the first request and not by it.
        hook.get_conn()
        return Registration(
            wish,
            sources=hook,
            secrets=store,
            records=self._records(),
            report=self.log,
            clock=WallClock(),
            owner=owner_of(context["ti"]),
            mark=new_mark(),
            timing=self._timing(hook),
        ).run()

    def _wish(self, hook: CopassHook) -> Wish:
        """Read the rendered fields."""
        from airflow_provider_copass.api.requests import read_register
        from airflow_provider_copass.registration import Wish
        from airflow_provider_copass.secret_stores.configured import store_key_of

        source = read_register(
            provider=self.provider,
            name=self.name,
            ingestion_mode=self.ingestion_mode,
            kind=self.kind,
            external_account_id=self.external_account_id,
            adapter_config=value_of(self.adapter_config),
            poll_interval_seconds=self.poll_interval_seconds,
        )
        return Wish(
            sandbox_id=hook.sandbox_id,
            source=source,
            if_exists=self.if_exists,
            on_missing_secret=self.on_missing_secret,
            key=store_key_of(self.store_as),
        )

    def _push(self, context: Context, registered: Registered) -> None:
        """Push the XComs beside the return value."""
        if not self.do_xcom_push:
            return
        push = context["ti"].xcom_push
        push(key="data_source_id", value=registered.source.data_source_id)
        push(key="source", value=registered.shown())
        if registered.stored_as is not None:
            push(key="stored_as", value=registered.stored_as)
