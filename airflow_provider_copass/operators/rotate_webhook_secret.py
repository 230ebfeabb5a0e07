"""Rotate a Copass data source's webhook secret: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._base import SourceRefOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.secret_stores import SecretStore


class RotateWebhookSecretOperator(SourceRefOperator):
    """Mint a new webhook secret for a ``realtime`` source and store it. The old secret becomes invalid.

    A task instance rotates once: a retry does nothing if an earlier try has stored the new secret. If a try is killed
    between the rotation and the store, or loses the answer, its retry rotates once more and says so in the log.

    To notify others, give the task ``outlets``. Their events are sent when the new secret is stored, and their extra
    holds ``data_source_id`` and ``stored_as``.

    :param secret_store: where the secret is stored, as in
        :class:`~airflow_provider_copass.operators.RegisterSourceOperator`.
    :param store_as: the secret's key, as there. (templated)
    :param keep_previous: keep the old secret under ``<key>_previous``. The server decides for how long it stays valid.
        (templated)

    XComs: the return value is the ``data_source_id``; ``stored_as`` is the secret's key. Never the secret.
    """

    template_fields: Sequence[str] = (*SourceRefOperator.template_fields, "store_as", "keep_previous")

    def __init__(
        self,
        *,
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        keep_previous: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.secret_store = secret_store
        self.store_as = store_as
        self.keep_previous = keep_previous

    def _run(self, hook: CopassHook, context: Context) -> str:
        """Rotate the secret, unless this task instance has done so already."""
        from airflow_provider_copass._inputs import read_reference, read_switch
        from airflow_provider_copass.airflow_compat import events_of
        from airflow_provider_copass.registration import Rotation
        from airflow_provider_copass.secret_stores.configured import secret_store_of, store_key_of

        keep_previous = read_switch("keep_previous", self.keep_previous)
        store = secret_store_of(self.secret_store)
        store_key = store_key_of(read_reference("store_as", self.store_as))
        ref = self._ref(hook)
        # A reference to an asset that does not exist fails the task: better while the old secret is still valid.
        events = events_of(self.outlets, context)
        runtime = self._runtime(hook, context, store)
        rotated = Rotation(ref, store_key, runtime, keep_previous=keep_previous).run()
        source_id = rotated.source.data_source_id
        if self.do_xcom_push and rotated.stored_as is not None:
            context["ti"].xcom_push(key="stored_as", value=rotated.stored_as)
        for event in events:
            event.extra.update({"data_source_id": source_id, "stored_as": rotated.stored_as})
        return source_id
