"""Changing a source that exists: what differs is sent once; if it is renamed, its journal entry goes with it.

A rename holds the leases on both names. The entry of the new name knows all that the old one's knew before the rename
is sent, so the next holder of either finds what is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassCallError, SourceChangedError, SourceExistsError
from airflow_provider_copass.registration.decide import created_by, fits
from airflow_provider_copass.registration.driver import GetSource, ListSources, Read, check_answered
from airflow_provider_copass.registration.journal import Completed, Pending, Write, deleted_by_of, from_text, known_of
from airflow_provider_copass.registration.lease import LookAgainError, read_entry
from airflow_provider_copass.registration.location import put_note
from airflow_provider_copass.registration.operation import (
    Operation,
    missing,
    only_one,
    require_steps,
)
from airflow_provider_copass.registration.ports import Moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.drift import Declared
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.journal import Entry, Tombstone
    from airflow_provider_copass.registration.lease import Lease
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.spec import Identity, SourceRef


@dataclass(frozen=True, slots=True)
class Updated:
    """A source that is as declared.

    :param source: the source as it is now.
    :param changed: the names of what was changed, such as ``adapter_config.channels``.
    """

    source: Source
    changed: tuple[str, ...] = ()


def update(ref: SourceRef, declared: Declared, runtime: Runtime) -> Updated:
    """Update a source's fields and name to the declared values.

    :param ref: the source; if it was renamed already, by its old name or its new one.
    :param declared: the fields; its ``name`` is the new one, if the source is renamed.
    :param runtime: what this try works with.
    :raises CopassRegistrationError: if the source cannot be as declared; the message says what to do.
    :raises CopassCallError: if a call failed.
    """
    kind = Rename if declared.fields.get("name") is not None else Update
    operation: Operation[Updated] = kind(ref, declared, runtime)
    updated = operation.run()
    if "ingestion_mode" in updated.changed and declared.fields.get("ingestion_mode") == "realtime":
        runtime.log.warning(
            "Source %s is realtime now, and the answer to a change holds no webhook secret. "
            "RotateWebhookSecretOperator mints and stores one.",
            updated.source.data_source_id,
        )
    return updated


class Update(Operation[Updated]):
    """A change of fields of a source that keeps its name; the parameters are those of :func:`update`."""

    def __init__(self, ref: SourceRef, declared: Declared, runtime: Runtime) -> None:
        super().__init__(runtime, str(ref))
        self._ref = ref
        self._declared = declared

    def attempt(self) -> Steps[Updated]:
        """Look; if anything differs, look again with the lease in hand and send it."""
        source = yield from require_steps(self._ref)
        lease = self.lease_on(self.identity_of(source))
        entry, _ = yield from read_entry(lease.name)
        known = known_of(entry, source.data_source_id)
        is_left = isinstance(entry, Pending) and entry.owner.instance == self._rt.owner.instance
        if not self._declared.unsent(source, known) and not is_left:
            self._rt.log.info("Source %s is as declared already.", source.data_source_id)
            return Updated(source)
        yield from self.acquire([lease])
        source = yield from require_steps(self._ref)
        if self.identity_of(source) != lease.identity:
            raise LookAgainError
        lease.verify()
        known = known_of(lease.held, source.data_source_id)
        unsent = self._declared.unsent(source, known)
        if not unsent:
            lease.release()
            return Updated(source)
        seen = (source, known or Completed(source.data_source_id))
        changed, kept = yield from send_changes(self._declared, unsent, seen, [lease], self._rt)
        end_with(lease, kept)
        return Updated(changed, tuple(unsent))


class Rename(Operation[Updated]):
    """A rename, and a change of the other fields with the same PATCH; the parameters are those of :func:`update`."""

    def __init__(self, ref: SourceRef, declared: Declared, runtime: Runtime) -> None:
        super().__init__(runtime, str(ref))
        self._ref = ref
        self._declared = declared
        self._new_name = str(declared.fields["name"])
        self._old_name = ref.name or ""

    def attempt(self) -> Steps[Updated]:
        """Find out between which names it is; then hold the leases on both."""
        source = yield from self._look()
        new = replace(self.identity_of(source), name=self._new_name)
        if source.name != self._new_name:
            self._old_name = source.name
        else:
            names = [self.lease_on(replace(new, name=name)).name for name in (self._new_name, self._old_name) if name]
            texts, _ = yield Read(tuple(names))
            entries = [from_text(texts[name], name=name) for name in names]
            entry = entries[0]
            noted = entry.write.other if isinstance(entry, Pending) and entry.write is not None else ""
            # What an earlier attempt saw has this process's token in its entry.
            self._old_name = noted or self._old_name or self._new_name
            if self._is_done(source, entries):
                return Updated(source)
        old = replace(new, name=self._old_name)
        leases = [self.lease_on(identity) for identity in dict.fromkeys((new, old))]
        yield from self.acquire(leases)
        return (yield from self._work(new, old, source.data_source_id))

    def _is_done(self, source: Source, entries: Sequence[Entry | None]) -> bool:
        """Tell whether nothing is left to do: the source is as declared, and only the new name's entry knows it.

        :param entries: of the new name, and of the old one if it is known.
        """
        source_id = source.data_source_id
        is_left = any(known_of(entry, source_id) is not None for entry in entries[1:])
        is_pending = any(isinstance(entry, Pending) for entry in entries)
        return not (is_left or is_pending or self._declared.unsent(source, known_of(entries[0], source_id)))

    def _look(self) -> Steps[Source]:
        """Return the source: if it was renamed already, the one of the new name."""
        identity = self._ref.identity
        if identity is None:
            return (yield from require_steps(self._ref))
        renamed = replace(identity, name=self._new_name)
        entry, _ = yield from read_entry(self.lease_on(renamed).name)
        write = entry.write if isinstance(entry, Pending) else None
        if write is not None and write.kind == "rename_here" and write.by == self._rt.owner.instance:
            # Its own earlier try has sent the rename. The old name may be another source's by now.
            source: Source | None = yield GetSource(write.source_id)
            if source is not None and renamed.matches(source):
                return source
        inventory: Inventory = yield ListSources(identity.provider)
        found = only_one(self._ref, inventory.matching(identity))
        if found is None:
            found = only_one(replace(self._ref, name=self._new_name), inventory.matching(renamed))
        if found is None:
            raise missing(self._ref)
        return found

    def _work(self, new: Identity, old: Identity, source_id: str) -> Steps[Updated]:
        """Look with the leases in hand, and rename the source or finish what is left of that."""
        to, away, timing = self.lease_on(new), self.lease_on(old), self._rt.timing
        leases = [to] if to is away else [to, away]
        inventory = yield from self.look_until_settled(leases, lambda: self.list_all(to))
        source = yield from self._again(inventory, new, old, source_id)
        for lease in leases:
            write = lease.held.write
            if write is None or write.kind != "register":
                continue
            of_name = inventory.matching(lease.identity)
            created = [source] if fits(source, write, timing) else created_by(write, lease.held, of_name, timing)
            if len(created) == 1:
                # By a POST without an answer, and its secret is still to be minted.
                lease.pending = lease.held.with_created(created[0].data_source_id)
        of_it = [known for lease in leases if (known := known_of(lease.held, source_id)) is not None]
        # Rather with the key of its secret than without.
        known = max(of_it, key=lambda known: bool(known.key), default=None)
        unsent = self._declared.unsent(source, known)
        # A deletion under the new name is not made again by its retry.
        kept = Completed(source_id) if known is None else replace(known, deleted_by=deleted_by_of(to.held))
        noted = to.held.write
        names = ("name",) if noted is not None and noted.kind == "rename_here" and source.name == new.name else ()
        if source.name != new.name:
            self._note(to, away, source, kept)
        if unsent:
            source, kept = yield from self._send(leases, unsent, source, kept)
        self._move(to, away, source, kept)
        return Updated(source, tuple(dict.fromkeys((*names, *unsent))))

    def _note(self, to: Lease, away: Lease, source: Source, kept: Completed) -> None:
        """Note the rename on both sides; the new name's entry knows all that is known of the source by then."""
        source_id, sent_at, by = source.data_source_id, self._rt.clock.now(), self._rt.owner.instance
        facts = _unfinished(away.held, source)
        if not self._is_unfinished(away, source_id):
            facts = replace(
                to.held, created_ids=(), rotating="", rotated_by="", secret_generation=kept.secret_generation
            )
        write = Write("rename_here", sent_at, by, source_id, source.name)
        to.note(replace(facts, write=write, previous=_known_or_before(to, kept)))
        away.note(replace(away.held, write=Write("rename_away", sent_at, by, source_id, self._new_name)))

    def _again(self, inventory: Inventory, new: Identity, old: Identity, source_id: str) -> Steps[Source]:
        """Return the source as it is now, under the leases.

        :raises SourceExistsError: if another live source has the new name.
        """
        found: Source | None = inventory.by_id.get(source_id)
        if found is None:
            found = yield GetSource(source_id)
        if found is None or self.identity_of(found) not in {new, old}:
            raise LookAgainError
        if self._ref.identity is not None and not found.is_live:
            raise LookAgainError
        if found.name == old.name and self._ref.identity is not None:
            only_one(self._ref, inventory.matching(old))
        others = [
            source.data_source_id for source in inventory.matching(new) if source.data_source_id != found.data_source_id
        ]
        if others and found.name != new.name:
            raise SourceExistsError(
                f"Source {found.data_source_id} cannot be renamed: {new.name!r} is the name of {', '.join(others)}. "
                "Nothing was changed. Choose another new_name, or rename or delete the other.",
                data_source_ids=(found.data_source_id, *others),
            )
        return found

    def _send(
        self, leases: list[Lease], unsent: dict[str, Any], source: Source, known: Completed
    ) -> Steps[tuple[Source, Completed]]:
        """Send the PATCH; a rename that the server is known not to have done leaves no note behind."""
        try:
            changed, kept = yield from send_changes(self._declared, unsent, (source, known), leases, self._rt)
        except CopassCallError as error:
            if not error.maybe_applied:
                for lease in leases:
                    lease.note(_without_rename(lease, source))
            raise
        if changed.name not in {"", self._new_name}:
            for lease in leases:
                lease.note(_without_rename(lease, source))
            raise SourceChangedError(
                f"Source {source.data_source_id} was to be renamed to {self._new_name!r}, and the server shows another "
                "name. Declare a name that it takes as it is.",
                data_source_ids=(source.data_source_id,),
            )
        return changed, kept

    def _move(self, to: Lease, away: Lease, source: Source, kept: Completed) -> None:
        """Let the new name's entry say what the old one's said, and the old one be gone."""
        if kept.location:
            looked = Moment.of(self._rt.clock)
            to.verify_unless_fresh()
            put_note(kept.location, to.name, looked, self._rt)
        if to is not away:
            is_unfinished = self._is_unfinished(away, kept.source_id)
            # Its write stays until the old one is gone: it tells the next try the old name.
            facts = _unfinished(away.held, source) if is_unfinished else to.held
            previous = _known_or_before(to, kept)
            to.note(replace(facts, write=to.held.write, previous=previous))
            away.pending = _without(away.held, kept.source_id)
            away.release()
            to.amend(write=None)
        end_with(to, kept)

    @staticmethod
    def _is_unfinished(away: Lease, source_id: str) -> bool:
        """Tell whether something was begun about the source under its old name."""
        return source_id in {away.held.rotating, *away.held.created_ids}


