"""Rotating a source's webhook secret because a task asks for it: once a task instance, however often it is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import SecretMissingError, SourceChangedError
from airflow_provider_copass.registration.driver import run_alone
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.journal import Completed, known_of
from airflow_provider_copass.registration.lease import LocationClaim, LookAgainError, read_entry
from airflow_provider_copass.registration.minter import Minter
from airflow_provider_copass.registration.operation import Operation, identity_of, looked_up, missing
from airflow_provider_copass.registration.register import Registered, without_secret
from airflow_provider_copass.registration.secret_writer import SecretWriter
from airflow_provider_copass.registration.spec import Identity, SourceRef, previous_key

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.spec import StoreKey


def rotate(ref: SourceRef, store_key: StoreKey, runtime: Runtime, *, keep_previous: bool = False) -> Registered:
    """Mint a new webhook secret for a source and store it, unless this task instance has done so already.

    :param ref: the source; it must be ``realtime``.
    :param store_key: the key of its secret.
    :param runtime: what this try works with.
    :param keep_previous: keep the secret before it under a key of its own.
    :raises CopassInputError: if the store cannot hold or write the key; nothing was rotated.
    :raises CopassRegistrationError: if it cannot go on as declared; the message tells the way out.
    :raises CopassCallError: if a call failed.
    """
    return run_alone(Rotation(ref, store_key, runtime, keep_previous=keep_previous).steps(), runtime)


class Rotation(Operation[Registered]):
    """The rotation of one secret, in one process.

    :param ref: the source.
    :param store_key: the key of its secret.
    :param runtime: what this try works with.
    :param keep_previous: keep the secret before it under a key of its own.
    """

    def __init__(self, ref: SourceRef, store_key: StoreKey, runtime: Runtime, *, keep_previous: bool) -> None:
        super().__init__(runtime, str(ref))
        self._ref = ref
        self._store_key = store_key
        self._keep_previous = keep_previous
        self._source_id = ""
        self._minters: dict[Identity, tuple[SecretWriter, Minter, tuple[LocationClaim, ...]]] = {}

    @property
    def owes(self) -> bool:
        """Whether this process may have voided a secret while another one held the lease."""
        return any(minter.owes() for _, minter, _ in self._minters.values())

    def _owes_to(self, known: Completed) -> bool:
        """Tell whether a source's secret may be void, under whichever name this process worked on it."""
        return any(minter.owes(known) for _, minter, _ in self._minters.values())

    def attempt(self) -> Steps[Registered]:
        """Look; if this task instance has not rotated yet, do so with the lease in hand."""
        source = yield from self._look()
        identity = identity_of(self._ref, source)
        lease = self.lease_on(identity)
        writer, _, locations = self._minter(identity)
        writer.check()
        entry, _ = yield from read_entry(lease.name)
        known = entry if isinstance(entry, Completed) and entry.source_id == source.data_source_id else None
        if known is not None:
            self._check_key(known, writer)
        if known is not None and not self.owes and self._is_done(known, writer):
            self._rt.log.info("This task instance has rotated the secret of %s already.", known.source_id)
            return Registered(without_secret(source), "unchanged", known.key)
        writer.check_write(source.data_source_id, previous=self._keep_previous)
        return (yield from self.under([lease], lambda: self._work(identity), locations=locations))

    def _look(self) -> Steps[Source]:
        """Return the source.

        :raises SourceMissingError: if there is no live one.
        :raises SourceChangedError: if it is not realtime.
        """
        # What this process may have voided, it mints anew, also if it was renamed meanwhile.
        ref = SourceRef(self._ref.sandbox_id, data_source_id=self._source_id) if self.owes else self._ref
        source = yield from looked_up(ref)
        if source is None or not source.is_live:
            raise missing(self._ref)
        self._source_id = source.data_source_id
        if source.ingestion_mode not in {"", "realtime"}:
            raise SourceChangedError(
                f"Source {source.data_source_id} is not realtime, and only a realtime source has a webhook secret. "
                "Nothing was rotated.",
                data_source_ids=(source.data_source_id,),
            )
        return source

    def _work(self, identity: Identity) -> Steps[Registered]:
        """Look again with the lease in hand, and rotate."""
        lease = self.lease_on(identity)
        writer, minter, locations = self._minter(identity)
        inventory = yield from self.settled([lease], lambda: self._look_again(identity))
        for location in locations:
            location.verify()
        [source] = inventory.by_id.values()
        same = known_of(lease.held, source.data_source_id)
        is_unfinished = lease.held.rotating == source.data_source_id
        if same is not None:
            self._check_key(same, writer)
            if not self._owes_to(same) and not is_unfinished and self._is_done(same, writer):
                lease.release()
                return Registered(without_secret(source), "unchanged", same.key)
        if self._keep_previous:
            self._copy(source.data_source_id, identity)
        if is_unfinished:
            self._rt.log.warning(
                "A rotation of the secret of source %s was not finished; rotating once more.", source.data_source_id
            )
        by = self._rt.owner.instance
        completed = yield from minter.mint(source, by=by, is_lost=is_unfinished)
        lease.complete(completed)
        if not completed.key:
            raise SecretMissingError(
                f"Copass answered the rotation of source {source.data_source_id} without a secret. It may have voided "
                "the one before it, and nothing was stored. Run the task again, or register the source anew.",
                data_source_ids=(source.data_source_id,),
            )
        return Registered(without_secret(source), "updated", completed.key)

    def _look_again(self, identity: Identity) -> Steps[Inventory]:
        source = yield from self._look()
        if identity_of(self._ref, source) != identity:
            raise LookAgainError
        return Inventory.of([source])

    def _copy(self, source_id: str, identity: Identity) -> None:
        """Keep the secret that is valid now; an earlier try of this task instance that began to rotate has done so."""
        lease = self.lease_on(identity)
        by = self._rt.owner.instance
        if lease.held.previous_kept_by == by or (lease.held.rotating == source_id and lease.held.rotated_by == by):
            return
        self._minter(identity)[0].keep_previous(source_id, lease.held)
        # Written together with what tells that the rotation has begun.
        lease.pending = replace(lease.held, previous_kept_by=by)

    def _minter(self, identity: Identity) -> tuple[SecretWriter, Minter, tuple[LocationClaim, ...]]:
        """Return what mints and writes the secret of an identity, and the claims on the locations of its keys."""
        if identity not in self._minters:
            rt, lease = self._rt, self.lease_on(identity)
            writer = SecretWriter(identity, self._store_key, rt)
            keys = [writer.key()] if writer.needs_location else []
            if keys and self._keep_previous:
                keys.append(previous_key(keys[0]))
            claims = tuple(LocationClaim(writer.location(key), key, lease, rt) for key in keys)
            self._minters[identity] = (writer, Minter(lease, writer, claims[0] if claims else None, rt), claims)
        return self._minters[identity]

    def _is_done(self, known: Completed, writer: SecretWriter) -> bool:
        """Tell whether this task instance has rotated already, and its secret is stored."""
        return known.rotated_by == self._rt.owner.instance and bool(known.key) and writer.holds(known.source_id)

    @staticmethod
    def _check_key(known: Completed, writer: SecretWriter) -> None:
        """Refuse another key than the one that the secret is under: its readers would be left with a void one."""
        if known.key and not writer.names(known, known.source_id):
            raise SourceChangedError(
                f"The webhook secret of source {known.source_id} is in the {known.store} {known.key!r}, and this task "
                f"declares the {writer.store} {writer.key(known.source_id)!r}. Nothing was rotated. Declare the same.",
                data_source_ids=(known.source_id,),
            )
