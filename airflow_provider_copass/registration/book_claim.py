"""Who holds a book, and the records in it as the protocol's steps see them.

The book is held as a single record is (see :mod:`~airflow_provider_copass.registration.claim`). What is noted in it is
written when it has to be known to others, and else together with what comes next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.registration.book import (
    Book,
    Holder,
    book_from_text,
    book_name,
    book_to_text,
    mark_of,
    refreshed,
)
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.record import Closed, Open

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import Clock, Records
    from airflow_provider_copass.registration.record import Owner
    from airflow_provider_copass.registration.timing import Timing

_TRUST = 1.0
"""Seconds for which a look at the book is good: a taker waits much longer before it does anything."""


class BookClaim:
    """One process's view of one sandbox's book.

    :param sandbox_id: whose book.
    :param records: where it is kept.
    :param owner: who this process works for.
    :param mark: a random word of this process.
    """

    def __init__(
        self, sandbox_id: str, records: Records, clock: Clock, timing: Timing, *, owner: Owner, mark: str
    ) -> None:
        self.name = book_name(sandbox_id)
        self.owner = owner
        self.mark = mark
        self._records = records
        self._clock = clock
        self._timing = timing
        self._book = Book()
        self._looked_at = 0.0
        self._written_at = 0.0

    def read(self) -> Book:
        """Read the book; an empty one where it is proven that there is none.

        :raises JournalError: where it cannot be read or makes no sense.
        """
        text = self._records.read(self.name)
        return Book() if text is None else book_from_text(text, name=self.name)

    def may_take(self, found: Open | Holder) -> bool:
        """Tell whether somebody's open record, or the whole book, may be taken over."""
        if found.mark == self.mark:
            return True
        same_task = found.owner.task == self.owner.task and found.owner.attempt < self.owner.attempt
        return same_task or self._clock.now() - found.since > self._timing.takeover_after

    def take(self, found: Book, records: dict[str, Open | Closed]) -> bool:
        """Try to hold the book.

        :param found: what was read.
        :param records: what to write over its records.
        :return: whether it is held now.
        """
        self._book = Book({**found.records, **records})
        self._write()
        self._clock.sleep(self._timing.claim if found.holder is None else self._timing.take_over)
        return self._is_mine()

    def check(self) -> None:
        """Look whether the book is still this process's, where the last look was not a moment ago.

        :raises LostClaimError: where it is somebody else's now.
        """
        if 0 <= self._clock.now() - self._looked_at <= _TRUST:
            return
        if not self._is_mine():
            raise LostClaimError

    def is_fresh(self) -> bool:
        """Tell whether the last look at the book was a moment ago; asks nobody, and may be called by any thread."""
        return 0 <= self._clock.now() - self._looked_at <= self._timing.take_over / 2

    def write(self) -> None:
        """Write down all that was noted.

        :raises LostClaimError: where the book is somebody else's now, or may have been for a while.
        """
        began = self._clock.now()
        if not self._is_mine():
            raise LostClaimError
        self._write()
        if self._clock.now() - began > self._timing.take_over:
            # This process stood still between the look and the write, and may have written over another's work.
            raise LostClaimError

    def keep_alive(self) -> None:
        """Write again, where that was long ago, so that nobody takes this process for dead."""
        if self._clock.now() - self._written_at > self._timing.takeover_after / 8:
            self.write()

    def close(self) -> None:
        """Give the book back, with all that was noted.

        :raises LostClaimError: where it is somebody else's now.
        """
        if not self._is_mine():
            raise LostClaimError
        self._looked_at = 0.0
        held = Holder(self.mark, self.owner, self._clock.now())
        self._records.write(self.name, book_to_text(Book(refreshed(self._book, held).records)))

    def note(self, seen: Book, records: dict[str, Open | Closed]) -> None:
        """Write down sources that were found, where nobody has written the book since it was seen."""
        found = self.read()
        if found == seen:
            self._records.write(self.name, book_to_text(Book({**found.records, **records})))

    def tidy_up(self, names: set[str]) -> None:
        """Let go of what this process has left open in a book that nobody holds: records of their own stand for it.

        :param names: of the records.
        """
        found = self.read()
        kept = {
            name: record
            for name, record in found.records.items()
            if not (name in names and isinstance(record, Open) and record.mark == self.mark)
        }
        if found.holder is None and len(kept) < len(found.records):
            self._records.write(self.name, book_to_text(Book(kept)))

    def record(self, name: str) -> Open | Closed | None:
        """Return a record, as this process last noted it."""
        return self._book.records.get(name)

    def put(self, name: str, record: Open | Closed | None) -> None:
        """Note a record, or that there is none; it is written with the next :meth:`write`.

        :param record: an open one becomes this process's.
        """
        if record is None:
            self._book.records.pop(name, None)
        elif isinstance(record, Open):
            self._book.records[name] = replace(record, mark=self.mark, owner=self.owner, since=self._written_at)
        else:
            self._book.records[name] = record

    def forget(self, wanted: set[str], listed: set[str]) -> None:
        """Let go of records that nobody needs: those of sources that are gone.

        :param wanted: the names of records that are kept all the same.
        :param listed: the ids of all sources that there are.
        """
        for name, record in list(self._book.records.items()):
            if isinstance(record, Closed) and name not in wanted and record.source_id not in listed:
                del self._book.records[name]

    def _is_mine(self) -> bool:
        now = self._clock.now()
        text = self._records.read(self.name)
        mine = text is not None and mark_of(text) == self.mark
        self._looked_at = now if mine else 0.0
        return mine

    def _write(self) -> None:
        self._written_at = self._clock.now()
        self._book = Book(self._book.records, Holder(self.mark, self.owner, self._written_at))
        self._records.write(self.name, book_to_text(self._book))


class Entry:
    """One record of a held book, as the steps of a registration know a record of its own.

    :param name: the record's name.
    :param book: the book, held by this process.
    """

    def __init__(self, name: str, book: BookClaim) -> None:
        self.name = name
        self._book = book

    @property
    def owner(self) -> Owner:
        """Who this process works for."""
        return self._book.owner

    @property
    def is_held(self) -> bool:
        """Whether the record is open."""
        return isinstance(self._book.record(self.name), Open)

    @property
    def held(self) -> Open:
        """The open record.

        :raises LostClaimError: where it is not open.
        """
        record = self._book.record(self.name)
        if not isinstance(record, Open):
            raise LostClaimError
        return record

    def check(self) -> None:
        """Look whether the book is still this process's.

        :raises LostClaimError: where it is somebody else's now.
        """
        self._book.check()

    def change(self, held: Open) -> None:
        """Write what was learned; an id alone can wait, for the next try finds the source in the list.

        :raises LostClaimError: where the book is somebody else's now.
        """
        before = self.held
        self._book.put(self.name, held)
        if _what_counts(held) != _what_counts(before):
            self._book.write()

    def close(self, closed: Closed) -> None:
        """Close the record; until the book is written next, the store says the same."""
        self._book.put(self.name, closed)

    def release(self) -> None:
        """Give the record back as it was, for nothing was done."""
        self._book.put(self.name, self.held.before)


def _what_counts(held: Open) -> tuple[object, ...]:
    """Return what the next try has to know: what the store holds may be void, or somebody else's."""
    return held.minting, held.mints, held.taken, held.spare
