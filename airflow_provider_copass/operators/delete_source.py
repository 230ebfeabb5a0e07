"""Delete a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._base import SourceRefOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.secret_stores import SecretStore


class DeleteSourceOperator(SourceRefOperator):
    """Delete a source's registration, and its journal entry.

    A source that does not exist is a success. After a kill, a retry does not delete a source that another run has
    registered since. What came in through the source, and its webhook secret, stay unless asked otherwise.

    :param purge_knowledge: first remove what came in through the source. (templated)
    :param remove_secret: also remove the source's webhook secret from its store, and the previous secret that a
        rotation has kept. A secret that may belong to another source is left, and named in the log. (templated)
    :param secret_store: where the secret is, as in
        :class:`~airflow_provider_copass.operators.RegisterSourceOperator`.
    :param store_as: the secret's key, where this package did not register the source. A key without
        ``{data_source_id}`` is removed only if the store notes which source a secret belongs to. (templated)

    Returns the ``data_source_id``, or None if there is no such source.
    """

    template_fields: Sequence[str] = (
        *SourceRefOperator.template_fields,
        "purge_knowledge",
        "remove_secret",
        "store_as",
    )

    def __init__(
        self,
        *,
        purge_knowledge: bool | str = False,
        remove_secret: bool | str = False,
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.purge_knowledge = purge_knowledge
        self.remove_secret = remove_secret
        self.secret_store = secret_store
        self.store_as = store_as

    def _run(self, hook: CopassHook, context: Context) -> str | None:
        """Delete the source, if it exists."""
        from airflow_provider_copass._inputs import read_reference, read_switch
        from airflow_provider_copass.registration import Deletion
        from airflow_provider_copass.secret_stores.configured import secret_store_of, store_key_of

        purge_knowledge = read_switch("purge_knowledge", self.purge_knowledge)
        remove_secret = read_switch("remove_secret", self.remove_secret)
        # A typing error is refused even if no secret is to be removed: else it would show only when one is.
        is_read = remove_secret or self.secret_store is not None
        store = secret_store_of(self.secret_store) if is_read else None
        store_key = store_key_of(read_reference("store_as", self.store_as))
        return Deletion(
            self._ref(hook),
            self._runtime(hook, context, store if remove_secret else None),
            "delete",
            store_key=store_key if remove_secret else None,
            purge=purge_knowledge,
        ).run()