def send_changes(
    declared: Declared,
    changes: dict[str, Any],
    seen: tuple[Source, Completed],
    leases: Sequence[Lease],
    runtime: Runtime,
) -> Steps[tuple[Source, Completed]]:
    """Send some changes with one PATCH, with the leases in hand, and say which; never a value.

    :param declared: what is declared.
    :param changes: what of it differs.
    :param seen: the source, and what the journal knows of it.
    :param leases: what must be in hand.
    :return: the source as it is now, and what the journal is to know of it.
    """
    source, known = seen
    body, is_merge = declared.body(changes)
    lease, *beside = leases
    call = calls.update_source(
        runtime.sandbox_id,
        source.data_source_id,
        body,  # type: ignore[arg-type]  # checked by the call
        merge_adapter_config=is_merge,
    )
    for each in beside:
        each.verify()
    changed = yield from lease.send(call, source.data_source_id)
    for each in (*beside, lease):
        each.verify()
    check_answered(changed, source.data_source_id, "update_source")
    runtime.log.info("Changed source %s in: %s.", source.data_source_id, ", ".join(changes))
    return changed, declared.remember(changes, source, changed, known, runtime.log)


def end_with(lease: Lease, known: Completed) -> None:
    """Complete an entry, or if there is unfinished work in it, leave that to the task that declares it."""
    held = lease.held
    previous = _known_or_before(lease, known)
    if held.has_facts:
        lease.amend(previous=previous)
        lease.release()
    elif previous is known:
        lease.complete(known)
    elif held.previous is None or known_of(held, known.source_id) is not None:
        lease.complete(None)
    else:
        lease.release()


def _known_or_before(lease: Lease, known: Completed) -> Completed | Tombstone | None:
    """Return what is known of a source; if nothing is, what the entry told before: of a key, too, that is left over."""
    return lease.held.previous if known == Completed(known.source_id) else known


def _unfinished(held: Pending, source: Source) -> Pending:
    """Return what is to be told of a source under another name than the one whose key was looked at before its POST.

    What the new name's key holds, if anything, is not its secret.
    """
    return replace(held, rotating=source.data_source_id) if source.may_be_realtime else held


def _without(held: Pending, source_id: str) -> Pending:
    """Return what the old name's entry says once a source has another name."""
    return replace(
        held,
        write=None,
        created_ids=tuple(each for each in held.created_ids if each != source_id),
        rotating="" if held.rotating == source_id else held.rotating,
        previous=None if known_of(held, source_id) is not None else held.previous,
    )


def _without_rename(lease: Lease, source: Source) -> Pending:
    """Return what an entry says once a rename is known not to have been done."""
    held = lease.held
    if lease.identity.name == source.name:
        return replace(held, write=None)
    previous = None if known_of(held, source.data_source_id) is not None else held.previous
    return replace(held, write=None, previous=previous, rotating="", created_ids=())
