"""Delete a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration.deletion import Deletion
    from airflow_provider_copass.secret_stores import SecretStore


class DeleteSourceOperator(NamedSourceOperator):
    """Have a source's registration be gone, and the record of it. One that is gone already is fine.

    :param remove_for_good: has to be True: said in the DAG, so that nobody does it by mistake.
    :param purge_knowledge: remove first what came in through the source; otherwise it stays.
    :param remove_secret: remove the source's webhook secret from its store as well, and the one before it that a
        rotation has kept. What may be another source's is left, and named in the log.
    :param secret_store: where the secret is, as of
        :class:`~airflow_provider_copass.operators.RegisterSourceOperator`.
    :param store_as: its key, where it was not registered by this package; one without ``{data_source_id}`` only where
        the store notes whose a secret is. (templated)

    Returns the ``data_source_id``, None where there was no such source.
    """

    template_fields: Sequence[str] = (*NamedSourceOperator.template_fields, "store_as")

    def __init__(
        self,
        *,
        remove_for_good: bool = False,
        purge_knowledge: bool = False,
        remove_secret: bool = False,
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.remove_for_good = remove_for_good
        self.purge_knowledge = purge_knowledge
        self.remove_secret = remove_secret
        self.secret_store = secret_store
        self.store_as = store_as

    def act(self, hook: CopassHook, context: Context) -> str | None:
        """Delete the source, where it is there."""
        from airflow_provider_copass.api import CopassInputError

        del context
        if self.remove_for_good is not True:
            raise CopassInputError(
                "Deleting a source is final. Say remove_for_good=True, or use PauseSourceOperator.",
                fields=("remove_for_good",),
            )
        source = self.found(hook)
        if source is None:
            self.log.info("There is nothing to delete: no %s.", self.named)
            return None
        self._deletion(hook).run(source)
        return source.data_source_id

    def _deletion(self, hook: CopassHook) -> Deletion:
        from airflow_provider_copass.operators.task_instance import WallClock
        from airflow_provider_copass.registration.deletion import Deletion
        from airflow_provider_copass.secret_stores.configured import secret_store_of, store_key_of

        store = secret_store_of(self.secret_store) if self.remove_secret else None
        return Deletion(
            hook.sandbox_id,
            key=store_key_of(self.store_as),
            sources=hook,
            secrets=store,
            records=self._records(),
            report=self.log,
            clock=WallClock(),
            timing=self._timing(hook),
            purge=self.purge_knowledge,
        )
