"""Rotating a source's webhook secret because a task asks for it: once per task instance, however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import SecretMissingError, SourceChangedError
from airflow_provider_copass.registration.journal import Completed, known_of
from airflow_provider_copass.registration.lease import read_entry
from airflow_provider_copass.registration.minter import Minter
from airflow_provider_copass.registration.operation import Operation, missing, require_steps
from airflow_provider_copass.registration.register import Registered, without_secret
from airflow_provider_copass.registration.spec import SourceRef

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.lease import Lease
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.secret_writer import SecretWriter
    from airflow_provider_copass.registration.spec import StoreKey


class Rotation(Operation[Registered]):
    """Mint a new webhook secret for a source and store it, unless this task instance has done so already.

    :param ref: the source; it must be ``realtime``.
    :param store_key: the key of its secret.
    :param runtime: what this try works with.
    :param keep_previous: keep the secret before it under a key of its own.
    """

    def __init__(self, ref: SourceRef, store_key: StoreKey, runtime: Runtime, *, keep_previous: bool = False) -> None:
        super().__init__(runtime, str(ref))
        self._ref = ref
        self._store_key = store_key
        self._keep_previous = keep_previous
        self.minted_by = runtime.owner.instance

    def attempt(self) -> Steps[Registered]:
        """Look; if this task instance has not rotated yet, do so with the lease in hand."""
        source = yield from self._look()
        lease = self.lease_on(self.identity_of(source))
        minter = Minter(lease, self._store_key, self.at_risk, self._rt)
        minter.writer.check()
        entry, _ = yield from read_entry(lease.name)
        known = known_of(entry, source.data_source_id) if isinstance(entry, Completed) else None
        if known is not None and self._is_done(known, minter.writer):
            self._rt.log.info("This task instance has rotated the secret of %s already.", known.source_id)
            return Registered(without_secret(source), "unchanged", known.key)
        minter.writer.check_write(source.data_source_id, previous=self._keep_previous)
        minter.prepare_locations(previous=self._keep_previous)
        yield from self.acquire([lease], locations=minter.locations)
        return (yield from self._work(lease, minter))

    def _look(self) -> Steps[Source]:
        """Return the source.

        :raises SourceMissingError: if there is no live one.
        :raises SourceChangedError: if it is not realtime.
        """
        source = yield from require_steps(self._ref)
        if not source.is_live:
            raise missing(self._ref)
        if not source.may_be_realtime:
            raise SourceChangedError(
                f"Source {source.data_source_id} is not realtime, and only a realtime source has a webhook secret. "
                "Nothing was rotated.",
                data_source_ids=(source.data_source_id,),
            )
        return source

    def _work(self, lease: Lease, minter: Minter) -> Steps[Registered]:
        """Look again with the lease in hand, and rotate."""

        def look() -> Steps[Inventory]:
            return (yield from self.look_beside((yield from self._look()), lease))

        inventory = yield from self.look_until_settled([lease], look)
        minter.verify_locations()
        source, *_ = inventory.by_id.values()
        source_id = source.data_source_id
        same = known_of(lease.held, source_id)
        is_unfinished = lease.held.rotating == source_id
        if same is not None and self._is_done(same, minter.writer) and not is_unfinished:
            lease.release()
            return Registered(without_secret(source), "unchanged", same.key)
        if self._keep_previous:
            self._copy(source_id, lease, minter.writer)
        if is_unfinished:
            self._rt.log.warning(
                "A rotation of the secret of source %s was not finished; rotating once more.", source_id
            )
        # If this process loses the lease now, it goes on with this source, whatever its name is then.
        self._ref = SourceRef(self._ref.sandbox_id, data_source_id=source_id)
        completed = yield from minter.mint(source, by=self.minted_by, is_lost=is_unfinished)
        minter.complete(completed)
        if not completed.key:
            raise SecretMissingError(
                f"Copass answered the rotation of source {source_id} without a secret. It may have voided the one "
                "before it, and nothing was stored. Run the task again, or register the source anew.",
                data_source_ids=(source_id,),
            )
        return Registered(without_secret(source), "updated", completed.key)

    def _copy(self, source_id: str, lease: Lease, writer: SecretWriter) -> None:
        """Keep the secret that is valid now; an earlier try of this task instance that began to rotate has done so."""
        held, by = lease.held, self.minted_by
        if held.previous_kept_by == by or (held.rotating == source_id and held.rotated_by == by):
            return
        writer.keep_previous(source_id, held)
        # Written together with what tells that the rotation has begun.
        lease.amend(previous_kept_by=by)

    def _is_done(self, known: Completed, writer: SecretWriter) -> bool:
        """Tell whether this task instance has rotated already, and its secret is stored.

        :raises SourceChangedError: if the secret is under another key, whose readers would be left with a void one.
        """
        writer.check_same_key(known)
        return known.rotated_by == self.minted_by and bool(known.key) and writer.holds(known.source_id)
