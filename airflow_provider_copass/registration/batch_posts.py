"""The POSTs of a list of sources: side by side, each noted as sent before it is, each secret stored as it comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassAuthenticationError,
    CopassCallError,
    CopassConflictError,
    CopassError,
    CopassNotFoundError,
    CopassPermissionError,
    CopassTimeoutError,
)
from airflow_provider_copass.registration.batch_finding import ours_of
from airflow_provider_copass.registration.batch_item import Listed
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.lookout import whole_list
from airflow_provider_copass.registration.twins import tell_of_foreign
from airflow_provider_copass.registration.wish import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import SecretStr

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.batch_item import Item
    from airflow_provider_copass.registration.book_claim import BookClaim
    from airflow_provider_copass.registration.ports import Clock, Pool, Report, Sources
    from airflow_provider_copass.registration.timing import Timing

    Job = Callable[[], Source | CopassCallError | None]

_ROUNDS = 2
"""How often one try of a task sends the POST of a source at the most."""
_CHUNK = 250
"""How many POSTs at the least are noted as sent in one write: after a kill each of them may have to be waited for."""
_CHUNKS = 8
"""How many such writes there are at the most: each is one of the whole book."""
_FAILURES_IN_A_ROW = 10
"""How many calls may fail one after the other before the rest is left to the next try."""
_TELL_EVERY = 5.0
"""Seconds between two lines about how far it is."""

# What is wrong with one of these is wrong with every call.
_HOPELESS = (CopassAuthenticationError, CopassPermissionError, CopassNotFoundError)


class Posts:
    """Makes the sources that are not there, with the book in hand.

    :param finish: gets the secret of a source into the store that is there and ours, without its answer.
    """

    def __init__(
        self,
        *,
        sources: Sources,
        book: BookClaim,
        pool: Pool,
        mask: Callable[[SecretStr], None],
        finish: Callable[[Item, Source], None],
        report: Report,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._sources = sources
        self._book = book
        self._pool = pool
        self._mask = mask
        self._finish = finish
        self._report = report
        self._clock = clock
        self._timing = timing
        self._server_ahead = 0.0
        self._is_stopped = False
        self._is_lost = False
        self._in_a_row = 0
        self._told_at = 0.0
        self._noted_at = 0.0
        self._lost: dict[str, CopassCallError] = {}

    def look(self) -> Listed:
        """List the sandbox's sources.

        :raises CopassCallError: where the list cannot be had as a whole.
        """
        listed = Listed(whole_list(self._sources), DEAD)
        if listed.answered_at is not None:
            self._server_ahead = listed.answered_at.timestamp() - self._clock.now()
        return listed

    def run(self, to_make: Sequence[Item], to_await: Sequence[Item]) -> None:
        """Make sources, and find out about those whose answer was lost.

        :param to_make: what is not there.
        :param to_await: what a dead try has sent a POST for, and is not there yet.
        :raises LostClaimError: where somebody else has taken the book over.
        """
        self._is_stopped, self._is_lost, self._in_a_row, self._told_at = False, False, 0, self._clock.now()
        self._lost.clear()
        sending, waiting = list(to_make), list(to_await)
        for turn in range(1, _ROUNDS + 1):
            lost, unsent = self._send(sending)
            waiting += lost
            made = [item for item in sending if item.outcome is not None and item.outcome.act == "made"]
            if made or waiting:
                self._settle(made, waiting)
            again = [item for item in waiting if turn < _ROUNDS and self._may_send_again(item)]
            for item in waiting:
                if item not in again:
                    self._give_up(item, self._lost.get(item.name) or CopassTimeoutError("register_source: no answer."))
            if turn < _ROUNDS and not self._is_stopped:
                again += unsent
            else:
                for item in unsent:
                    self._give_back(item)
                    item.not_tried()
            sending, waiting = again, []
            if not sending:
                break

    @property
    def _is_over(self) -> bool:
        """Whether no further POST is to be sent."""
        return self._is_stopped or self._is_lost

    def _may_send_again(self, item: Item) -> bool:
        """Tell whether a POST that is known by now to have had no effect is worth another one."""
        error = self._lost.get(item.name)
        return not self._is_stopped and (error is None or error.is_transient)

    def _send(self, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
        """Send the POSTs of items.

        :return: those whose answer was lost, and those that were not sent.
        :raises LostClaimError: where somebody else has taken the book over.
        """
        lost: list[Item] = []
        unsent: list[Item] = []
        size = max(_CHUNK, -(-len(items) // _CHUNKS))
        for begin in range(0, len(items), size):
            chunk = items[begin : begin + size]
            if self._is_stopped:
                unsent += chunk
                continue
            self._note_as_sent(chunk)
            waiting: Sequence[Item] = chunk
            asked: set[str] = set()
            while waiting and not self._is_over:
                stale: list[Item] = []
                for item, answer in self._pool.each(self._jobs(waiting, asked)):
                    if answer is None:
                        stale.append(item)
                    else:
                        lost += self._came(item, answer)
                    self._tell(items)
                waiting = stale
            if self._is_lost:
                raise LostClaimError
            unsent += [item for item in chunk if item.name not in asked or item in waiting]
        return lost, unsent

    def _note_as_sent(self, items: Sequence[Item]) -> None:
        """Write down that POSTs are sent from now on, and for how long."""
        self._noted_at = now = self._clock.now()
        for item in items:
            sent = replace(
                item.entry.held,
                sent_at=now,
                sent_at_server=now + self._server_ahead,
                sent_for=self._timing.settle,
            )
            self._book.put(item.name, sent)
        self._book.write()

    def _jobs(self, items: Sequence[Item], asked: set[str]) -> Iterator[tuple[Item, Job]]:
        """Give the jobs one by one, and none any more once something is wrong with all of them."""
        for number, item in enumerate(items):
            try:
                self._book.check()
                if self._clock.now() - self._noted_at > self._timing.settle / 2:
                    self._note_as_sent(items[number:])
            except LostClaimError:
                self._is_lost = True
            if self._is_over:
                return
            asked.add(item.name)
            yield item, self._job(item)

    def _job(self, item: Item) -> Job:
        body = item.wish.source.body()
        until = self._noted_at + self._timing.settle

        def job() -> Source | CopassCallError | None:
            if not self._book.is_fresh() or self._clock.now() > until:
                # This process stood still, or is slow, and what it looked at and wrote down is not true any more.
                return None
            try:
                return self._sources.register_source(**body)
            except CopassCallError as error:
                return error

        return job

    def _came(self, item: Item, answer: Source | CopassCallError) -> list[Item]:
        """See to one answer; return the item where it was lost."""
        if isinstance(answer, CopassCallError):
            return self._failed(item, answer)
        try:
            if not self._is_lost:
                self._answered(item, answer)
                self._book.keep_alive()
        except LostClaimError:
            self._is_lost = True
        # Whoever lost the book deletes what it made, so it has to know of it.
        item.work.made.add(answer.data_source_id)
        return []

    def _answered(self, item: Item, made: Source) -> None:
        """Get the secret of a source that was just made into the store."""
        self._in_a_row = 0
        if made.webhook_signing_secret is not None:
            self._mask(made.webhook_signing_secret)
        try:
            item.made(item.work.keep(made))
        except CopassError as error:
            item.failed(error)
            if not error.is_final:
                # The store, or Airflow's Variables: each further source would be one whose secret is lost.
                self._stop("what was made cannot be stored or recorded")

    def _failed(self, item: Item, error: CopassCallError) -> list[Item]:
        """Note a call that failed; return the item where it may have been carried out all the same."""
        self._in_a_row += 1
        if isinstance(error, _HOPELESS):
            self._stop(f"the server answered {error.status}")
        elif self._in_a_row >= _FAILURES_IN_A_ROW:
            self._stop(f"{self._in_a_row} calls have failed one after the other")
        if error.maybe_applied or isinstance(error, CopassConflictError):
            self._lost[item.name] = error
            return [item]
        self._give_up(item, error)
        return []

    def _settle(self, made: Sequence[Item], waiting: list[Item]) -> None:
        """Look until all that was made is in the list, and each lost answer's effect too, or never will be."""
        if waiting:
            self._report.warning(
                "No usable answer came to the register calls of %d sources; looking for their effect for up to %.0f "
                "seconds.",
                len(waiting),
                self._timing.settle,
            )
        until = self._clock.now() + self._timing.settle
        pause = self._timing.poll
        while True:
            listed = self.look()
            for item in list(waiting):
                ours = ours_of(item.entry.held, listed.of(item.wish))
                if ours is not None:
                    waiting.remove(item)
                    self._finish(item, ours)
            unlisted = [item for item in made if item.source_id not in listed.by_id]
            if not (waiting or unlisted) or self._clock.now() > until:
                break
            self._clock.sleep(pause)
            pause = min(2 * pause, self._timing.settle / 4)
        for item in made:
            others = [other for source in listed.of(item.wish) if (other := source.data_source_id) != item.source_id]
            tell_of_foreign(item.wish, item.source_id, others, self._report)

    def _give_up(self, item: Item, error: CopassError) -> None:
        self._give_back(item)
        item.failed(error)

    def _give_back(self, item: Item) -> None:
        """Give the record back as it was: a POST is known to have had no effect."""
        self._book.put(item.name, item.entry.held.before)

    def _stop(self, why: str) -> None:
        if not self._is_stopped:
            self._report.warning("Registering no more sources: %s. The next try goes on from here.", why)
        self._is_stopped = True

    def _tell(self, items: Sequence[Item]) -> None:
        now = self._clock.now()
        if now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            done = sum(item.outcome is not None for item in items)
            self._report.info("%d of %d sources are done.", done, len(items))
