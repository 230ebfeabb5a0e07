"""Changing the fields of a source that keeps its name: what differs, in one PATCH, which may be sent twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_copass.registration.record import Closed
from airflow_provider_copass.registration.update import remember, send, unsent_of

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.claim import Claim
    from airflow_provider_copass.registration.declared import Declared
    from airflow_provider_copass.registration.ports import Report, Sources


@dataclass(frozen=True, slots=True)
class Changed:
    """A source that is as declared.

    :param source: the source as it is now.
    :param names: what was changed, such as ``adapter_config.channels``; the values are nobody's business.
    """

    source: Source
    names: tuple[str, ...] = ()


class InPlace:
    """Changes fields.

    :param declared: the fields.
    :param sources: the API's calls on the sandbox.
    :param report: where to say what was seen.
    """

    def __init__(self, declared: Declared, sources: Sources, report: Report) -> None:
        self._declared = declared
        self._sources = sources
        self._report = report

    def with_record(self, source: Source, claim: Claim, record: Closed | None) -> Changed:
        """Change the fields of a source that keeps its name, and write down what the server does not show."""
        source_id = source.data_source_id
        if record is not None and record.source_id != source_id:
            # The record of another source of the name: it is no place for what is known of this one.
            return self.without_record(source)
        known = record or Closed(source_id)
        unsent = unsent_of(self._declared, source, known)
        if not unsent:
            return self._as_it_is(source)
        changed = send(self._declared, unsent, source, self._sources, self._report)
        kept = remember(self._declared, unsent, (source, changed), known, self._report)
        if kept != known and claim.read() == record:
            claim.note(kept)
        return Changed(changed, tuple(unsent))

    def without_record(self, source: Source) -> Changed:
        """Change the fields of a source of which no record is kept."""
        unsent = unsent_of(self._declared, source, None)
        if not unsent:
            return self._as_it_is(source)
        changed = send(self._declared, unsent, source, self._sources, self._report)
        if unread := [name for name in self._declared.differing(changed) if name in unsent]:
            self._report.warning(
                "The server does not show %s of source %s as it was sent; it is sent again at every run.",
                ", ".join(unread),
                source.data_source_id,
            )
        return Changed(changed, tuple(unsent))

    def _as_it_is(self, source: Source) -> Changed:
        self._report.info("Source %s is as declared already.", source.data_source_id)
        return Changed(source)
