"""Registering a whole list of sources: one look for all of them, and the POSTs side by side.

Each source is registered by the same steps as a single one (see
:mod:`~airflow_provider_copass.registration.work`), with its record in the sandbox's book. What is out of the ordinary,
such as a source that another task is registering by itself, is left to a registration of its own once the book is
closed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassError, EntryBusyError
from airflow_provider_copass.registration.activity import Activity
from airflow_provider_copass.registration.adoption import Adopted, brought_up_to_date, with_secret
from airflow_provider_copass.registration.batch_alone import Alone
from airflow_provider_copass.registration.batch_finding import Finding, lives
from airflow_provider_copass.registration.batch_item import Item, Quiet
from airflow_provider_copass.registration.batch_posts import Posts
from airflow_provider_copass.registration.book_claim import BookClaim, Entry
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.keeping import Keeping
from airflow_provider_copass.registration.outcome import Registered, without_secret
from airflow_provider_copass.registration.record import Closed, Open, name_of
from airflow_provider_copass.registration.timing import Timing
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
        self._alone = Alone(
            sources=sources,
            secrets=secrets,
            records=records,
            report=report,
            clock=clock,
            owner=owner,
            mark=mark,
            timing=self._timing,
        )
        self._activity = Activity(self._sandbox_id, records, clock, self._timing)
        self._items = [self._item(wish) for wish in wishes]
        self._missing: set[str] = set()
        self._finding = Finding(sources=sources, book=self._book, records=records, report=report)
        self._posts = Posts(
            sources=sources,
            book=self._book,
            pool=pool,
            mask=mask,
            finish=self._finding.finish,
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
        :raises EntryBusyError: where another task is at a list of this sandbox.
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
                raise EntryBusyError(
                    f"Another task is registering a list of sources in sandbox {self._sandbox_id!r} at this moment, or "
                    f"died while it did: the record {self._book.name!r} is held. Try again later."
                )
            self._clock.sleep(self._timing.poll)
        # Now that the book is closed.
        done = self._alone.run([item for item in self._items if item.is_left])
        if done:
            self._book.tidy_up(done)
        for item in self._items:
            if item.source_id:
                item.work.made.tidy_up_lost(item.source_id)
        return [item.outcome for item in self._items if item.outcome is not None]

    def _try(self) -> bool:
        """Look once, and do what can be done; False means to look again."""
        for item in self._items:
            item.outcome = item.closed = None
            item.is_left = False
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
            self._missing = {item.name for item, record in recorded if not lives(item, record, listed)}
            if not self._missing:
                self._adopt((item, self._finding.listed_as(item, record, listed), record) for item, record in recorded)
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
                item.is_left = True
        if self._clock.now() - seen_at > self._timing.claim / 2:
            return False
        if book.holder is not None:
            self._report.info("Going on from where %s stopped.", book.holder.owner)
        return self._book.take(book, announced)

    def _work(self, unknown: Sequence[Item]) -> bool:
        """Do the work with the book in hand."""
        if self._activity.is_fresh():
            self._finding.leave_what_others_are_at(unknown)
        listed = self._posts.look()
        missing = {
            item.name
            for item in self._items
            if isinstance(record := self._book.record(item.name), Closed) and not lives(item, record, listed)
        }
        if missing:
            # Nothing is made that was not announced before the list was read.
            self._missing |= missing
            self._book.close()
            return False
        try:
            self._do(listed)
        except CopassError:
            # What is known by now is kept, and nobody has to wait for this process.
            with suppress(CopassError):
                self._book.close()
            raise
        self._book.close()
        return True

    def _do(self, listed: Listed) -> None:
        """Adopt what is there, and make what is not."""
        to_make, to_adopt, to_await = self._finding.sorted_out(self._items, listed)
        self._adopt(to_adopt)
        self._posts.run(to_make, to_await)
        for item in self._items:
            if item.closed is not None:
                self._book.put(item.name, item.closed)
        self._book.forget({item.name for item in self._items}, set(listed.by_id))

    def _adopt(self, found: Iterable[tuple[Item, Source, Closed | None]]) -> None:
        """Take the sources that are there, several at once where they are changed."""
        for item, adopted in self._pool.each(
            (item, self._bringing(item, source, record)) for item, source, record in found
        ):
            if isinstance(adopted, CopassError):
                self._finding.give_up(item, adopted)
                continue
            try:
                done = with_secret(
                    item.wish, adopted, keeping=item.keeping, report=self._quiet, record_name=self._book.name
                )
            except CopassError as error:
                self._finding.give_up(item, error)
                continue
            item.closed = done.closed
            if done.mint_because:
                item.is_left = True
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
                    is_own=own or source.data_source_id in item.work.made.ids,
                )
            except CopassError as error:
                return error

        return job

    def _closed_now(self, book: Book) -> dict[str, Open | Closed]:
        """Return the records that are to be written anew."""
        return {
            item.name: item.closed
            for item in self._items
            if item.closed is not None and item.closed != book.records.get(item.name)
        }
