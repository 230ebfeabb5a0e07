"""Delete a Copass data source: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.named_source import NamedSourceOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration.ports import Records
    from airflow_provider_copass.registration.record import Closed
    from airflow_provider_copass.secret_stores import SecretStore


class DeleteSourceOperator(NamedSourceOperator):
    """Have a source's registration be gone, and the record of it. One that is gone already is fine.

    :param remove_for_good: has to be True: said in the DAG, so that nobody does it by mistake.
    :param purge_knowledge: remove first what came in through the source; otherwise it stays.
    :param remove_secret: remove the source's webhook secret from its store as well.
    :param secret_store: where the secret is, as of
        :class:`~airflow_provider_copass.operators.RegisterSourceOperator`.
    :param store_as: its key, where it was not registered by this package. (templated)

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
        """Delete the source last: whatever is killed before that, the retry finds it and goes on."""
        from contextlib import suppress

        from airflow_provider_copass.api import CopassInputError, CopassNotFoundError

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
        source_id = source.data_source_id
        if self.purge_knowledge:
            hook.purge_source(source_id)
            self.log.info("Purged what came in through source %s.", source_id)
        self._forget(hook, source)
        with suppress(CopassNotFoundError):
            hook.delete_source(source_id)
        self.log.info("Deleted source %s.", source_id)
        return source_id

    def _forget(self, hook: CopassHook, source: Source) -> None:
        """Remove the secret, where asked to, and the record of the registration."""
        from airflow_provider_copass.api import BusyRecordError
        from airflow_provider_copass.registration.record import Open, from_text, name_of

        records = self._records()
        name = name_of(hook.sandbox_id, source.provider, source.name)
        text = records.read(name)
        record = None if text is None else from_text(text, name=name)
        if isinstance(record, Open):
            raise BusyRecordError(
                f"A task is registering source {source.data_source_id} at this moment, or died while it did: the "
                f"record {name!r} is open. Nothing was deleted; try again later, or delete the record."
            )
        ours = record if record is not None and record.source_id == source.data_source_id else None
        if self.remove_secret:
            self._remove_secret(hook, source, ours)
        if ours is not None:
            records.remove(name)

    def _remove_secret(self, hook: CopassHook, source: Source, record: Closed | None) -> None:
        from airflow_provider_copass.api import SourceChangedError
        from airflow_provider_copass.registration.store_key import StoreKey
        from airflow_provider_copass.secret_stores.base import (
            as_secret_store,
            configured_secret_store,
            configured_store_key,
        )

        store = configured_secret_store() if self.secret_store is None else as_secret_store(self.secret_store)
        if record is not None and record.key:
            key = record.key
            if record.store != store.name:
                raise SourceChangedError(
                    f"The webhook secret of source {source.data_source_id} is in the {record.store} {key!r}, and this "
                    f"task names the {store.name}. Name the store that it is in.",
                    data_source_ids=(source.data_source_id,),
                )
        else:
            template = configured_store_key() if self.store_as is None else StoreKey(self.store_as)
            key = template.render(
                sandbox_id=hook.sandbox_id,
                provider=source.provider,
                name=source.name,
                data_source_id=source.data_source_id,
            )
        if store.owner_of(key) not in {None, source.data_source_id}:
            self.log.warning("The %s %r holds another source's secret; it is left there.", store.name, key)
            return
        store.remove(key)
        self.log.info("Removed the webhook secret of source %s from the %s.", source.data_source_id, store.name)

    def _records(self) -> Records:
        """Return where records are kept: Airflow Variables."""
        from airflow_provider_copass.airflow_variables import ProvenVariables

        return ProvenVariables()
