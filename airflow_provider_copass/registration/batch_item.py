"""One source of a list that is registered in one go, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source, SourceList
    from airflow_provider_copass.errors import CopassError
    from airflow_provider_copass.registration.book_claim import Entry
    from airflow_provider_copass.registration.keeping import Keeping
    from airflow_provider_copass.registration.outcome import Registered
    from airflow_provider_copass.registration.ports import Report
    from airflow_provider_copass.registration.record import Closed
    from airflow_provider_copass.registration.wish import Wish
    from airflow_provider_copass.registration.work import Work

Act = Literal["made", "adopted", "changed", "failed", "not tried"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source of the list.

    :param wish: what was asked for.
    :param act: ``made`` (by this try or one before it), ``adopted``, ``changed``, ``failed``, or ``not tried``, for
        what went wrong with another would have gone wrong with it as well.
    :param registered: the source; None where it failed or was not tried.
    :param error: why it failed.
    """

    wish: Wish
    act: Act
    registered: Registered | None = None
    error: CopassError | None = None


@dataclass(slots=True, eq=False)
class Item:
    """One source of the list while it is worked on.

    :param name: its record's name.
    :param entry: its record in the book.
    :param closed: its record as it shall be.
    :param is_left: whether it is left to a registration of its own, once the book is closed.
    """

    wish: Wish
    name: str
    keeping: Keeping
    entry: Entry
    work: Work
    outcome: Outcome | None = None
    closed: Closed | None = None
    is_left: bool = False

    @property
    def source_id(self) -> str:
        """The id of its source; empty as long as none is known."""
        registered = None if self.outcome is None else self.outcome.registered
        return "" if registered is None else registered.source.data_source_id

    def made(self, registered: Registered) -> None:
        """Note that it was registered."""
        self.outcome = Outcome(self.wish, "made", registered)

    def found(self, registered: Registered) -> None:
        """Note that it was there already."""
        self.outcome = Outcome(self.wish, "changed" if registered.is_changed else "adopted", registered)

    def failed(self, error: CopassError) -> None:
        """Note that it failed."""
        self.outcome = Outcome(self.wish, "failed", error=error)

    def not_tried(self) -> None:
        """Note that nothing was done about it."""
        self.outcome = Outcome(self.wish, "not tried")


class Quiet:
    """Passes on what a person should know, and not what is so a thousand times."""

    def __init__(self, report: Report) -> None:
        self.warning = report.warning

    def info(self, msg: str, /, *args: object) -> None:
        """Say nothing."""


class Listed:
    """What one list of a sandbox's sources told.

    :param dead: the statuses of a source that is gone for good.
    """

    def __init__(self, listed: SourceList, dead: frozenset[str]) -> None:
        self.answered_at = listed.answered_at
        self.by_id = {source.data_source_id: source for source in listed.sources}
        self._live: dict[tuple[str, str], list[Source]] = {}
        for source in listed.sources:
            if source.status not in dead:
                self._live.setdefault((source.provider, source.name), []).append(source)

    def of(self, wish: Wish) -> list[Source]:
        """Return the live sources of a wish's identity."""
        return self._live.get((wish.source.provider, wish.source.name), [])
