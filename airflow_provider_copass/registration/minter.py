"""Minting the webhook secret of a source and storing it, with the lease in hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassCallError, CopassError, CopassStatusError, SourceChangedError
from airflow_provider_copass.registration.journal import Completed, Write, deleted_by_of, known_of
from airflow_provider_copass.registration.location import LocationClaim
from airflow_provider_copass.registration.secret_writer import SecretWriter
from airflow_provider_copass.registration.spec import previous_key

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.journal import Pending
    from airflow_provider_copass.registration.lease import Lease
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.spec import StoreKey

_NO_ROTATION = {404, 405}


@dataclass
class AtRisk:
    """The secrets that this process may have voided since its last good look at a lease.

    :ivar source_ids: the sources whose secret it may have rotated.
    :ivar keys: the keys that it may have written or removed, and for which source.
    :ivar lost_at: when the answer to a rotation of a source was lost, by the monotonic clock: whichever process holds
        the lease by then, it may take effect until a ``settle_timeout`` has passed.
    """

    source_ids: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    lost_at: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.source_ids or self.keys)

    def covers(self, known: Completed) -> bool:
        """Tell whether the secret that an entry knows of is one of them."""
        return known.source_id in self.source_ids or known.key in self.keys

    def discard(self, source_id: str) -> None:
        """Forget a source: its secret is known to be good, or another process takes care of it."""
        self.source_ids.discard(source_id)
        self.keys = {key: each for key, each in self.keys.items() if each != source_id}


class Minter:
    """Mints and stores secrets for the source of one lease.

    :param lease: the lease.
    :param store_key: the key.
    :param at_risk: is told what may have been voided.
    :param runtime: what this try works with; it has a store.
    :ivar writer: writes the secret.
    :ivar locations: the claims on the locations of its keys; none if they hold the source's id.
    """

    def __init__(self, lease: Lease, store_key: StoreKey, at_risk: AtRisk, runtime: Runtime) -> None:
        self._lease = lease
        self._at_risk = at_risk
        self._rt = runtime
        self.writer = SecretWriter(lease.identity, store_key, runtime)
        self.locations: tuple[LocationClaim, ...] = ()
        self.written: dict[str, str] = {}
        """The keys that this process has written, by the ids of their sources."""

    def prepare_locations(self, *, previous: bool = False) -> None:
        """Prepare the claims on the locations of its keys.

        :param previous: the key of the secret before the present one as well.
        """
        keys = [self.writer.key()] if self.writer.needs_location else []
        keys += [previous_key(key) for key in keys if previous]
        self.locations = tuple(LocationClaim(self.writer.location(key), key, self._lease, self._rt) for key in keys)

    def verify_locations(self) -> None:
        """Look whether the keys' locations are still claimed."""
        for location in self.locations:
            location.verify_unless_fresh()

    def mint(self, source: Source, *, by: str = "", is_lost: bool = True) -> Steps[Completed]:
        """Mint a new secret and store it.

        :param by: the task instance that is asked to rotate; empty for a secret that has to be minted.
        :param is_lost: whether the secret before it is lost, for messages.
        :return: what the entry is to say.
        :raises LostLeaseError: if another process has taken the lease.
        :raises SourceChangedError: if the server offers no rotation.
        :raises CopassError: if the call fails, or the store does not take the secret.
        """
        source_id = source.data_source_id
        before = self._lease.held
        write = Write("rotate", self._rt.clock.now(), by or self._rt.owner.instance, source_id)
        noted = replace(
            before,
            write=write,
            rotating=source_id,
            rotated_by=by or before.rotated_by,
            secret_generation=before.secret_generation + 1,
        )

        call = calls.rotate_webhook_secret(self._rt.sandbox_id, source_id)
        # If the call fails, what this process owed before it is owed still.
        was_at_risk = source_id in {*self._at_risk.source_ids, *self._at_risk.keys.values()}

        def note(_: Pending) -> Pending:
            # Also before it is sent again: the server has turned it away until then.
            if not was_at_risk:
                self._at_risk.source_ids.discard(source_id)
            return noted

        try:
            rotated = yield from self._lease.send(
                call, source_id, note=note, before_attempt=lambda: self._at_risk.source_ids.add(source_id)
            )
        except CopassCallError as error:
            failure = error
        else:
            secret, answered = rotated.webhook_signing_secret, replace(self._lease.held, write=None)
            return self.store(source_id, secret, answered, mode=source.ingestion_mode, is_ours=True)
        if failure.maybe_applied:
            self._at_risk.lost_at[source_id] = self._rt.clock.monotonic()
            self._lease.verify()
        if not was_at_risk:
            self._at_risk.discard(source_id)
        raise self._note_refusal(failure, before, source_id, is_lost=is_lost)

    def store(self, source_id: str, secret: SecretStr | None, noted: Pending, *, mode: str, is_ours: bool) -> Completed:
        """Store a secret that was just answered.

        :param secret: the secret; None if the server issued none.
        :param noted: what the entry is to say of the answer: the next holder has nothing to wait for.
        :param mode: the source's ingestion mode.
        :param is_ours: whether what the key holds may be overwritten.
        :return: what the entry is to say.
        :raises LostLeaseError: if another process has taken the lease.
        :raises SecretKeyTakenError: if the key holds something else.
        :raises SecretStoreError: if the store does not take the secret.
        """
        if secret is not None:
            self._rt.mask(secret)
        before = self._lease.held.previous
        self._lease.note(noted)
        self._at_risk.discard(source_id)
        if secret is None:
            self._rt.log.warning("Copass issued no webhook secret for source %s; there is none to store.", source_id)
            return self.completed(source_id, unissued_mode=mode or "realtime")
        key = self.writer.shown_key(source_id)
        may_overwrite = is_ours and self._lease.held.taken_key != key
        try:
            if is_ours or not self.writer.needs_location:
                # A key without the id was looked at before the POST, and its location is ours since.
                self.writer.check_free(source_id, before, is_ours=may_overwrite)
            if self._lease.held.taken_key:
                self._lease.note(replace(self._lease.held, taken_key=""))
            self.writer.write(secret, source_id, before_attempt=lambda: self._before_write(source_id))
            self.writer.read_back(secret, source_id)
        except CopassError:
            # What the store holds now is not this secret: the next try must not take it for it, nor write over it.
            if self._lease.pending is not None:
                held = self._lease.held
                taken_key = held.taken_key if may_overwrite or source_id in self.written else key
                if (held.rotating, held.taken_key) != (source_id, taken_key):
                    self._lease.note(replace(held, rotating=source_id, taken_key=taken_key))
            raise
        self._lease.verify()
        self.verify_locations()
        self._at_risk.discard(source_id)
        self._rt.log.info(
            "The webhook secret of source %s is in the %s %r.",
            source_id,
            self.writer.store,
            self.writer.key(source_id),
        )
        return self.completed(source_id, is_stored=True)

    def complete(self, completed: Completed) -> None:
        """Complete the entry of a source; raises what :meth:`Lease.complete` raises."""
        late_at = self._lease.late_at
        try:
            self._lease.complete(completed)
        finally:
            if self._lease.late_at != late_at and completed.key:
                # The entry that this has replaced may have told of a newer rotation.
                self._at_risk.source_ids.add(completed.source_id)

    def check(self, source_id: str) -> None:
        """Refuse a key that may not be written, or that is known to be taken, before a secret is minted for nothing.

        :raises CopassInputError: if it may not be written.
        :raises SecretKeyTakenError: if it holds something else.
        """
        held = self._lease.held
        if held.taken_key and held.taken_key == self.writer.shown_key(source_id):
            self.writer.check_free(source_id, held.previous, is_ours=False)
        self.writer.check_write(source_id)

    def completed(self, source_id: str, *, is_stored: bool = False, unissued_mode: str = "") -> Completed:
        """Return what the entry is to say of a source, with all that is known of it.

        :param is_stored: whether its secret is under the key.
        :param unissued_mode: the ingestion mode in which the server issued none.
        """
        held = self._lease.held
        same = known_of(held, source_id)
        key = self.writer.key(source_id) if is_stored else ""
        return Completed(
            source_id,
            store=self.writer.store if is_stored else "",
            key=key,
            location=self.writer.location(key) if is_stored else "",
            secret_generation=held.secret_generation,
            unissued_mode=unissued_mode,
            registered_by=same.registered_by if same else "",
            rotated_by=held.rotated_by or (same.rotated_by if same else ""),
            deleted_by=deleted_by_of(held),
            write_only_hashes=same.write_only_hashes if same else {},
        )

    def _before_write(self, source_id: str) -> None:
        """Look right before the store is written; from here on it may hold what this process wrote."""
        self._lease.verify_unless_fresh()
        self.verify_locations()
        self._at_risk.source_ids.add(source_id)
        self._at_risk.keys[self.writer.key(source_id)] = source_id
        self.written[source_id] = self.writer.key(source_id)
        for location in self.locations:
            location.is_written |= location.key == self.writer.key(source_id)

    def _note_refusal(self, failure: CopassCallError, before: Pending, source_id: str, *, is_lost: bool) -> CopassError:
        """Note what is known of a rotation that failed, and return the error."""
        if failure.maybe_applied:
            return failure
        self._lease.note(replace(before, write=None))
        if not isinstance(failure, CopassStatusError) or failure.status not in _NO_ROTATION:
            return failure
        what = f"The webhook secret of source {source_id} is lost, and the" if is_lost else "The"
        way_out = (
            "Delete the source and register it again; or put its secret into the store by hand and delete the journal "
            f"entry {self._lease.name!r}."
            if is_lost
            else "Its secret is as it was. Delete the source and register it again for another one."
        )
        return SourceChangedError(
            f"{what} server offers no rotation for source {source_id} (it answered {failure.status}). Nothing was "
            f"rotated. {way_out}",
            data_source_ids=(source_id,),
        )
