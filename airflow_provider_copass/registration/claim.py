"""Who holds an identity: at most one process at a time, by a register that knows no compare-and-set.

Write your mark where the register is free, wait longer than anybody's write can take, read it back: who finds their
own mark holds it (M. Fischer's timed mutual exclusion). A wait that was too short makes two holders for a moment; each
looks again before every step that counts, the register's last word decides, and the protocol tidies up the twin.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_copass.registration.activity import Activity
from airflow_provider_copass.registration.book import record_in_book
from airflow_provider_copass.registration.record import NOTHING, Closed, Open, Owner, from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_copass.registration.ports import Clock, Records
    from airflow_provider_copass.registration.timing import Timing


class LookAgainError(Exception):
    """What was seen has changed since: look again. Never leaves the protocol."""


class LostClaimError(LookAgainError):
    """Somebody else holds the record now: whatever is in hand is theirs to settle."""


class Hold(Protocol):
    """A record that this process holds, wherever it is kept."""

    @property
    def name(self) -> str:
        """What the record is called, for messages."""

    @property
    def owner(self) -> Owner:
        """Who this process works for."""

    @property
    def is_held(self) -> bool:
        """Whether this process holds an open record, for all that it knows."""

    @property
    def held(self) -> Open:
        """The open record, as this process last wrote it."""

    def check(self) -> None:
        """Look again, right before a step that counts.

        :raises LostClaimError: where the record is somebody else's now.
        """

    def change(self, held: Open) -> None:
        """Write what was learned."""

    def close(self, closed: Closed) -> None:
        """Close the record: the work is done."""

    def release(self) -> None:
        """Give the record back as it was, for nothing was done."""


class Claim:
    """One process's view of one identity's record.

    :param name: the record's name.
    :param sandbox_id: the sandbox, in whose book the record may stand in the place of its own.
    :param records: where records are kept.
    :param owner: who this process works for.
    :param mark: a random word of this process.
    """

    def __init__(
        self,
        name: str,
        sandbox_id: str,
        records: Records,
        clock: Clock,
        timing: Timing,
        *,
        owner: Owner,
        mark: str,
    ) -> None:
        self.name = name
        self.owner = owner
        self._sandbox_id = sandbox_id
        self._activity = Activity(sandbox_id, records, clock, timing)
        self._records = records
        self._clock = clock
        self._timing = timing
        self._mark = mark
        self._held: Open | None = None
        self._is_own = False

    @property
    def held(self) -> Open:
        """The open record, as this process last wrote it.

        :raises LostClaimError: where it holds none.
        """
        if self._held is None:
            raise LostClaimError
        return self._held

    @property
    def is_held(self) -> bool:
        """Whether this process holds an open record, for all that it knows."""
        return self._held is not None

    def read(self) -> Open | Closed | None:
        """Read the record, its own or that in the sandbox's book; None where it is proven that there is none.

        :raises JournalError: where it cannot be read or makes no sense.
        """
        own = self._read_own()
        self._is_own = own is not None and own != NOTHING
        if self._is_own:
            return own
        of_list = self._read_book()
        return of_list if own is None or isinstance(of_list, Open) else None

    def _read_own(self) -> Open | Closed | None:
        text = self._records.read(self.name)
        return None if text is None else from_text(text, name=self.name)

    def _read_book(self) -> Open | Closed | None:
        return record_in_book(self._records, self._sandbox_id, self.name)

    def may_take(self, found: Open) -> bool:
        """Tell whether an open record may be taken over.

        One of this very process may, which lost sight of it; one of this task's earlier try; one too old to be alive.
        """
        if found.mark == self._mark:
            return True
        same_task = found.owner.task == self.owner.task and found.owner.attempt < self.owner.attempt
        return same_task or self._clock.now() - found.since > self._timing.takeover_after

    def take(self, found: Open | Closed | None, *, made: Iterable[str] = ()) -> bool:
        """Try to hold the record.

        :param found: what was read; an open one is taken over, with all that it knows.
        :param made: ids that this process made itself while it did not hold the record.
        :return: whether it is held now.
        """
        if isinstance(found, Open):
            mine = replace(found, mark=self._mark, owner=self.owner, since=self._clock.now())
        else:
            mints = 0 if found is None else found.mints
            mine = Open(self._mark, self.owner, self._clock.now(), mints=mints, before=found)
        for source_id in made:
            mine = replace(mine, ids=(*mine.ids, source_id)) if source_id not in mine.ids else mine
        self._write(mine)
        self._activity.give()
        self._clock.sleep(self._timing.take_over if isinstance(found, Open) else self._timing.claim)
        held = self._read_own()
        self._held = mine if isinstance(held, Open) and held.mark == self._mark else None
        if self._held is not None and self._is_listed():
            # Somebody who registers a whole list is at this source too, and may not have seen us.
            if not (isinstance(found, Open) and self._is_own):
                self.release()
            self._held = None
        return self._held is not None

    def _is_listed(self) -> bool:
        """Tell whether the source is announced in the book by somebody else who is alive."""
        found = self._read_book()
        if not isinstance(found, Open) or found.mark == self._mark:
            return False
        return self._clock.now() - found.since <= self._timing.takeover_after

    def check(self) -> None:
        """Look again, right before a step that counts.

        :raises LostClaimError: where the record is somebody else's now.
        """
        found = self._read_own()
        if not isinstance(found, Open) or found.mark != self._mark:
            self._held = None
            raise LostClaimError

    def change(self, held: Open) -> None:
        """Write what was learned.

        :raises LostClaimError: where the record is somebody else's now, or may have been for a while.
        """
        began = self._clock.now()
        self.check()
        self._held = replace(held, since=began)
        self._write(self._held)
        if self._clock.now() - began > self._timing.take_over:
            # This process stood still between the look and the write, and may have written over another's work.
            self._held = None
            raise LostClaimError

    def close(self, closed: Closed) -> None:
        """Close the record: the work is done.

        :raises LostClaimError: where the record is somebody else's now.
        """
        self.check()
        self._held = None
        self._write(closed)

    def note(self, closed: Closed) -> None:
        """Write down a source that was found; nobody holds the record then."""
        self._write(closed)

    def forget(self) -> None:
        """Have nothing be recorded any more; nobody holds the record then."""
        if self._read_book() is None:
            self._records.remove(self.name)
        else:
            # The book is its holder's alone to write, and a record of its own stands before it.
            self._write(NOTHING)

    def release(self) -> None:
        """Give the record back as it was, for nothing was done."""
        before = self.held.before
        self.check()
        self._held = None
        if before is None:
            self._records.remove(self.name)
        else:
            self._write(before)

    def _write(self, record: Open | Closed) -> None:
        self._records.write(self.name, to_text(record))
