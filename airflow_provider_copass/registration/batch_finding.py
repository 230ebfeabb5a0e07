"""Finding out what is to be done about each source of a list, with the book in hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassError,
    CopassNotFoundError,
    DuplicateSourcesError,
    SourceChangedError,
)
from airflow_provider_copass.registration.keeping import ANY_ID
from airflow_provider_copass.registration.lookout import DATE_SLACK
from airflow_provider_copass.registration.record import NOTHING, Closed, Open, from_text
from airflow_provider_copass.registration.wish import DEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.batch_item import Item, Listed
    from airflow_provider_copass.registration.book_claim import BookClaim
    from airflow_provider_copass.registration.ports import Records, Report, Sources


class Finding:
    """Holds a list of wishes against what is there and what is recorded."""

    def __init__(self, *, sources: Sources, book: BookClaim, records: Records, report: Report) -> None:
        self._sources = sources
        self._book = book
        self._records = records
        self._report = report
        self._writable: set[str] = set()

    def leave_what_others_are_at(self, unknown: Iterable[Item]) -> None:
        """Leave each source whose own record is open to a registration of its own, which waits or takes over."""
        for item in unknown:
            if not item.is_left and self._is_anothers(item, self._own_record(item)):
                self._leave(item)

    def _is_anothers(self, item: Item, own: Open | Closed | None) -> bool:
        """Tell whether an item is in the hands of a registration of its own.

        Where a list has sent a POST, who registers the source by itself gives way, but for one that has taken over what
        the dead list knew.
        """
        return isinstance(own, Open) and (own.has_begun or not item.entry.held.has_begun)

    def _own_record(self, item: Item) -> Open | Closed | None:
        """Read the record that a registration of the item's own has, or has had."""
        text = self._records.read(item.name)
        return None if text is None else from_text(text, name=item.name)

    def _leave(self, item: Item) -> None:
        """Leave an item to a registration of its own, once the book is closed.

        What a dead list knew of it stays in the book, for the other may give way at this very moment.
        """
        item.is_left = True
        if not item.entry.held.has_begun:
            self._book.put(item.name, item.entry.held.before)

    def sorted_out(
        self, items: Iterable[Item], listed: Listed
    ) -> tuple[list[Item], list[tuple[Item, Source, Closed | None]], list[Item]]:
        """Tell what is to be made, what is to be adopted, and what a dead try may have made."""
        to_make: list[Item] = []
        to_adopt: list[tuple[Item, Source, Closed | None]] = []
        to_await: list[Item] = []
        for item in items:
            if item.is_left:
                continue
            record = self._book.record(item.name)
            if isinstance(record, Closed):
                to_adopt.append((item, self.listed_as(item, record, listed), record))
                continue
            held = item.entry.held
            found = listed.of(item.wish)
            ours = ours_of(held, found)
            if ours is not None:
                self.finish(item, ours)
            elif held.sent_at is not None and not found:
                to_await.append(item)
            else:
                try:
                    there = self._found(item, held.before, found, listed)
                except CopassError as error:
                    self.give_up(item, error)
                    continue
                if there is None:
                    to_make.append(item)
                else:
                    to_adopt.append((item, *there))
        return to_make, to_adopt, to_await

    def _found(
        self, item: Item, before: Closed | None, found: Sequence[Source], listed: Listed
    ) -> tuple[Source, Closed | None] | None:
        """Return the source that is there, and its record; None where it is to be made, and may be."""
        for source in found:
            if before is not None and source.data_source_id == before.source_id:
                return source, before
        if before is not None:
            self._check_gone(item, before.source_id, listed)
        if len(found) > 1:
            ids = tuple(source.data_source_id for source in found)
            raise DuplicateSourcesError(
                f"{len(ids)} live sources are {item.wish.named}: {', '.join(ids)}. Which one is meant cannot be told: "
                "disconnect, delete or rename all but one.",
                data_source_ids=ids,
            )
        if found:
            return found[0], None
        if item.wish.is_realtime:
            self._check_key(item, before)
        return None

    def finish(self, item: Item, ours: Source) -> None:
        """Finish what a dead try, or a lost answer, began; unless a registration of its own has got there first."""
        own = self._own_record(item)
        is_known = isinstance(own, Closed) and own.source_id == ours.data_source_id
        if is_known or self._is_anothers(item, own):
            self._leave(item)
            return
        try:
            item.made(item.work.finish(ours))
        except CopassError as error:
            item.failed(error)

    def _check_key(self, item: Item, before: Closed | None) -> None:
        """Refuse a key that may not be written; keys that differ by the source's id alone are asked for once."""
        key = item.wish.key_for(ANY_ID)
        if key not in self._writable:
            item.keeping.check_write()
            self._writable.add(key)
        item.keeping.check_unused(before)

    def _check_gone(self, item: Item, source_id: str, listed: Listed) -> None:
        """Make sure that a recorded source which does not live under its name is gone."""
        source = listed.by_id.get(source_id)
        if source is None:
            try:
                source = self._sources.get_source(source_id)
            except CopassNotFoundError:
                return
        if source.status in DEAD or item.wish.is_met_by(source) or self._own_record(item) == NOTHING:
            return
        raise SourceChangedError(
            f"Source {source_id} was registered as {item.wish.named} and is now {source.provider!r} {source.name!r}. "
            "Give it its name back, or ask for the new one.",
            data_source_ids=(source_id,),
        )

    def give_up(self, item: Item, error: CopassError) -> None:
        """Let one source fail, and leave its record as it was."""
        item.failed(error)
        record = self._book.record(item.name)
        if isinstance(record, Open) and not record.has_begun:
            item.entry.release()

    def listed_as(self, item: Item, record: Closed, listed: Listed) -> Source:
        """Return the recorded source, and name those that live under the same name beside it."""
        others = [each.data_source_id for each in listed.of(item.wish) if each.data_source_id != record.source_id]
        if others:
            self._report.warning(
                "%s is recorded as source %s; these live under the same name beside it: %s.",
                item.wish.named,
                record.source_id,
                ", ".join(others),
            )
        return listed.by_id[record.source_id]


def ours_of(held: Open, found: Sequence[Source]) -> Source | None:
    """Return the one that was made under a record: by the ids in it, else by the time of its unanswered POST.

    While the book is held nobody else makes a source of this identity, so whatever came up since is ours.

    :param held: the record.
    :param found: the live sources of its identity.
    """
    noted = [source for source in found if source.data_source_id in {*held.ids, held.minting}]
    if noted:
        return noted[0]
    if held.sent_at_server is None:
        return None
    since = datetime.fromtimestamp(held.sent_at_server - DATE_SLACK, UTC)
    fitting = [source for source in found if source.created_at is not None and source.created_at >= since]
    # Of two that fit, which one is ours nobody can tell.
    return fitting[0] if len(fitting) == 1 else None


def lives(item: Item, record: Closed, listed: Listed) -> bool:
    """Tell whether a recorded source lives under its name."""
    source = listed.by_id.get(record.source_id)
    return source is not None and item.wish.is_met_by(source)
