"""Having a source, its secret and its record be gone: the source last, so that a retry finds what is left to do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassInputError,
    CopassNotFoundError,
    EntryBusyError,
    SourceChangedError,
)
from airflow_provider_copass.registration.book import record_in_book
from airflow_provider_copass.registration.record import Closed, Open, from_text, name_of
from airflow_provider_copass.registration.store_key import in_key, previous_key

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
        :raises EntryBusyError: where a task may be registering it at this moment; nothing was done then.
        :raises CopassInputError: where the store cannot hold the key of its secret; nothing was done then.
        :raises SourceChangedError: where its secret is in another store; nothing was done then.
        :raises CopassCallError: where a call failed.
        """
        source_id = source.data_source_id
        name = name_of(self._sandbox_id, source.provider, source.name)
        record, is_ours = self._record(name, source_id)
        secrets = self._secrets
        keys = [] if secrets is None else self._keys(source, record, secrets)
        if self._purge:
            self._sources.purge_source(source_id)
            self._report.info("Purged what came in through source %s.", source_id)
        if secrets is not None:
            for key in keys:
                secrets.remove(key)
                # What was there, a store does not tell.
                self._report.info("The %s %r holds no secret of source %s any more.", secrets.name, key, source_id)
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
                raise EntryBusyError(
                    f"A task is registering source {source_id} at this moment, or died not long ago: the record "
                    f"{name!r} is open. Nothing was deleted; try again later, or delete the record."
                )
            self._report.warning("%s left the record of source %s open, and is dead.", record.owner, source_id)
            # A rotation that it has begun counts: the secret before it may have been kept.
            record = record.before and replace(record.before, mints=record.mints)
        known = record if record is not None and record.source_id == source_id else None
        return known, isinstance(own, Open) or (own is not None and known is not None)

    def _keys(self, source: Source, record: Closed | None, secrets: RemovableSecrets) -> list[str]:
        """Return the keys of the source's secret and of the one before it; what may be another source's is left."""
        source_id = source.data_source_id
        if record is not None and record.key:
            if record.store != secrets.name:
                raise SourceChangedError(
                    f"The webhook secret of source {source_id} is in the {record.store} {record.key!r}, and this task "
                    f"names the {secrets.name}. Name the store that it is in.",
                    data_source_ids=(source_id,),
                )
            key, is_own = record.key, True
            # Only a rotation keeps the secret before it; without one, who has a key of that name is somebody else.
            is_previous_own = record.mints > 0 or in_key(source_id) in key
        elif record is not None and (record.none_issued or source.ingestion_mode not in {"", "realtime"}):
            self._report.info("No webhook secret was issued for source %s; there is none to remove.", source_id)
            return []
        else:
            key = self._key.render(
                sandbox_id=self._sandbox_id, provider=source.provider, name=source.name, data_source_id=source_id
            )
            is_own = is_previous_own = self._key.needs_id
        secrets.check(key)
        keys = [key] if self._is_to_go(key, source_id, secrets, is_own=is_own) else []
        previous = previous_key(key)
        try:
            secrets.check(previous)
        except CopassInputError:
            # What the store cannot hold, such as a key that is too long, it does not hold.
            return keys
        is_to_go = self._is_to_go(previous, source_id, secrets, is_own=is_previous_own)
        return [*keys, previous] if is_to_go else keys

    def _is_to_go(self, key: str, source_id: str, secrets: RemovableSecrets, *, is_own: bool) -> bool:
        """Tell whether a key's secret is this source's; one that may be another's is left, and told of.

        :param is_own: whether the key itself, or the record, shows that it is.
        """
        owner = secrets.owner_of(key)
        if owner == source_id or (owner is None and is_own):
            return True
        if owner is not None:
            self._report.warning("The %s %r holds another source's secret; it is left there.", secrets.name, key)
        elif _may_hold(key, secrets):
            self._report.warning(
                "The %s %r is left there: no record and no note says that it is the webhook secret of source %s, and "
                "it may be another source's. Where nobody needs it, delete it by hand.",
                secrets.name,
                key,
                source_id,
            )
        return False


def _may_hold(key: str, secrets: RemovableSecrets) -> bool:
    """Tell whether there may be something under a key."""
    try:
        return secrets.read(key) is not None
    except Exception:  # noqa: BLE001 - a store is the user's own code; nothing depends on it but a word of warning
        return True
