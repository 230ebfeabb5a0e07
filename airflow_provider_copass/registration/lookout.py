"""Looking at what lives on the server, and telling which of it is ours."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassAnswerError, CopassNotFoundError

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source, SourceList
    from airflow_provider_copass.registration.ports import Clock, Sources
    from airflow_provider_copass.registration.record import Open
    from airflow_provider_copass.registration.timing import Timing
    from airflow_provider_copass.registration.wish import Wish

DATE_SLACK = 2.0
"""Seconds: a ``Date`` header and a ``created_at`` may each be cut to the second."""


class Lookout:
    """Looks for the sources of one wish's identity.

    :ivar server_ahead: by how many seconds the server's clock is ahead of ours, as the last list told.
    """

    def __init__(self, wish: Wish, sources: Sources, clock: Clock, timing: Timing) -> None:
        self._wish = wish
        self._sources = sources
        self._clock = clock
        self._timing = timing
        self.server_ahead = 0.0
        self._empty_at: datetime | None = None

    def matching(self) -> list[Source]:
        """Return the live sources of the wish's identity, the oldest first.

        :raises CopassAnswerError: where the list is not whole: from a part of it nothing can be concluded.
        """
        listed = whole_list(self._sources, provider=self._wish.source.provider)
        if listed.answered_at is not None:
            self.server_ahead = listed.answered_at.timestamp() - self._clock.now()
        live = [source for source in listed.sources if self._wish.is_met_by(source)]
        if not live:
            self._empty_at = listed.answered_at
        return sorted(live, key=age_of)

    def ours(self, found: list[Source], held: Open) -> list[Source]:
        """Return those that this registration made: by the ids in its record, else by the POST that is open in it.

        :param held: the record.
        """
        noted = [source for source in found if source.data_source_id in {*held.ids, held.minting}]
        if noted:
            return noted
        begin, end = self._empty_at, None
        if held.sent_at_server is not None:
            begin = datetime.fromtimestamp(held.sent_at_server - DATE_SLACK, UTC)
            end = begin + timedelta(seconds=held.sent_for + self._timing.settle + 2 * DATE_SLACK)
        # With no POST open, what came up since this very process saw none is the twin of a racer who has lost the
        # record to us, and who leaves it to us.
        fitting = [
            source
            for source in found
            if begin is not None
            and source.created_at is not None
            and begin <= source.created_at
            and (end is None or source.created_at <= end)
        ]
        # Of two that fit, which one is ours nobody can tell.
        return fitting if len(fitting) == 1 else []

    def check_gone(self, ids: tuple[str, ...]) -> None:
        """Make sure that sources which were answered and are in no list are gone indeed."""
        for source_id in ids:
            with suppress(CopassNotFoundError):
                if self._wish.is_met_by(self._sources.get_source(source_id)):
                    raise CopassAnswerError(
                        f"list_sources: the list does not hold source {source_id}, which lives. Nothing was done; try "
                        "again later.",
                        operation="list_sources",
                    )


def whole_list(sources: Sources, provider: str | None = None) -> SourceList:
    """List the sources of the sandbox.

    :raises CopassAnswerError: where the list is not whole: from a part of it nothing can be concluded.
    """
    listed: SourceList = sources.list_sources(provider=provider)
    if listed.is_complete:
        return listed
    raise CopassAnswerError(
        f"list_sources: the server counts {listed.count} sources and sent {len(listed.sources)}; from a part of the "
        "list nothing can be concluded. Try again later.",
        operation="list_sources",
    )


def age_of(source: Source) -> tuple[datetime, str]:
    """Return what sources are sorted by, the oldest first; one without a date comes last."""
    return source.created_at or datetime.max.replace(tzinfo=UTC), source.data_source_id
