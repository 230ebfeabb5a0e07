"""How a task names a source that is there, and looking it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_copass.api.calls import check_path_part
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import (
    CopassAnswerError,
    CopassInputError,
    CopassNotFoundError,
    DuplicateSourcesError,
    SourceMissingError,
)
from airflow_provider_copass.registration.wish import DEAD

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source, SourceList
    from airflow_provider_copass.registration.ports import Sources


@dataclass(frozen=True, slots=True)
class Named:
    """A source, by its id or by its provider and name.

    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name: the live source of both is meant.
    :raises CopassInputError: where it is named in neither way or in both, or in something that names none.

    A number, such as a template rendered natively gives, is read as its text, as it is when a source is registered.
    """

    data_source_id: str | None = None
    provider: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Check that it is named in one way, and read it."""
        by_id, by_provider, by_name = (
            given not in (None, "") for given in (self.data_source_id, self.provider, self.name)
        )
        if by_id == by_provider or by_provider != by_name:
            raise CopassInputError(
                "A source is named either by data_source_id, or by provider and name: give one of the two.",
                fields=("data_source_id", "provider", "name"),
            )
        if by_id:
            object.__setattr__(self, "data_source_id", check_path_part("data_source_id", self.data_source_id))
            return
        read = read_register(provider=self.provider, name=self.name)
        object.__setattr__(self, "provider", read.provider)
        object.__setattr__(self, "name", read.name)

    def __str__(self) -> str:
        return f"source {self.data_source_id}" if self.data_source_id else f"{self.provider} source {self.name!r}"

    def found(self, sources: Sources) -> Source | None:
        """Look the source up, with one request.

        :return: the source; None where there is none, or by its name no live one.
        :raises DuplicateSourcesError: where several live sources have the name.
        """
        if not self.data_source_id:
            return self.one_of(live_of(sources.list_sources(provider=self.provider), self.provider, self.name))
        try:
            return sources.get_source(self.data_source_id)
        except CopassNotFoundError:
            # Of a sandbox that is not there the list cannot be had either, and that is an error.
            sources.list_sources()
            return None

    def there(self, sources: Sources, sandbox_id: str) -> Source:
        """Look the source up, where it has to be there.

        :param sandbox_id: where it is, for the message.
        :raises SourceMissingError: where it is not.
        """
        source = self.found(sources)
        if source is None:
            raise self.missing(sandbox_id)
        return source

    def missing(self, sandbox_id: str) -> SourceMissingError:
        """Return the error of a source that is not there."""
        return SourceMissingError(
            f"There is no live {self} in sandbox {sandbox_id!r}. Check its name, or register it first."
        )

    def one_of(self, matching: list[Source]) -> Source | None:
        """Return the one source of this name; None where there is none.

        :raises DuplicateSourcesError: where there are several.
        """
        if len(matching) > 1:
            ids = tuple(source.data_source_id for source in matching)
            raise DuplicateSourcesError(
                f"{len(ids)} live sources are {self}: {', '.join(ids)}. Name the one that is meant by its "
                "data_source_id.",
                data_source_ids=ids,
            )
        return matching[0] if matching else None


def live_of(listed: SourceList, provider: str | None, name: str | None) -> list[Source]:
    """Return the live sources of a provider and a name.

    :raises CopassAnswerError: where the list is not whole: from a part of it nothing can be concluded.
    """
    if not listed.is_complete:
        raise CopassAnswerError(
            "list_sources: the server counts more sources than it sent; nothing can be concluded. Try again later.",
            operation="list_sources",
        )
    return [
        source
        for source in listed.sources
        if (source.provider, source.name) == (provider, name) and source.status not in DEAD
    ]
