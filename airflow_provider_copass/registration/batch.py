"""Registering a whole list of sources: one look for all of them, and the POSTs side by side.

Each source is registered by the same steps as a single one (see
:mod:`~airflow_provider_copass.registration.work`), with its record in the sandbox's book. What is out of the ordinary,
such as a source that another task is registering by itself, is left to a registration of its own once the book is
closed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.api.errors import (
    BusyRecordError,
    CopassError,
    CopassNotFoundError,
    SeveralSourcesError,
    SourceChangedError,
)
from airflow_provider_copass.registration.activity import Activity
from airflow_provider_copass.registration.adoption import Adopted, brought_up_to_date, with_secret
from airflow_provider_copass.registration.batch_item import Item, Quiet
from airflow_provider_copass.registration.batch_posts import Posts
from airflow_provider_copass.registration.book_claim import BookClaim, Entry
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.keeping import Keeping
from airflow_provider_copass.registration.outcome import Registered, without_secret
from airflow_provider_copass.registration.protocol import Registration
from airflow_provider_copass.registration.record import Closed, Open, from_text, name_of
from airflow_provider_copass.registration.timing import Timing
from airflow_provider_copass.registration.wish import DEAD
from airflow_provider_copass.registration.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import SecretStr

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.batch_item import Listed, Outcome
    from airflow_provider_copass.registration.book import Book
    from airflow_provider_copass.registration.ports import Clock, Pool, Records, Report, Secrets, Sources
    from airflow_provider_copass.registration.record import Owner
    from airflow_provider_copass.registration.wish import Wish

_PATIENCE = 4
"""How many times as long as a single source's record the book of a list is waited for."""


