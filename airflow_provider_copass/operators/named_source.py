"""Operators on a source that is there, named by its id or by its provider and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.base import CopassOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration.named import Named


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
    def named(self) -> Named:
        """The source, as the task names it.

        :raises CopassInputError: where it is named in neither way or in both.
        """
        from airflow_provider_copass.registration.named import Named

        return Named(self.data_source_id, self.provider, self.name)

    def found(self, hook: CopassHook) -> Source | None:
        """Look the source up.

        :return: the source; None where there is none, or by its name no live one.
        :raises CopassInputError: where it is named in neither way or in both.
        :raises DuplicateSourcesError: where several live sources have the name.
        """
        return self.named.found(hook)

    def there(self, hook: CopassHook) -> Source:
        """Look the source up, where it has to be there.

        :raises SourceMissingError: where it is not.
        """
        return self.named.there(hook, hook.sandbox_id)
