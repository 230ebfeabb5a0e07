"""Registering a source once: look it up, else hold its record, POST, store the secret, close the record.

Every way in looks first, and no step that counts is taken without the record in hand. What a dead process left behind
lies in its open record, and the next one goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassNotFoundError,
    DuplicateSourcesError,
    EntryBusyError,
    SourceChangedError,
)
from airflow_provider_copass.registration.adoption import brought_up_to_date, with_secret
from airflow_provider_copass.registration.claim import Claim, LookAgainError, LostClaimError
from airflow_provider_copass.registration.keeping import Keeping
from airflow_provider_copass.registration.outcome import Registered, without_secret
from airflow_provider_copass.registration.record import Closed, Open, name_of
from airflow_provider_copass.registration.timing import Timing
from airflow_provider_copass.registration.wish import DEAD
from airflow_provider_copass.registration.work import Work

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.adoption import Adopted
    from airflow_provider_copass.registration.ports import Clock, Records, Report, Secrets, Sources
    from airflow_provider_copass.registration.record import Owner
    from airflow_provider_copass.registration.wish import Wish


class Registration:
    """One wish, one process's try at it.

    :param wish: what is asked for.
    :param sources: the API's calls on the sandbox.
    :param secrets: where the secret is kept.
    :param records: where records are kept.
    :param report: where to say what was seen.
    :param clock: the time, and how to wait.
    :param owner: the task instance that this is for.
    :param mark: a random word; no other process may have the same.
    :param timing: how long to wait for what.
    """

    def __init__(
        self,
        wish: Wish,
        *,
        sources: Sources,
        secrets: Secrets,
        records: Records,
        report: Report,
        clock: Clock,
        owner: Owner,
        mark: str,
        timing: Timing | None = None,
    ) -> None:
        self._wish = wish
        self._sources = sources
        self._report = report
        self._clock = clock
        self._timing = timing or Timing()
        self._keeping = Keeping(wish, secrets, clock)
        name = name_of(wish.sandbox_id, wish.source.provider, wish.source.name)
        self._claim = Claim(name, wish.sandbox_id, records, clock, self._timing, owner=owner, mark=mark)
        self._seen: Closed | None = None
        self._work = Work(
            wish,
            sources=sources,
            keeping=self._keeping,
            claim=self._claim,
            report=report,
            clock=clock,
            timing=self._timing,
        )

    def run(self) -> Registered:
        """Have the source be there, and its secret in the store.

        :raises CopassInputError: before any request, where the store cannot hold the key.
        :raises CopassRegistrationError: where it cannot go on as asked; the message tells the way out.
        :raises CopassCallError: where a call failed.
        """
        self._keeping.check()
        patience = self._clock.now() + self._timing.patience
        while True:
            # Whoever stood still for long looks once more before it gives up.
            is_last = self._clock.now() > patience
            try:
                done = self._try()
            except LookAgainError:
                done = None
            if done is not None:
                self._work.made.tidy_up_lost(done.source.data_source_id)
                return done
            if is_last:
                raise EntryBusyError(
                    f"Another task is registering {self._wish.named} at this moment, or died while it did: the record "
                    f"{self._claim.name!r} is open. Nothing was done; try again later."
                )
            self._clock.sleep(self._timing.poll)

    def _try(self) -> Registered | None:
        """Look once and do what can be done; None means to look again."""
        # The list first: a source that a task made shows in it only after that task's record lay open.
        matching = self._work.matching()
        record = self._claim.read()
        if isinstance(record, Open):
            if self._claim.may_take(record) and self._claim.take(record, made=self._work.made.ids):
                self._report.info("Going on from where %s stopped.", record.owner)
                return self._go_on()
            return None
        self._seen = record
        if record is not None and not self._is_gone(record.source_id, matching):
            return self._adopt(self._recorded(record, matching), record)
        found = self._only(matching)
        if found is not None and found.data_source_id not in self._work.made.ids:
            return self._adopt(found, None)
        # Nothing lives. The list may be older than a record that was closed since; holding it, the list is read again.
        self._keeping.check_free(record)
        return self._go_on() if self._claim.take(record, made=self._work.made.ids) else None

    def _go_on(self) -> Registered | None:
        """Do the work with the record in hand."""
        done = self._work.run()
        if done is None:
            # What lives is nobody's of ours: the record tells no more about it than if it had never been open.
            self._claim.release()
        return done

    def _adopt(self, found: Source, record: Closed | None) -> Registered:
        """Take a source that is there already, and see where its secret is."""
        own = record is not None and record.owner is not None and record.owner.task == self._claim.owner.task
        adopted = brought_up_to_date(
            self._wish,
            found,
            record,
            sources=self._sources,
            report=self._report,
            is_own=own or found.data_source_id in self._work.made.ids,
        )
        adopted = with_secret(
            self._wish, adopted, keeping=self._keeping, report=self._report, record_name=self._claim.name
        )
        if adopted.mint_because:
            return self._minted(adopted.source, adopted.mint_because)
        return self._noted(adopted)

    def _minted(self, found: Source, why: str) -> Registered:
        """Take the record and mint a new secret."""
        self._keeping.check_write(found.data_source_id)
        if not self._claim.take(self._seen):
            raise LostClaimError
        self._report.warning("Rotating the webhook secret of source %s: %s.", found.data_source_id, why)
        return self._work.mint(found)

    def _noted(self, adopted: Adopted) -> Registered:
        """Remember an adopted source, where the record says anything else and nobody has written it since."""
        closed = adopted.closed
        if closed != self._seen and self._claim.read() == self._seen:
            self._claim.note(closed)
        return Registered(
            without_secret(adopted.source), is_new=False, stored_as=closed.key or None, is_changed=adopted.is_changed
        )

    def _recorded(self, record: Closed, matching: list[Source]) -> Source:
        """Return the recorded source, and name the others of its identity."""
        others = [source.data_source_id for source in matching if source.data_source_id != record.source_id]
        if others:
            self._report.warning(
                "%s is recorded as source %s; these live under the same name beside it: %s.",
                self._wish.named,
                record.source_id,
                ", ".join(others),
            )
        return next(source for source in matching if source.data_source_id == record.source_id)

    def _only(self, matching: list[Source]) -> Source | None:
        """Return the one live source; which of several is meant nobody can tell."""
        if len(matching) > 1:
            ids = tuple(source.data_source_id for source in matching)
            raise DuplicateSourcesError(
                f"{len(ids)} live sources are {self._wish.named}: {', '.join(ids)}. Which one is meant cannot be told: "
                "disconnect, delete or rename all but one.",
                data_source_ids=ids,
            )
        return matching[0] if matching else None

    def _is_gone(self, source_id: str, matching: list[Source]) -> bool:
        """Tell whether a recorded source is proven to be gone.

        :raises SourceChangedError: where it lives under another name.
        """
        if any(source.data_source_id == source_id for source in matching):
            return False
        try:
            source = self._sources.get_source(source_id)
        except CopassNotFoundError:
            # Believed only together with a list that came whole and does not hold it either.
            return True
        if source.status in DEAD:
            return True
        if self._wish.is_met_by(source):
            # Registered after the list was read, and recorded before the record was.
            raise LookAgainError
        raise SourceChangedError(
            f"Source {source_id} was registered as {self._wish.named} and is now {source.provider!r} {source.name!r}. "
            "Give it its name back or ask for the new one; or delete the record "
            f"{self._claim.name!r} to register another.",
            data_source_ids=(source_id,),
        )