class Batch:
    """Many wishes of one sandbox, one process's try at them.

    :param wishes: what is asked for; no two of the same identity.
    :param sources: the API's calls on the sandbox; those of the pool's jobs come from several threads.
    :param secrets: where secrets are kept; asked from this thread alone.
    :param records: where records are kept; asked from this thread alone.
    :param pool: does several calls at once.
    :param mask: keeps a secret that was just answered out of every log; called from this thread.
    :param report: where to say what was seen.
    :param clock: the time, and how to wait.
    :param owner: the task instance that this is for.
    :param mark: a random word; no other process may have the same.
    :param timing: how long to wait for what.
    """

    def __init__(
        self,
        wishes: Sequence[Wish],
        *,
        sources: Sources,
        secrets: Secrets,
        records: Records,
        report: Report,
        clock: Clock,
        owner: Owner,
        mark: str,
        pool: Pool,
        mask: Callable[[SecretStr], None],
        timing: Timing | None = None,
    ) -> None:
        self._sources = sources
        self._secrets = secrets
        self._records = records
        self._report = report
        self._quiet = Quiet(report)
        self._clock = clock
        self._mark = mark
        self._pool = pool
        self._timing = timing or Timing()
        self._sandbox_id = wishes[0].sandbox_id
        self._book = BookClaim(self._sandbox_id, records, clock, self._timing, owner=owner, mark=mark)
        self._activity = Activity(self._sandbox_id, records, clock, self._timing)
        self._items = [self._item(wish) for wish in wishes]
        self._missing: set[str] = set()
        self._left: dict[str, Item] = {}
        self._writable: set[str] = set()
        self._posts = Posts(
            sources=sources,
            book=self._book,
            pool=pool,
            mask=mask,
            finish=self._finish,
            report=report,
            clock=clock,
            timing=self._timing,
        )

    def _item(self, wish: Wish) -> Item:
        name = name_of(wish.sandbox_id, wish.source.provider, wish.source.name)
        entry = Entry(name, self._book)
        keeping = Keeping(wish, self._secrets, self._clock)
        work = Work(
            wish,
            sources=self._sources,
            keeping=keeping,
            claim=entry,
            report=self._quiet,
            clock=self._clock,
            timing=self._timing,
        )
        return Item(wish, name, keeping, entry, work)

    def run(self) -> list[Outcome]:
        """Have the sources be there, and their secrets in the store.

        :return: what became of each, in the order of the wishes: one that fails leaves the others as they are.
        :raises CopassInputError: before any request, where the store cannot hold a key.
        :raises CopassCallError: where the list cannot be had.
        :raises BusyRecordError: where another task is at a list of this sandbox.
        """
        for item in self._items:
            item.keeping.check()
        patience = self._clock.now() + _PATIENCE * self._timing.patience
        while True:
            is_last = self._clock.now() > patience
            try:
                if self._try():
                    break
            except LostClaimError:
                self._report.warning("Another task has taken this list's record over; looking again.")
            if is_last:
                raise BusyRecordError(
                    f"Another task is registering a list of sources in sandbox {self._sandbox_id!r} at this moment, or "
                    f"died while it did: the record {self._book.name!r} is held. Try again later."
                )
            self._clock.sleep(self._timing.poll)
        until = self._clock.now() + self._timing.patience
        for item in self._left.values():
            self._by_itself(item, until)
        for item in self._items:
            if item.outcome is not None and item.outcome.registered is not None:
                item.work.tidy_up_lost(item.outcome.registered.source.data_source_id)
        return [item.outcome for item in self._items if item.outcome is not None]

    def _try(self) -> bool:
        """Look once, and do what can be done; False means to look again."""
        self._left.clear()
        for item in self._items:
            item.outcome = item.closed = None
        seen_at = self._clock.now()
        book = self._book.read()
        if book.holder is not None and not self._book.may_take(book.holder):
            return False
        unknown = [
            item
            for item in self._items
            if not isinstance(book.records.get(item.name), Closed) or item.name in self._missing
        ]
        if book.holder is None and not unknown:
            listed = self._posts.look()
            recorded = [(item, record) for item in self._items if isinstance(record := book.records[item.name], Closed)]
            self._missing = {item.name for item, record in recorded if not _lives(item, record, listed)}
            if not self._missing:
                self._adopt((item, self._listed_as(item, record, listed), record) for item, record in recorded)
                if closed := self._closed_now(book):
                    self._book.note(book, closed)
                return True
            # The book is looked at anew: the list took its time.
            seen_at, book = self._clock.now(), self._book.read()
            if book.holder is not None:
                return False
            unknown = [item for item in self._items if item.name in self._missing]
        return self._take(book, unknown, seen_at) and self._work(unknown)

    def _take(self, book: Book, unknown: Iterable[Item], seen_at: float) -> bool:
        """Hold the book, and announce in it every source that may have to be made."""
        announced: dict[str, Open | Closed] = {}
        for item in unknown:
            found = book.records.get(item.name)
            if not isinstance(found, Open):
                mints = 0 if found is None else found.mints
                announced[item.name] = Open(self._mark, self._book.owner, seen_at, mints=mints, before=found)
            elif self._book.may_take(found):
                announced[item.name] = found
            else:
                self._left[item.name] = item
        if self._clock.now() - seen_at > self._timing.claim / 2:
            return False
        if book.holder is not None:
            self._report.info("Going on from where %s stopped.", book.holder.owner)
        return self._book.take(book, announced)

    def _work(self, unknown: Sequence[Item]) -> bool:
        """Do the work with the book in hand."""
        if self._activity.is_fresh():
            self._leave_what_others_are_at(unknown)
        listed = self._posts.look()
        missing = {
            item.name
            for item in self._items
            if isinstance(record := self._book.record(item.name), Closed) and not _lives(item, record, listed)
        }
        if missing:
            # Nothing is made that was not announced before the list was read.
            self._missing |= missing
            self._book.close()
            return False
        to_make, to_adopt, to_await = self._sorted(listed)
        self._adopt(to_adopt)
        self._posts.run(to_make, to_await)
        for item in self._items:
            if item.closed is not None:
                self._book.put(item.name, item.closed)
        self._book.forget({item.name for item in self._items}, set(listed.by_id))
        self._book.close()
        return True

    def _leave_what_others_are_at(self, unknown: Iterable[Item]) -> None:
        """Leave each source whose own record is open to a registration of its own, which waits or takes over."""
        for item in unknown:
            if item.name not in self._left and isinstance(self._own_record(item), Open):
                self._leave(item)

    def _own_record(self, item: Item) -> Open | Closed | None:
        """Read the record that a registration of the item's own has, or has had."""
        text = self._records.read(item.name)
        return None if text is None else from_text(text, name=item.name)

    def _leave(self, item: Item) -> None:
        """Leave an item to a registration of its own, once the book is closed."""
        self._left[item.name] = item
        self._book.put(item.name, item.entry.held.before)

    def _sorted(self, listed: Listed) -> tuple[list[Item], list[tuple[Item, Source, Closed | None]], list[Item]]:
        """Tell what is to be made, what is to be adopted, and what a dead try may have made."""
        to_make: list[Item] = []
        to_adopt: list[tuple[Item, Source, Closed | None]] = []
        to_await: list[Item] = []
        for item in self._items:
            if item.name in self._left:
                continue
            record = self._book.record(item.name)
            if isinstance(record, Closed):
                to_adopt.append((item, self._listed_as(item, record, listed), record))
                continue
            held = item.entry.held
            found = listed.of(item.wish)
            ours = self._posts.ours(held, found)
            if ours is not None:
                self._finish(item, ours)
            elif held.sent_at is not None and not found:
                to_await.append(item)
            else:
                try:
                    there = self._found(item, held.before, found, listed)
                except CopassError as error:
                    self._give_up(item, error)
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
            raise SeveralSourcesError(
                f"{len(ids)} live sources are {item.wish.named}: {', '.join(ids)}. Which one is meant cannot be told: "
                "disconnect, delete or rename all but one.",
                data_source_ids=ids,
            )
        if found:
            return found[0], None
        if item.wish.is_realtime:
            self._check_key(item, before)
        return None

    def _finish(self, item: Item, ours: Source) -> None:
        """Finish what a dead try, or a lost answer, began; unless a registration of its own has got there first."""
        own = self._own_record(item)
        if isinstance(own, Open) or (own is not None and own.source_id == ours.data_source_id):
            self._leave(item)
            return
        try:
            item.made(item.work.finish(ours))
        except CopassError as error:
            item.failed(error)

    def _check_key(self, item: Item, before: Closed | None) -> None:
        """Refuse a key that may not be written; keys that differ by the source's id alone are asked for once."""
        key = item.wish.key_for("id")
        if key not in self._writable:
            item.keeping.check_write("id")
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
        if source.status in DEAD or item.wish.is_met_by(source):
            return
        raise SourceChangedError(
            f"Source {source_id} was registered as {item.wish.named} and is now {source.provider!r} {source.name!r}. "
            "Give it its name back, or ask for the new one.",
            data_source_ids=(source_id,),
        )

    def _adopt(self, found: Iterable[tuple[Item, Source, Closed | None]]) -> None:
        """Take the sources that are there, several at once where they are changed."""
        for item, adopted in self._pool.each(
            (item, self._bringing(item, source, record)) for item, source, record in found
        ):
            if isinstance(adopted, CopassError):
                self._give_up(item, adopted)
                continue
            try:
                done = with_secret(
                    item.wish, adopted, keeping=item.keeping, report=self._quiet, record_name=self._book.name
                )
            except CopassError as error:
                self._give_up(item, error)
                continue
            item.closed = done.closed
            if done.mint_because:
                self._left[item.name] = item
            else:
                source = without_secret(done.source)
                key = done.closed.key or None
                item.found(Registered(source, is_new=False, stored_as=key, is_changed=done.is_changed))

    def _bringing(self, item: Item, source: Source, record: Closed | None) -> Callable[[], Adopted | CopassError]:
        """Return the job that brings a source up to date."""

        def job() -> Adopted | CopassError:
            own = record is not None and record.owner is not None and record.owner.task == self._book.owner.task
            try:
                return brought_up_to_date(
                    item.wish,
                    source,
                    record,
                    sources=self._sources,
                    report=self._quiet,
                    is_own=own or source.data_source_id in item.work.made,
                )
            except CopassError as error:
                return error

        return job

    def _give_up(self, item: Item, error: CopassError) -> None:
        """Let one source fail, and leave its record as it was."""
        item.failed(error)
        record = self._book.record(item.name)
        if isinstance(record, Open) and not record.ids and record.sent_at is None and not record.minting:
            item.entry.release()

    def _closed_now(self, book: Book) -> dict[str, Open | Closed]:
        """Return the records that are to be written anew."""
        return {
            item.name: item.closed
            for item in self._items
            if item.closed is not None and item.closed != book.records.get(item.name)
        }

    def _listed_as(self, item: Item, record: Closed, listed: Listed) -> Source:
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

    def _by_itself(self, item: Item, until: float) -> None:
        """Register one source by the steps for a single one, its own record included.

        :param until: how long others are waited for, in seconds since the epoch: all those left together.
        """
        patience = max(0.0, until - self._clock.now())
        try:
            done = Registration(
                item.wish,
                sources=self._sources,
                secrets=self._secrets,
                records=self._records,
                report=self._report,
                clock=self._clock,
                owner=self._book.owner,
                mark=self._mark,
                timing=replace(self._timing, patience=patience),
            ).run()
        except CopassError as error:
            item.failed(error)
        else:
            item.made(done) if done.is_new else item.found(done)


def _lives(item: Item, record: Closed, listed: Listed) -> bool:
    """Tell whether a recorded source lives under its name."""
    source = listed.by_id.get(record.source_id)
    return source is not None and item.wish.is_met_by(source)
