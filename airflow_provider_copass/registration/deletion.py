"""Having a source, its secret and its record be gone: the source last, so that a retry finds what is left to do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_copass.api.errors import BusyRecordError, CopassNotFoundError, SourceChangedError
from airflow_provider_copass.registration.book import record_in_book
from airflow_provider_copass.registration.keeping import previous_key
from airflow_provider_copass.registration.record import Closed, Open, from_text, name_of

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Clock, PurgeableSources, Records, RemovableSecrets, Report
    from airflow_provider_copass.registration.store_key import StoreKey
    from airflow_provider_copass.registration.timing import Timing


class Deletion:
    """One deletion, one process's try at it.

    :param sandbox_id: where the source is.
    :param key: the key of its secret, where the record does not tell it.
    :param sources: the API's calls on the sandbox.
    :param secrets: where its secret is; None to leave it there.
    :param records: where records are kept.
    :param report: where to say what was done.
    :param clock: the time.
    :param timing: how old an open record has to be for its task to be dead.
    :param purge: remove first what came in through the source.
    """

    def __init__(
        self,
        sandbox_id: str,
        *,
        key: StoreKey,
        sources: PurgeableSources,
        secrets: RemovableSecrets | None,
        records: Records,
        report: Report,
        clock: Clock,
        timing: Timing,
        purge: bool = False,
    ) -> None:
        self._sandbox_id = sandbox_id
        self._key = key
        self._sources = sources
        self._secrets = secrets
        self._records = records
        self._report = report
        self._clock = clock
        self._timing = timing
        self._purge = purge

    def run(self, source: Source) -> None:
        """Have a source be gone.

        :param source: the source.
        :raises BusyRecordError: where a task may be registering it at this moment; nothing was done then.
        :raises SourceChangedError: where its secret is in another store; nothing but the purge was done then.
        :raises CopassCallError: where a call failed.
        """
        source_id = source.data_source_id
        name = name_of(self._sandbox_id, source.provider, source.name)
        record, is_ours = self._record(name, source_id)
        if self._purge:
            self._sources.purge_source(source_id)
            self._report.info("Purged what came in through source %s.", source_id)
        if self._secrets is not None:
            self._remove_secret(source, record, self._secrets)
        if is_ours:
            self._records.remove(name)
        with suppress(CopassNotFoundError):
            self._sources.delete_source(source_id)
        self._report.info("Deleted source %s.", source_id)

    def _record(self, name: str, source_id: str) -> tuple[Closed | None, bool]:
        """Return what is recorded of the source, and whether the record goes with it."""
        text = self._records.read(name)
        own = None if text is None else from_text(text, name=name)
        record = own or record_in_book(self._records, self._sandbox_id, name)
        if isinstance(record, Open):
            if self._clock.now() - record.since <= self._timing.takeover_after:
                raise BusyRecordError(
                    f"A task is registering source {source_id} at this moment, or died not long ago: the record "
                    f"{name!r} is open. Nothing was deleted; try again later, or delete the record."
                )
            self._report.warning("%s left the record of source %s open, and is dead.", record.owner, source_id)
            record = record.before
        known = record if record is not None and record.source_id == source_id else None
        return known, isinstance(own, Open) or (own is not None and known is not None)

    def _remove_secret(self, source: Source, record: Closed | None, secrets: RemovableSecrets) -> None:
        """Remove the secret, and the one before it."""
        source_id = source.data_source_id
        if record is not None and record.key:
            key = record.key
            if record.store != secrets.name:
                raise SourceChangedError(
                    f"The webhook secret of source {source_id} is in the {record.store} {key!r}, and this task names "
                    f"the {secrets.name}. Name the store that it is in.",
                    data_source_ids=(source_id,),
                )
        else:
            key = self._key.render(
                sandbox_id=self._sandbox_id, provider=source.provider, name=source.name, data_source_id=source_id
            )
        for each in (key, previous_key(key)):
            if secrets.owner_of(each) not in {None, source_id}:
                self._report.warning("The %s %r holds another source's secret; it is left there.", secrets.name, each)
            else:
                secrets.remove(each)
        self._report.info("Removed the webhook secret of source %s from the %s.", source_id, secrets.name)
