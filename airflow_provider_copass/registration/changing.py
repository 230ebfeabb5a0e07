"""Changing a source that is there: what differs is sent once, and where it is renamed, its record goes with it.

A change of fields is one PATCH, which can be sent twice without harm, so it needs no record in hand; the record only
tells what the server does not show as it was sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import EntryBusyError, SourceExistsError
from airflow_provider_copass.registration.claim import Claim
from airflow_provider_copass.registration.in_place import InPlace
from airflow_provider_copass.registration.named import live_of
from airflow_provider_copass.registration.patience import until_done
from airflow_provider_copass.registration.record import Open, name_of
from airflow_provider_copass.registration.renaming import Renaming
from airflow_provider_copass.registration.timing import Timing

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.change import Change
    from airflow_provider_copass.registration.in_place import Changed
    from airflow_provider_copass.registration.ports import Clock, Records, Report, Sources
    from airflow_provider_copass.registration.record import Owner


class Changing:
    """One change, one process's try at it.

    :param change: what is asked for.
    :param sources: the API's calls on the sandbox.
    :param records: where records are kept.
    :param report: where to say what was seen.
    :param clock: the time, and how to wait.
    :param owner: the task instance that this is for.
    :param mark: a random word; no other process may have the same.
    :param timing: how long to wait for what.
    """

    def __init__(
        self,
        change: Change,
        *,
        sources: Sources,
        records: Records,
        report: Report,
        clock: Clock,
        owner: Owner,
        mark: str,
        timing: Timing | None = None,
    ) -> None:
        self._change = change
        self._sources = sources
        self._records = records
        self._report = report
        self._clock = clock
        self._owner = owner
        self._mark = mark
        self._timing = timing or Timing()
        self._in_place = InPlace(change.declared, sources, report)
        self._renaming = Renaming(change, sources=sources, report=report, claim_of=self._claim_of)
        self._busy = ""

    def run(self) -> Changed:
        """Have the source be as declared.

        :raises CopassRegistrationError: where it cannot go on as asked; the message tells the way out.
        :raises CopassCallError: where a call failed.
        """
        done = until_done(self._try, self._clock, self._timing)
        if done is None:
            raise EntryBusyError(
                f"Another task is at {self._change.named} at this moment, or died while it was: the record "
                f"{self._busy!r} is open. Try again later; where the other task is dead, let it be retried, or delete "
                "the record."
            )
        if "ingestion_mode" in done.names and self._change.declared.fields.get("ingestion_mode") == "realtime":
            self._report.warning(
                "Source %s is realtime now, and the answer to a change holds no webhook secret: "
                "RotateWebhookSecretOperator mints and stores one.",
                done.source.data_source_id,
            )
        return done

    def _try(self) -> Changed | None:
        """Look once and do what can be done; None means to look again."""
        source = self._look()
        if self._change.new_name is not None:
            done = self._renaming.run(source, self._change.new_name)
            self._busy = self._renaming.busy
            return done
        if not self._change.has_settings:
            return self._in_place.without_record(source)
        claim = self._claim_of(source.provider, source.name)
        record = claim.read()
        if isinstance(record, Open):
            self._busy = claim.name
            return None
        return self._in_place.with_record(source, claim, record)

    def _look(self) -> Source:
        """Return the source that is meant: where it is renamed already, the one of the new name.

        :raises SourceExistsError: where it cannot be renamed, for another live source has the new name.
        """
        named, new_name = self._change.named, self._change.new_name
        if named.data_source_id or new_name in {None, named.name}:
            source = named.there(self._sources, self._change.sandbox_id)
            if new_name in {None, source.name}:
                return source
            others = live_of(self._sources.list_sources(provider=source.provider), source.provider, new_name)
        else:
            listed = self._sources.list_sources(provider=named.provider)
            others = live_of(listed, named.provider, new_name)
            found = named.one_of(live_of(listed, named.provider, named.name))
            if found is None:
                found = replace(named, name=new_name).one_of(others)
            if found is None:
                raise named.missing(self._change.sandbox_id)
            source = found
        ids = tuple(other.data_source_id for other in others if other.data_source_id != source.data_source_id)
        if ids:
            raise SourceExistsError(
                f"Source {source.data_source_id} cannot be renamed: {new_name!r} is the name of {', '.join(ids)}. "
                "Nothing was changed. Choose another new_name, or rename or delete the other.",
                data_source_ids=(source.data_source_id, *ids),
            )
        return source

    def _claim_of(self, provider: str, name: str) -> Claim:
        sandbox_id = self._change.sandbox_id
        return Claim(
            name_of(sandbox_id, provider, name),
            sandbox_id,
            self._records,
            self._clock,
            self._timing,
            owner=self._owner,
            mark=self._mark,
        )
