"""Rotating a source's webhook secret, once a task instance, with the record in hand: a registration waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassError,
    DuplicateSourcesError,
    EntryBusyError,
    SourceChangedError,
    SourceMissingError,
)
from airflow_provider_copass.registration.claim import Claim
from airflow_provider_copass.registration.keeping import Keeping
from airflow_provider_copass.registration.outcome import Registered
from airflow_provider_copass.registration.patience import until_done
from airflow_provider_copass.registration.record import Closed, Open, name_of
from airflow_provider_copass.registration.timing import Timing
from airflow_provider_copass.registration.work import Work

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Clock, Records, Report, Secrets, Sources
    from airflow_provider_copass.registration.record import Owner
    from airflow_provider_copass.registration.wish import Wish


class Rotation:
    """One rotation, one process's try at it.

    :param wish: whose secret, and under which key; a ``realtime`` source.
    :param found: which of that identity's live sources, as it was looked up by its id; None where there is but one.
    :param keep_previous: keep the secret before it under a key of its own.
    :param sources: the API's calls on the sandbox.
    :param secrets: where the secret is kept.
    :param records: where records are kept.
    :param report: where to say what was seen.
    :param clock: the time, and how to wait.
    :param owner: the task instance that this is for: it rotates once, however often it is tried.
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
        found: Source | None = None,
        keep_previous: bool = False,
    ) -> None:
        self._wish = wish
        self._source_id = "" if found is None else found.data_source_id
        self._at_hand = found
        self._keep_previous = keep_previous
        self._report = report
        self._clock = clock
        self._timing = timing or Timing()
        self._keeping = Keeping(wish, secrets, clock)
        name = name_of(wish.sandbox_id, wish.source.provider, wish.source.name)
        self._claim = Claim(name, wish.sandbox_id, records, clock, self._timing, owner=owner, mark=mark)
        self._work = Work(
            wish,
            sources=sources,
            keeping=self._keeping,
            claim=self._claim,
            report=report,
            clock=clock,
            timing=self._timing,
        )
        self._work.rotated_by = owner.task

    def run(self) -> Registered:
        """Have this task instance's new secret be in the store.

        :raises CopassInputError: where the store cannot hold or write the key; nothing was rotated.
        :raises CopassRegistrationError: where it cannot go on as asked; the message tells the way out.
        :raises CopassCallError: where a call failed.
        """
        self._keeping.check()
        done = until_done(self._try, self._clock, self._timing)
        if done is not None:
            return done
        raise EntryBusyError(
            f"Another task is at {self._wish.named} at this moment, or died while it was: the record "
            f"{self._claim.name!r} is open. Nothing was rotated; try again later."
        )

    def _try(self) -> Registered | None:
        """Look once and do what can be done; None means to look again."""
        found = self._found()
        key = self._wish.key_for(found.data_source_id)
        record = self._claim.read()
        if isinstance(record, Open):
            if not (self._claim.may_take(record) and self._claim.take(record)):
                return None
            self._report.info("Going on from where %s stopped.", record.owner)
            return self._minted(found, is_fresh=False, keeps=record.previous_of != self._claim.owner.task)
        if record is not None and record.source_id == found.data_source_id:
            self._check_place(record, key)
            if record.rotated_by == self._claim.owner.task and self._keeping.holds(key, found.data_source_id):
                self._report.info("This task instance has rotated the secret of %s already.", found.data_source_id)
                return Registered(found, is_new=False, stored_as=record.key)
        self._keeping.check_write(found.data_source_id)
        if self._keep_previous:
            self._keeping.check_previous(found.data_source_id)
        return self._minted(found, is_fresh=True) if self._claim.take(record) else None

    def _minted(self, found: Source, *, is_fresh: bool, keeps: bool = True) -> Registered:
        """Mint with the record in hand; where the server is known not to have rotated, give the record back.

        :param keeps: whether the secret before it is still to be kept: an earlier try of this task instance that has
            begun to mint had done so, and what is in the store since may be its own.
        """
        if self._keep_previous:
            if keeps:
                self._keeping.keep_previous(found.data_source_id, self._claim)
            # Written together with what tells that minting has begun.
            self._work.previous_of = self._claim.owner.task
        failure: CopassError
        try:
            return self._work.mint(found, is_lost=not is_fresh)
        except CopassError as error:
            failure = error
        is_refused = isinstance(failure, SourceChangedError) or getattr(failure, "maybe_applied", True) is False
        if is_fresh and is_refused:
            self._claim.release()
        raise failure

    def _found(self) -> Source:
        """Return the one live source that is meant."""
        at_hand, self._at_hand = self._at_hand, None
        seen = self._work.matching() if at_hand is None else [at_hand]
        matching = [
            source for source in seen if self._wish.is_met_by(source) and self._source_id in {"", source.data_source_id}
        ]
        if len(matching) > 1:
            ids = tuple(source.data_source_id for source in matching)
            raise DuplicateSourcesError(
                f"{len(ids)} live sources are {self._wish.named}: {', '.join(ids)}. Name the one that is meant by its "
                "data_source_id.",
                data_source_ids=ids,
            )
        if not matching:
            raise SourceMissingError(f"There is no live {self._wish.named}. Register it first.")
        if matching[0].ingestion_mode not in {"", "realtime"}:
            raise SourceChangedError(
                f"Source {matching[0].data_source_id} is {matching[0].ingestion_mode!r}: only a realtime source has a "
                "webhook secret.",
                data_source_ids=(matching[0].data_source_id,),
            )
        return matching[0]

    def _check_place(self, record: Closed, key: str) -> None:
        """Refuse another place than the one where the secret is: whoever reads it there would be left a void one."""
        if record.key and (record.store, record.key) != (self._keeping.store, key):
            raise SourceChangedError(
                f"The webhook secret of source {record.source_id} is in the {record.store} {record.key!r}, and this "
                f"task asks for the {self._keeping.store} {key!r}. Nothing was rotated; ask for the same.",
                data_source_ids=(record.source_id,),
            )
