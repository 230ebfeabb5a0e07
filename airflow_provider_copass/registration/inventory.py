"""What lives on the server, as one look showed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_copass.api import Source, SourceList
    from airflow_provider_copass.registration.spec import Identity

_MOST_AHEAD = 366 * 86400.0
"""Seconds by which a server's clock may differ from ours."""


@dataclass(frozen=True)
class Inventory:
    """The sources of a sandbox, or of one provider in it.

    :param by_id: every source that was shown, by its id.
    :param server_ahead: seconds by which the server's clock is ahead of ours, as far as its answer told.
    :param took: seconds that the answer took; by as many the server's clock may be further ahead.
    """

    by_id: dict[str, Source] = field(default_factory=dict)
    server_ahead: float = 0.0
    took: float = 0.0
    _by_name: dict[tuple[str, str], list[Source]] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: Iterable[Source], *, server_ahead: float = 0.0, took: float = 0.0) -> Inventory:
        """Make one of some sources."""
        by_id = {source.data_source_id: source for source in sources}
        by_name: dict[tuple[str, str], list[Source]] = {}
        for source in sorted(by_id.values(), key=_age):
            if source.is_live:
                by_name.setdefault((source.provider, source.name), []).append(source)
        return cls(by_id, server_ahead, took, by_name)

    @classmethod
    def of_list(cls, listed: SourceList, *, now: float, took: float = 0.0) -> Inventory:
        """Make one of a list.

        :param now: seconds since the epoch, by our clock, when it came.
        :raises CopassAnswerError: if the list is cut short: from a part of it nothing can be concluded.
        """
        sources = listed.require_complete()
        ahead = 0.0 if listed.answered_at is None else listed.answered_at.timestamp() - now
        # A clock that far off is no clock; ours is the better guess then.
        return cls.of(sources, server_ahead=ahead if abs(ahead) < _MOST_AHEAD else 0.0, took=took)

    def matching(self, identity: Identity) -> list[Source]:
        """Return the live sources of an identity, the oldest first."""
        return self._by_name.get((identity.provider, identity.name), [])

    def live(self, source_id: str) -> Source | None:
        """Return a source if it lives; None if it was not shown, or is archived or disconnected."""
        source = self.by_id.get(source_id)
        return source if source is not None and source.is_live else None

    def with_sources(self, sources: Iterable[Source]) -> Inventory:
        """Return the same with some more sources, which were read one by one."""
        return Inventory.of([*self.by_id.values(), *sources], server_ahead=self.server_ahead, took=self.took)


def _age(source: Source) -> tuple[datetime, str]:
    """Return what sources are sorted by; one without a date comes last."""
    return source.created_at or datetime.max.replace(tzinfo=UTC), source.data_source_id
