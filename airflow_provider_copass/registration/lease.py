"""The lease on an identity: at most one process at a time works on it, with a journal that has no compare-and-set.

Write your token where the entry is free, wait longer than anybody's write takes, read it back: if it is your token,
you hold the lease (M. Fischer's timed mutual exclusion). A process that was too slow holds nothing, and one that has
lost a lease takes it over again only from a task that is dead. Each holder looks again right before and right after
each write that it sends.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.errors import CopassError, JournalError
from airflow_provider_copass.registration.driver import Read, SendWrite
from airflow_provider_copass.registration.journal import (
    Completed,
    Pending,
    completed_of,
    entry_name,
    from_text,
    to_text,
)
from airflow_provider_copass.registration.ports import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.journal import Entry, Owner, Write
    from airflow_provider_copass.registration.ports import Guard, Runtime
    from airflow_provider_copass.registration.spec import Identity

T = TypeVar("T")

FRESH = 0.25
"""Of the lease pause: how old a look may be that is not made again right before a write."""
_SENDS = 4
"""How often a write is handed to the client at most, if the last good look was too long ago for an attempt of it."""


def read_entry(name: str) -> Steps[tuple[Entry | None, Moment]]:
    """Read an entry: returns it, and the moment before it was read."""
    texts, looked = yield Read((name,))
    return from_text(texts[name], name=name), looked


class LookAgainError(Exception):
    """What was seen may have changed since: look again. Never leaves the protocol."""


class LostLeaseError(LookAgainError):
    """Another process holds the lease now, and finishes what this one began."""


class HeldError(LookAgainError):
    """Another process holds the entry.

    :param name: the entry's name.
    :param label: the source that it is about, for a message; empty for the one of this operation.
    """

    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.label = label


class Lease:
    """One process's lease on one identity's entry.

    :param identity: the identity.
    :param runtime: what this try works with.
    :ivar pending: the entry as its next write will say it; None while this process holds nothing.
    :ivar was_lost: whether another process took the lease from this one.
    :ivar touched: what this process may have changed, for messages: ids of sources, or the label of one whose id no
        answer told.
    :ivar lost_write: a POST of this process without an answer. Another process may have taken the lease meanwhile, and
        then no entry tells of it.
    :ivar sent: how often this process has changed something on the server or in the store.
    :ivar late_at: when a write of the entry took so long that it may have replaced what another process wrote, by the
        monotonic clock; None if none has.
    """

    def __init__(self, identity: Identity, runtime: Runtime) -> None:
        self.identity = identity
        self.name = entry_name(identity)
        self.pending: Pending | None = None
        self.was_lost = False
        self.touched: set[str] = set()
        self.lost_write: Write | None = None
        self.late_at: float | None = None
        self.sent = 0
        self._rt = runtime
        self._looked = Moment(0.0, 0.0)
        self._first_seen: dict[Write, float] = {}
        self._unsent: Write | None = None
        self._noted = Moment(0.0, 0.0)

    @property
    def held(self) -> Pending:
        """The entry as its next write will say it.

        :raises LostLeaseError: if this process does not hold the lease.
        """
        if self.pending is None:
            raise LostLeaseError
        return self.pending

    def may_acquire(self, entry: Entry | None) -> bool:
        """Tell whether this process may write its token over an entry."""
        if not isinstance(entry, Pending) or entry.lease_token in {"", self._rt.token}:
            return True
        if not self.was_lost and self._may_take_over_from(entry.owner):
            return True
        return self._rt.clock.now() - entry.since > self._rt.timing.takeover_after

    def _may_take_over_from(self, other: Owner) -> bool:
        """Tell whether another task instance is over: an earlier process of this task, or a teardown's setup."""
        own = self._rt.owner
        if other.instance == own.instance:
            return other.try_number <= own.try_number
        is_own_run = (other.dag_id, other.run_id) == (own.dag_id, own.run_id)
        return is_own_run and other.task_id in self._rt.setups

    def claim(self, entry: Entry | None, looked: Moment) -> None:
        """Write this process's token. It holds the lease if its token is still there after the lease pause.

        :param entry: what was read.
        :param looked: when the reading began.
        :raises LookAgainError: if that took too long: another process may have claimed the entry meanwhile.
        """
        if isinstance(entry, Pending) and entry.lease_token not in {"", self._rt.token}:
            self._rt.log.info("Taking over the lease from %s.", entry.owner)
        if isinstance(entry, Pending):
            known = entry
        else:
            generation = entry.secret_generation if isinstance(entry, Completed) else 0
            known = Pending("", self._rt.owner, secret_generation=generation, previous=entry)
        if known.lease_token == self._rt.token and known.write is not None and known.write == self._unsent:
            # This process noted it, and then was too late to send it.
            known = replace(known, write=None)
        try:
            self._write(known, looked)
        except JournalError as error:
            # On Airflow 2 of two that write a Variable at one moment one fails.
            raise LookAgainError from error

    def verify(self) -> None:
        """Look whether this process still holds the lease.

        :raises LostLeaseError: if it does not.
        """
        looked = Moment.of(self._rt.clock)
        held = self.held
        entry = from_text(self._rt.journal.read((self.name,))[self.name], name=self.name)
        if not isinstance(entry, Pending) or entry.lease_token != self._rt.token:
            self.pending = None
            self.was_lost = True
            raise LostLeaseError
        self._looked = looked
        if held.write is not None:
            self._first_seen.setdefault(held.write, self._rt.clock.monotonic())

    def verify_unless_fresh(self) -> None:
        """Look whether this process still holds the lease, unless the last look was a moment ago."""
        if self.pending is None or self._looked.age(self._rt.clock) > FRESH * self._rt.timing.lease_pause:
            self.verify()

    def note(self, pending: Pending) -> None:
        """Write down what was learned, or what is about to be sent.

        :raises LostLeaseError: if another process holds the lease now.
        :raises LookAgainError: if this took too long, so that it may hold it.
        """
        self.verify_unless_fresh()
        self._write(pending, self._looked)

    def drop_write(self) -> None:
        """Write down that the noted write takes no effect any more; raises what :meth:`note` raises."""
        self.note(replace(self.held, write=None))

    def send(
        self,
        call: Call[T],
        source_id: str = "",
        *,
        note: Callable[[Pending], Pending] = lambda pending: pending,
        before_attempt: Guard = lambda: None,
    ) -> Steps[T]:
        """Note a write, look once more, and send it.

        :param source_id: the source that it is about; empty for one that is not registered yet.
        :param note: what the entry is to say of it; by default nothing.
        :param before_attempt: called right before each attempt.
        :raises LostLeaseError: if another process holds the lease now.
        :raises LookAgainError: if no look at the lease was ever new enough to send it.
        """
        sends, is_stale = 0, False

        def look() -> None:
            # In a thread of the pool: it asks no server.
            nonlocal is_stale
            is_stale = self._looked.age(self._rt.clock) > self._rt.timing.lease_pause
            if is_stale:
                raise LookAgainError
            before_attempt()

        while True:
            sends += 1
            noted = note(self.held)
            if noted is not self.held:
                self._unsent = noted.write
                self._noted = Moment.of(self._rt.clock)
                self.note(noted)
            self.verify()
            self.sent += 1
            try:
                result: T = yield SendWrite(call, look)
            except LookAgainError:
                # It was not sent: the last good look was too long ago.
                if sends == _SENDS:
                    raise
                continue
            except CopassError as error:
                if is_stale and sends < _SENDS:
                    # The server turned it away, and the last good look was too long ago to send it again.
                    continue
                self._unsent = None
                if getattr(error, "maybe_applied", True):
                    self._note_lost(noted.write, source_id)
                raise
            self._unsent = None
            self.touched.add(source_id or getattr(result, "data_source_id", self.identity.label))
            return result

    def _note_lost(self, write: Write | None, source_id: str) -> None:
        """Remember that no answer came to a write; however long ago it was noted, it may have been sent until now."""
        self.touched.add(source_id or self.identity.label)
        if write is not None:
            self._first_seen[write] = self._rt.clock.monotonic()

    def complete(self, entry: Entry | None) -> None:
        """Write how the work ended; the lease ends with it.

        :param entry: what the entry says from now on; None to remove it.
        :raises LostLeaseError: if another process holds it now.
        :raises LookAgainError: if this took too long, so that it may have held it.
        """
        self.verify_unless_fresh()
        self._put(entry, self._looked)

    def release(self) -> None:
        """Give the lease back: with the facts that the next holder needs, or the entry as it was.

        It raises what :meth:`complete` raises.
        """
        held = self.held
        self.complete(replace(held, lease_token="", since=self._rt.clock.now()) if held.has_facts else held.previous)

    def amend(self, **fields: Any) -> None:
        """Let the next write of the entry say something else, too."""
        self.pending = replace(self.held, **fields)

    def unsettled(self) -> list[Write]:
        """Return the writes without an answer that may still take effect.

        Only this process's own clock counts, from its own first look: clocks of two hosts may differ. Ask before a look
        at the server: one from before that moment may not show the effect yet.
        """
        writes = {self.held.write, self.lost_write} - {None}
        now, timeout = self._rt.clock.monotonic(), self._rt.timing.settle_timeout
        return [write for write in writes if write is not None and now - self._first_seen.get(write, now) <= timeout]

    def resolve(self, inventory: Inventory) -> None:
        """Let the next write of the entry say what a look has shown, once no noted write can take effect any more."""
        write, known = self.held.write, completed_of(self.held)
        recorded = None if known is None else inventory.live(known.source_id)
        if write is not None and write.kind in {"delete", "disconnect"}:
            is_gone = inventory.live(write.source_id) is None
            self.pending = self.held.with_ended(write) if is_gone else replace(self.held, write=None)
        elif self.was_late and write is None and recorded is not None and not self.identity.matches(recorded):
            # This process wrote over what a rename had left.
            self.amend(previous=None)

    @property
    def is_note_unsent(self) -> bool:
        """Whether the entry may tell of a write that this process noted, too late to send it."""
        return self.pending is None and self._unsent is not None

    @property
    def was_late(self) -> bool:
        """Whether a write of the entry may have replaced what another process wrote."""
        return self.late_at is not None

    def may_hide_a_write(self) -> bool:
        """Tell whether what this process replaced may tell of a write that can still take effect."""
        since = self.late_at
        return since is not None and self._rt.clock.monotonic() - since <= self._rt.timing.settle_timeout

    def expect_effect(self, write: Write) -> None:
        """Let the wait for the effect of the noted write begin now: its answer was just lost.

        :raises LostLeaseError: if another process holds the lease now.
        """
        took = self._noted.age(self._rt.clock)
        # A process that was paused may have sent it long after it was noted.
        known = replace(write, took=write.took + took) if took > self._rt.timing.lease_pause else write
        self._first_seen[known] = self._rt.clock.monotonic()
        self.lost_write = known
        if known != write:
            self.note(replace(self.held, write=known))
        self.verify()

    def _write(self, pending: Pending, looked: Moment) -> None:
        rt = self._rt
        mine = replace(pending, lease_token=rt.token, owner=rt.owner, since=rt.clock.now())
        self._put(mine, looked)
        self.pending = mine

    def _put(self, entry: Entry | None, looked: Moment) -> None:
        """Write the entry, or remove it, and hold nothing after it.

        :raises LookAgainError: if it is too late for that, or was: it could replace what another process has written.
        """
        journal, clock, limit = self._rt.journal, self._rt.clock, self._rt.timing.lease_pause
        left = limit - looked.age(clock)
        if left < 0:
            raise LookAgainError
        self.pending = None
        failure: JournalError | None = None
        try:
            if entry is None:
                journal.remove(self.name)
            else:
                journal.write(self.name, to_text(entry), within=left)
        except JournalError as error:
            failure = error
        # One that failed may have been written all the same.
        if looked.age(clock) > limit:
            self.late_at = clock.monotonic()
            raise LookAgainError from failure
        if failure is not None:
            raise failure


def give_back(leases: Collection[Lease]) -> None:
    """Release what is still held; the failure that led here is the one that counts.

    :raises LookAgainError: if that took so long that it may have replaced what another process wrote.
    """
    late = [lease.late_at for lease in leases]
    for lease in leases:
        # Twice: a look that took too long writes nothing.
        for _ in range(2):
            if lease.pending is not None:
                with suppress(CopassError, LookAgainError):
                    lease.release()
    if late != [lease.late_at for lease in leases]:
        raise LookAgainError
