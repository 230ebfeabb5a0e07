"""Sources of one identity beside each other: what this process made too many of, and what is nobody's of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassCallError, CopassNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.registration.ports import Clock, Report, Sources
    from airflow_provider_copass.registration.timing import Timing
    from airflow_provider_copass.registration.wish import Wish

_DELETES = 3
"""How often a deletion is tried that nobody else could make up for."""


class Made:
    """The sources that this process made for one wish, of which one may stay.

    :param sources: to delete the others.
    """

    def __init__(self, sources: Sources, report: Report, clock: Clock, timing: Timing) -> None:
        self._sources = sources
        self._report = report
        self._clock = clock
        self._timing = timing
        self.ids: list[str] = []
        """Every id that was answered to a POST of this process."""

    def add(self, source_id: str) -> None:
        """Note an id that was answered."""
        if source_id not in self.ids:
            self.ids.append(source_id)

    def tidy_up(self, kept: str) -> None:
        """Delete what this registration made beside the source that stays: the only deletion ever done unasked.

        :param kept: the id of the source that stays.
        :raises CopassCallError: where one cannot be deleted.
        """
        for source_id in [made for made in self.ids if made != kept]:
            self._report.warning("Deleting source %s, a twin of %s that this very task made.", source_id, kept)
            with suppress(CopassNotFoundError):
                self._sources.delete_source(source_id)
            self.ids.remove(source_id)

    def tidy_up_lost(self, kept: str) -> None:
        """Delete what this process made while somebody else held the record; it is noted nowhere else.

        :param kept: the id of the source that stays.
        """
        for attempt in range(1, _DELETES + 1):
            try:
                self.tidy_up(kept)
            except CopassCallError:
                if attempt < _DELETES:
                    self._clock.sleep(self._timing.poll)
                continue
            return
        self._report.warning("Twins of source %s could not be deleted; delete them: %s.", kept, ", ".join(self.ids))


def tell_of_foreign(wish: Wish, source_id: str, foreign: Sequence[str], report: Report) -> None:
    """Name the sources of a wish's identity that nothing of ours made: a person has to look at them.

    :param source_id: the one that is the wish's.
    :param foreign: the ids of the others; with none there is nothing to say.
    """
    if foreign:
        report.warning(
            "%s is source %s; these live under the same name beside it, and nobody knows who made them: %s.",
            wish.named,
            source_id,
            ", ".join(foreign),
        )
