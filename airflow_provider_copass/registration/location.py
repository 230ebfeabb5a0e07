"""The note on the location of a key that does not hold the source's id: two identities may not share it.

It names the entry of the identity that the location belongs to. It is written beside that entry's claim, and read back
after the same lease pause. One that was written too late names itself: it is not known whose the location is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import JournalError, SecretKeyTakenError
from airflow_provider_copass.registration.driver import Read
from airflow_provider_copass.registration.journal import Pending, from_text, location_name, settled_part
from airflow_provider_copass.registration.lease import FRESH, HeldError, LookAgainError, LostLeaseError, read_entry
from airflow_provider_copass.registration.ports import Moment
from airflow_provider_copass.registration.spec import previous_key

if TYPE_CHECKING:
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.journal import Entry
    from airflow_provider_copass.registration.lease import Lease
    from airflow_provider_copass.registration.ports import Runtime, Secrets


class LocationClaim:
    """The claim of one identity on a location.

    :param name: the note's name.
    :param key: the key, for messages.
    :param lease: the lease on the identity that it is for.
    :param runtime: what this try works with.
    :ivar is_written: whether this process has written to the key, with the location in hand.
    """

    def __init__(self, name: str, key: str, lease: Lease, runtime: Runtime) -> None:
        self.name = name
        self.key = key
        self._lease = lease
        self.is_written = False
        self._rt = runtime
        self._looked = Moment(0.0, 0.0)

    def claim(self) -> Steps[None]:
        """Write the identity into the note.

        :raises SecretKeyTakenError: if the location holds the secret of another identity.
        :raises HeldError: if another identity is being registered there.
        """
        seen = None
        while True:
            texts, looked = yield Read((self.name,))
            other = texts[self.name]
            if other == self._lease.name:
                return
            if other not in {None, self.name}:
                entry, _ = yield from read_entry(str(other))
                self._check_free(str(other), entry)
            if other == seen:
                break
            # The store may be slow to tell: the note is read once more after it.
            self._check_unknown()
            seen = other
        put_note(self.name, self._lease.name, looked, self._rt)

    def _check_free(self, other: str, entry: Entry | None) -> None:
        """Refuse a location that belongs to another identity.

        :param other: the name of its entry.
        :raises SecretKeyTakenError: if its entry names the location.
        :raises HeldError: if its entry is pending, and may be about to.
        """
        known = settled_part(entry)
        is_its = known is not None and known.location == self.name
        if isinstance(entry, Pending) and (entry.lease_token or not is_its):
            age = self._rt.clock.now() - entry.since
            if entry.has_facts or age <= self._rt.timing.takeover_after:
                raise HeldError(other, f"a source with the key {self.key!r}")
        if is_its:
            raise SecretKeyTakenError(
                f"store_as gives the key {self.key!r}, which holds the webhook secret of another source. Nothing was "
                "registered, rotated or overwritten. Put {data_source_id} into store_as, or choose another key."
            )

    def _check_unknown(self) -> None:
        """Refuse a location of which it is not known whose it is, unless it holds nothing or is this identity's.

        :raises SecretKeyTakenError: if it may hold the secret of another identity.
        """
        held, secrets = self._lease.held, self._rt.secrets
        known = settled_part(held)
        is_own = self.is_written or (known is not None and known.location == self.name)
        if known is not None and held.secret_generation > 0:
            # Only a rotation of this source's, maybe under another name, has written to the key beside its own.
            is_own |= self.key == previous_key(known.key)
        if is_own or secrets is None or secrets.read(self.key) is None:
            return
        # Who was interrupted before its entry was completed may have stored its secret; some stores tell.
        if secrets.owner_of(self.key) not in held.created_ids:
            raise SecretKeyTakenError(
                f"store_as gives the key {self.key!r}, and it is not known whose secret it holds: that of a source "
                "which is gone, or a note on it was written too late. Nothing was registered, rotated or overwritten. "
                "Put {data_source_id} into store_as, choose another key, or remove what it holds; or, if that is this "
                f"source's secret, delete the Variable {self.name!r}."
            )

    def verify(self) -> None:
        """Look whether the note still names the identity.

        :raises LostLeaseError: if it does not.
        """
        looked = Moment.of(self._rt.clock)
        if self._rt.journal.read((self.name,))[self.name] != self._lease.name:
            raise LostLeaseError
        self._looked = looked

    def verify_unless_fresh(self) -> None:
        """Look whether the note still names the identity, unless the last look was a moment ago."""
        if self._looked.age(self._rt.clock) > FRESH * self._rt.timing.lease_pause:
            self.verify()


def put_note(name: str, owner: str | None, looked: Moment, runtime: Runtime) -> None:
    """Let the note on a location name an entry, or be gone.

    If that took so long that another identity may have claimed the location meanwhile, the note names itself from then
    on: it is not known whose the location is.

    :param owner: the name of the entry; None to remove the note.
    :param looked: when it was seen that this may be done.
    :raises LookAgainError: if it took too long.
    """
    is_late = False
    failure: JournalError | None = None
    try:
        if owner is None:
            runtime.journal.remove(name)
        else:
            runtime.journal.write(name, owner)
    except JournalError as error:
        failure = error
    finally:
        # One that failed, or that a task's timeout has interrupted, may have been written all the same.
        is_late = looked.age(runtime.clock) > runtime.timing.lease_pause
        if is_late:
            runtime.journal.write(name, name)
    if is_late:
        raise LookAgainError from failure
    if failure is not None:
        raise failure


def may_be_of_another(name: str, own: str, runtime: Runtime) -> bool:
    """Tell whether a location may be another identity's, as its note and the entry that this names say.

    :param name: the note's name.
    :param own: the name of the identity's own entry.
    """
    other = runtime.journal.read((name,))[name]
    if other in {None, own, name}:
        return other == name
    entry = from_text(runtime.journal.read((str(other),))[str(other)], name=str(other))
    known = settled_part(entry)
    return isinstance(entry, Pending) or (known is not None and known.location == name)


def location_of(secrets: Secrets, key: str) -> str:
    """Return the name of the note on the location of a key."""
    return location_name(secrets.name, secrets.location(key))
