"""Operators on a source that is there, named by its id or by its provider and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.base import CopassOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.hooks import CopassHook


class NamedSourceOperator(CopassOperator):
    """An operator on one source. Not for use by itself.

    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name: the live source of both is meant. (all templated)
    """

    template_fields: Sequence[str] = ("data_source_id", "provider", "name", "sandbox_id", "copass_conn_id")

    def __init__(
        self,
        *,
        data_source_id: str | None = None,
        provider: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_source_id = data_source_id
        self.provider = provider
        self.name = name

    @property
    def named(self) -> str:
        """The source, as the task names it, for a message."""
        return f"source {self.data_source_id}" if self.data_source_id else f"{self.provider} source {self.name!r}"

    def found(self, hook: CopassHook) -> Source | None:
        """Look the source up.

        :return: the source; None where there is none, or by its name no live one.
        :raises CopassInputError: where it is named in neither way or in both.
        :raises SeveralSourcesError: where several live sources have the name.
        """
        from airflow_provider_copass.api import CopassInputError, CopassNotFoundError

        if bool(self.data_source_id) == bool(self.provider and self.name) or bool(self.provider) != bool(self.name):
            raise CopassInputError(
                "A source is named either by data_source_id, or by provider and name: give one of the two.",
                fields=("data_source_id", "provider", "name"),
            )
        if self.data_source_id is None:
            return self._found_by_name(hook)
        try:
            return hook.get_source(self.data_source_id)
        except CopassNotFoundError:
            # Of a sandbox that is not there the list cannot be had either, and that is an error.
            hook.list_sources()
            return None

    def _found_by_name(self, hook: CopassHook) -> Source | None:
        from airflow_provider_copass.api import CopassAnswerError, SeveralSourcesError
        from airflow_provider_copass.registration.wish import DEAD

        listed = hook.list_sources(provider=self.provider)
        if not listed.is_complete:
            raise CopassAnswerError(
                "list_sources: the server counts more sources than it sent; nothing can be concluded. Try again later.",
                operation="list_sources",
            )
        matching = [
            source
            for source in listed.sources
            if (source.provider, source.name) == (self.provider, self.name) and source.status not in DEAD
        ]
        if len(matching) > 1:
            ids = tuple(source.data_source_id for source in matching)
            raise SeveralSourcesError(
                f"{len(ids)} live sources are {self.named}: {', '.join(ids)}. Name the one that is meant by its "
                "data_source_id.",
                data_source_ids=ids,
            )
        return matching[0] if matching else None

    def there(self, hook: CopassHook) -> Source:
        """Look the source up, where it has to be there.

        :raises SourceMissingError: where it is not.
        """
        from airflow_provider_copass.api import SourceMissingError

        source = self.found(hook)
        if source is None:
            raise SourceMissingError(
                f"There is no live {self.named} in sandbox {hook.sandbox_id!r}. Check its name, or register it first."
            )
        return source
