"""Renaming a source, and having its record go with it, whatever dies in between.

The new name's record is held open over it and says which name the source comes from: a registration of that name waits,
and a retry finds what is left to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassCallError, CopassNotFoundError, SourceChangedError
from airflow_provider_copass.registration.claim import LookAgainError
from airflow_provider_copass.registration.in_place import Changed, InPlace
from airflow_provider_copass.registration.record import Closed, Open
from airflow_provider_copass.registration.update import remember, send, unsent_of
from airflow_provider_copass.registration.wish import DEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.change import Change
    from airflow_provider_copass.registration.claim import Claim
    from airflow_provider_copass.registration.ports import Report, Sources


class Renaming:
    """One rename.

    :param change: what is asked for, with a new name.
    :param sources: the API's calls on the sandbox.
    :param report: where to say what was seen.
    :param claim_of: returns the claim on the record of a provider and a name.
    """

    def __init__(
        self,
        change: Change,
        *,
        sources: Sources,
        report: Report,
        claim_of: Callable[[str, str], Claim],
    ) -> None:
        self._change = change
        self._declared = change.declared
        self._sources = sources
        self._report = report
        self._claim_of = claim_of
        self._in_place = InPlace(change.declared, sources, report)
        self.busy = ""
        """The name of the open record that stood in the way at the last look."""

    def run(self, source: Source, new_name: str) -> Changed | None:
        """Rename the source, or finish what a dead try left of that; then see to its other fields."""
        source_id = source.data_source_id
        claim = self._claim_of(source.provider, new_name)
        record = claim.read()
        is_renamed = source.name == new_name
        if isinstance(record, Open) and not self._may_take(claim, record, is_renamed=is_renamed):
            self.busy = claim.name
            return None
        old_name = self._old_name(source, record)
        old = self._claim_of(source.provider, old_name)
        left = old.read() if old_name != new_name else None
        if isinstance(left, Open) and (not is_renamed or isinstance(record, Open)):
            self.busy = old.name
            return None
        is_left = isinstance(left, Closed) and left.source_id == source_id
        if is_renamed and not isinstance(record, Open) and not is_left:
            return self._in_place.with_record(source, claim, record)
        if not is_renamed and isinstance(record, Closed) and record.source_id != source_id:
            self._check_gone(record.source_id, source, new_name)
        if not claim.take(record):
            return None
        if is_renamed:
            self._report.info("Finishing the rename of source %s from %r to %r.", source_id, old_name, new_name)
            kept = self._move(source_id, old, claim)
            done = self._in_place.with_record(source, claim, kept)
            names = ("name",) if isinstance(record, Open) and record.renaming else ()
            return replace(done, names=(*names, *done.names))
        return self._renamed(source, old_name, old, claim)

    def _renamed(self, source: Source, old_name: str, old: Claim, claim: Claim) -> Changed:
        """Rename the source with the new name's record in hand; its other fields go with the same PATCH."""
        source_id = source.data_source_id
        known = self._known_of(source_id, old.read(), claim.held.before)
        unsent = unsent_of(self._declared, source, known)
        claim.change(replace(claim.held, renaming=old_name))
        claim.check()
        failure: CopassCallError
        try:
            changed = send(self._declared, unsent, source, self._sources, self._report)
        except CopassCallError as error:
            failure = error
        else:
            if changed.name not in {"", self._change.new_name}:
                claim.release()
                raise SourceChangedError(
                    f"Source {source_id} was to be renamed, and the server shows it as {changed.name!r}. Ask for a "
                    "name that it takes as it is.",
                    data_source_ids=(source_id,),
                )
            kept = remember(self._declared, unsent, (source, changed), known, self._report)
            self._move(source_id, old, claim, unread=kept.unread)
            return Changed(changed, tuple(unsent))
        if not failure.maybe_applied:
            # Known not to have been carried out: the record goes back, and nobody has to wait for it.
            claim.release()
        raise failure

    def _move(self, source_id: str, old: Claim, claim: Claim, *, unread: dict[str, str] | None = None) -> Closed:
        """Have the new name's record say what the old one's said, and the old one be gone.

        Whatever dies in between, the open record holds all that was known, and its next holder writes it down.

        :param unread: the seals that hold now; None where they are as they were.
        """
        left = old.read() if old.name != claim.name else None
        if isinstance(left, Open):
            # Somebody began a rotation under the old name before it was renamed; what comes of it is to be moved too.
            raise LookAgainError
        known = self._known_of(source_id, left, claim.held.before)
        kept = known if unread is None else replace(known, unread=unread)
        claim.change(replace(claim.held, before=kept))
        if left is not None and left.source_id == source_id and old.read() == left:
            old.forget()
        claim.close(kept)
        return kept

    def _may_take(self, claim: Claim, found: Open, *, is_renamed: bool) -> bool:
        """Tell whether the new name's open record may be taken over.

        A dead task's that was registering the source of this name, or rotating its secret, is not ours to close.
        """
        is_mine = found.owner.task == claim.owner.task
        is_rename = bool(found.renaming) and not found.minting
        return claim.may_take(found) and (is_mine or is_rename or not is_renamed)

    def _old_name(self, source: Source, record: Open | Closed | None) -> str:
        """Return the name that the source has, or had: as a dead try has noted it, else as the task names it."""
        if source.name != self._change.new_name:
            return source.name
        noted = record.renaming if isinstance(record, Open) else ""
        return noted or self._change.named.name or source.name

    def _check_gone(self, source_id: str, source: Source, new_name: str) -> None:
        """Make sure that a source which is recorded under the new name is gone.

        :raises SourceChangedError: where it lives under a third name.
        """
        try:
            other = self._sources.get_source(source_id)
        except CopassNotFoundError:
            return
        if other.status in DEAD:
            return
        if (other.provider, other.name) == (source.provider, new_name):
            # Registered after the list was read.
            raise LookAgainError
        raise SourceChangedError(
            f"Source {source.data_source_id} cannot be renamed: {new_name!r} is recorded as source {source_id}, which "
            f"is now {other.provider!r} {other.name!r}. Give that one its name back, or delete the record "
            f"{self._claim_of(source.provider, new_name).name!r}.",
            data_source_ids=(source.data_source_id, source_id),
        )

    def _known_of(self, source_id: str, *records: Open | Closed | None) -> Closed:
        """Return what is recorded of a source, rather with the place of its secret than without."""
        of_it = [record for record in records if isinstance(record, Closed) and record.source_id == source_id]
        return max(of_it, key=lambda record: bool(record.key), default=Closed(source_id))
