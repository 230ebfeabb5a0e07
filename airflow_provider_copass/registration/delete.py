"""Deleting and disconnecting a source, once, with the lease in hand: never what others have registered since."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassCallError, CopassNotFoundError
from airflow_provider_copass.registration.driver import GetSource
from airflow_provider_copass.registration.journal import (
    Completed,
    Tombstone,
    Write,
    deleted_by_of,
    known_of,
)
from airflow_provider_copass.registration.lease import read_entry
from airflow_provider_copass.registration.location import location_of, may_be_of_another, put_note
from airflow_provider_copass.registration.operation import Operation, look_up_steps, only_one
from airflow_provider_copass.registration.ports import Moment
from airflow_provider_copass.registration.secret_writer import SecretWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.lease import Lease
    from airflow_provider_copass.registration.ports import Runtime, Secrets
    from airflow_provider_copass.registration.spec import Identity, SourceRef, StoreKey


class Deletion(Operation["str | None"]):
    """Delete a source's registration and its journal entry, or disconnect a source for good.

    A source that is gone already is fine. The result is its id; None if there was no such source.

    :param ref: the source.
    :param runtime: what this try works with.
    :param kind: how it ends.
    :param store_key: the key of its secret, unless the journal knows it, if that and the one before it are to be
        removed; None to leave them.
    :param purge: remove first what came in through the source.
    """

    def __init__(
        self,
        ref: SourceRef,
        runtime: Runtime,
        kind: Literal["delete", "disconnect"],
        *,
        store_key: StoreKey | None = None,
        purge: bool = False,
    ) -> None:
        super().__init__(runtime, str(ref))
        self._ref = ref
        self._kind: Literal["delete", "disconnect"] = kind
        self._store_key = store_key
        self._purge = purge
        self._begun = ""
        self._ended = ""

    def attempt(self) -> Steps[str | None]:
        """Find out which identity it is; then act with the lease in hand."""
        identity = self._ref.identity
        if identity is None:
            source = yield from look_up_steps(self._ref)
            if source is None or (self._kind == "disconnect" and not source.is_live):
                return self._nothing_left(source)
            identity = self.identity_of(source)
        lease = self.lease_on(identity)
        entry, looked = yield from read_entry(lease.name)
        if self._ref.identity is not None and deleted_by_of(entry) == self._rt.owner.instance:
            self._rt.log.info("This task instance has ended %s already.", self._ref)
            return entry.source_id if isinstance(entry, Tombstone) else self._ended or None
        yield from self.acquire([lease], seen=(entry, looked))
        write = lease.held.write
        inventory = yield from self.look_until_settled([lease], lambda: self._inventory(identity))
        is_own = deleted_by_of(lease.held) == self._rt.owner.instance
        if write is not None and is_own and not self._ref.data_source_id:
            # An earlier try of this task instance has sent it, and it took effect: the work is done.
            lease.release()
            return write.source_id
        source = self._find(identity, inventory)
        if source is None:
            lease.release()
            return self._nothing_left(None)
        return (yield from self._end_source(source, lease))

    def _inventory(self, identity: Identity) -> Steps[Inventory]:
        """Look: by an id with one request, by a name with a list."""
        lease = self.lease_on(identity)
        if not self._ref.data_source_id:
            return (yield from self.list_all(lease))
        source: Source | None = yield GetSource(self._ref.data_source_id)
        return (yield from self.look_beside(source, lease))

    def _find(self, identity: Identity, inventory: Inventory) -> Source | None:
        if self._ref.data_source_id:
            source_id = self._ref.data_source_id
            return inventory.by_id.get(source_id) if self._kind == "delete" else inventory.live(source_id)
        source = only_one(self._ref, inventory.matching(identity))
        lease = self.lease_on(identity)
        if source is not None and source.data_source_id == self._begun:
            # Its secret may be removed already.
            return source
        if source is not None and (lease.was_late or lease.was_lost) and self.came_up_since(source, inventory):
            # This process was paused; what is meant was ended by another one, and this was registered since.
            if lease.was_late and known_of(lease.held, source.data_source_id) is None:
                # The entry that it may have replaced told of that one; its own tells of one that is gone.
                lease.amend(previous=None)
            return None
        return source

    def _end_source(self, source: Source, lease: Lease) -> Steps[str]:
        """Remove what belongs to the source, then end it: so a retry finds what is left to do."""
        source_id = self._begun = source.data_source_id
        keys = self._keys(source, lease)
        if self._purge:
            yield from self._purge_source(source_id, lease)
        if self._rt.secrets is not None:
            self._remove_secrets(source_id, keys, lease, self._rt.secrets)
        write = Write(self._kind, self._rt.clock.now(), self._rt.owner.instance, source_id)
        end: Callable[[str, str], Call[Any]] = (
            calls.delete_source if self._kind == "delete" else calls.disconnect_source
        )
        try:
            yield from lease.send(
                end(self._rt.sandbox_id, source_id), source_id, note=lambda pending: replace(pending, write=write)
            )
        except CopassNotFoundError:
            pass
        except CopassCallError as error:
            if not error.maybe_applied:
                lease.drop_write()
            raise
        self._ended = source_id
        lease.verify()
        self._rt.log.info("%s source %s.", "Deleted" if self._kind == "delete" else "Disconnected", source_id)
        return self._end(lease, source_id, is_secret_removed=bool(keys))

    def _remove_secrets(self, source_id: str, keys: Sequence[str], lease: Lease, secrets: Secrets) -> None:
        """Remove the secrets of a source, and then the notes on their locations."""
        known = known_of(lease.held, source_id)
        is_noted = known is not None and bool(known.location)
        locations = {key: location_of(secrets, key) for key in keys}
        for key, location in locations.items():
            if is_noted and may_be_of_another(location, lease.name, self._rt):
                # Since an attempt of this task was late, another source may have stored its secret there.
                self._rt.log.warning("The %s %r is left there: it may be another source's by now.", secrets.name, key)
                continue
            lease.verify()
            self.at_risk.keys[key] = source_id
            lease.touched.add(source_id)
            lease.sent += 1
            # If another source has claimed the location of the key since, it is its secret that is removed.
            self._locations.add(location)
            secrets.remove(key)
            lease.verify()
            self._rt.log.info("The %s %r holds no secret of source %s any more.", secrets.name, key, source_id)
        self.at_risk.discard(source_id)
        # Before the source is gone: a retry by the source's id cannot tell the identity any more.
        for location in locations.values() if is_noted else ():
            looked = Moment.of(self._rt.clock)
            if self._rt.journal.read((location,))[location] == lease.name:
                put_note(location, None, looked, self._rt)

    def _purge_source(self, source_id: str, lease: Lease) -> Steps[None]:
        """Remove what came in through the source; if it is gone already, there is nothing to remove."""
        try:
            yield from lease.send(calls.purge_source(self._rt.sandbox_id, source_id), source_id)
        except CopassNotFoundError:
            source: Source | None = yield GetSource(source_id)
            if source is not None:
                # The server does not know the call, and without the source nothing would tell of its knowledge.
                raise
        lease.verify()
        self._rt.log.info("Purged what came in through source %s.", source_id)

    def _end(self, lease: Lease, source_id: str, *, is_secret_removed: bool = False) -> str:
        """Let the entry tell that the source is gone."""
        of_it = known_of(lease.held, source_id)
        if not self._ref.data_source_id:
            left = of_it if of_it is not None and not is_secret_removed else Completed(source_id)
            lease.complete(Tombstone(source_id, self._rt.owner.instance, left.store, left.key, left.location))
        elif of_it is not None or source_id in {lease.held.rotating, *lease.held.created_ids}:
            lease.complete(None)
        else:
            lease.amend(write=None)
            lease.release()
        return source_id

    def _keys(self, source: Source, lease: Lease) -> Sequence[str]:
        """Return the keys of the secrets that are to be removed."""
        if self._store_key is None or self._rt.secrets is None:
            return ()
        return SecretWriter(lease.identity, self._store_key, self._rt).keys_to_remove(
            source.data_source_id,
            known_of(lease.held, source.data_source_id),
            is_realtime=source.may_be_realtime,
            rotations=lease.held.secret_generation,
        )

    def _nothing_left(self, source: Source | None) -> str | None:
        """Say that there is nothing to do."""
        self._rt.log.info("There is nothing to %s: no live %s.", self._kind, self._ref)
        return source.data_source_id if source is not None else self._ended or None
