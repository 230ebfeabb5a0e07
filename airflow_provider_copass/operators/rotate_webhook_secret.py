"""Rotate a Copass data source's webhook secret: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.secret_stores import SecretStore


class RotateWebhookSecretOperator(NamedSourceOperator):
    """Mint a new webhook secret for a ``realtime`` source and store it; the old one becomes worthless.

    Once a run: a try that finds that an earlier one of the same task instance has done it does nothing more. One that
    was killed between the rotation and the store, or whose answer was lost, is mended by the retry, which rotates once
    more and says so. To tell others, give the task ``outlets``: their event comes when the new secret is in the store,
    and its extra holds ``data_source_id`` and ``stored_as``.

    :param secret_store: where the secret is, as of
        :class:`~airflow_provider_copass.operators.RegisterSourceOperator`.
    :param store_as: its key, as of the same. (templated)
    :param keep_previous: keep the old secret under ``<key>_previous``: for how long it stays good, the server decides.

    XComs: the return value is the ``data_source_id``; ``stored_as`` is the key of the secret. Never the secret.
    """

    template_fields: Sequence[str] = (*NamedSourceOperator.template_fields, "store_as")

    def __init__(
        self,
        *,
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        keep_previous: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.secret_store = secret_store
        self.store_as = store_as
        self.keep_previous = keep_previous

    def act(self, hook: CopassHook, context: Context) -> str:
        """Rotate, unless this task instance has done so already."""
        from airflow_provider_copass.airflow_compat import events_of
        from airflow_provider_copass.api.requests import read_register
        from airflow_provider_copass.operators.task_instance import WallClock, new_mark, owner_of
        from airflow_provider_copass.registration.rotation import Rotation
        from airflow_provider_copass.registration.wish import Wish
        from airflow_provider_copass.secret_stores.configured import secret_store_of, store_key_of

        store = secret_store_of(self.secret_store)
        key = store_key_of(self.store_as)
        # A reference to an asset that is not there fails the task: better with the old secret still good.
        events = events_of(self.outlets, context)
        source = self.there(hook)
        done = Rotation(
            Wish(
                sandbox_id=hook.sandbox_id,
                source=read_register(provider=source.provider, name=source.name, ingestion_mode="realtime"),
                key=key,
            ),
            found=source,
            keep_previous=self.keep_previous,
            sources=hook,
            secrets=store,
            records=self._records(),
            report=self.log,
            clock=WallClock(),
            owner=owner_of(context["ti"]),
            mark=new_mark(),
            timing=self._timing(hook),
        ).run()
        source_id = done.source.data_source_id
        if self.do_xcom_push and done.stored_as is not None:
            context["ti"].xcom_push(key="stored_as", value=done.stored_as)
        for event in events:
            event.extra.update({"data_source_id": source_id, "stored_as": done.stored_as})
        return source_id
