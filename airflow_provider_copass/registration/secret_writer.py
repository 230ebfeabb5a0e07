"""Getting a secret into the store while it is in hand, and knowing that it is there."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassError,
    CopassInputError,
    SecretKeyTakenError,
    SecretStoreError,
    SourceChangedError,
)
from airflow_provider_copass.registration.journal import entry_name
from airflow_provider_copass.registration.location import location_of
from airflow_provider_copass.registration.ports import SecretOwner
from airflow_provider_copass.registration.spec import id_in_key, previous_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from airflow_provider_copass.registration.journal import Completed, Pending, Tombstone
    from airflow_provider_copass.registration.ports import Runtime
    from airflow_provider_copass.registration.spec import Identity, StoreKey

ANY_ID = "00000000-0000-4000-8000-000000000000"
"""Stands for an id that is not known yet: of the form and length of a real one, so that a rule of the store's for the
whole key judges it as it will judge the real one."""

_WRITES = 3
_PAUSE = 0.5
_LAGS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each read of what was written: some stores show a write late, as Google's ``latest`` and a Vault's
standby do, and a good secret would be rotated for nothing."""


class SecretWriter:
    """Writes the secret of one identity's source, and reads it back.

    :param identity: the identity.
    :param store_key: the key.
    :param runtime: what this try works with; it has a store.
    """

    def __init__(self, identity: Identity, store_key: StoreKey, runtime: Runtime) -> None:
        if runtime.secrets is None:
            raise TypeError("there is no store to write to")
        self._identity = identity
        self._store_key = store_key
        self._secrets = runtime.secrets
        self._clock = runtime.clock
        self._mask = runtime.mask
        self._log = runtime.log

    @property
    def store(self) -> str:
        """What the store is called."""
        return self._secrets.name

    @property
    def needs_location(self) -> bool:
        """Whether two identities could have the same key."""
        return not self._store_key.needs_id

    def key(self, source_id: str = ANY_ID) -> str:
        """Return the key of a source's secret."""
        return self._store_key.render(self._identity, source_id)

    def shown_key(self, source_id: str) -> str:
        """Return the key of a source's secret, or its template if that is not a valid key."""
        try:
            return self.key(source_id)
        except CopassInputError:
            return self._store_key.template

    def location(self, key: str) -> str:
        """Return the name of the note on a key's location; empty if the key holds the source's id."""
        return location_of(self._secrets, key) if self.needs_location else ""

    def check(self) -> None:
        """Refuse a key that the store cannot hold, before any request.

        :raises CopassInputError: naming the rule.
        """
        self._secrets.check(self.key())

    def check_write(self, source_id: str = ANY_ID, *, previous: bool = False) -> None:
        """Refuse a key that may not be written, before a secret is minted for nothing.

        :param previous: check the key of the secret before the present one as well.
        :raises CopassInputError: naming what is missing.
        """
        key = self.key(source_id)
        self._secrets.check_write(key)
        if previous:
            self._secrets.check(previous_key(key))
            self._secrets.check_write(previous_key(key))

    def check_unused(self, known: Completed | Tombstone | None) -> None:
        """Refuse a key that is known before the POST and holds what is not ours.

        :param known: what the journal knows of the source before it, whose key may be written again.
        :raises SecretKeyTakenError: if nothing shows whose the value is.
        """
        if self.needs_location and self._is_taken(self.key(), "", known):
            raise SecretKeyTakenError(
                f"The {self.store} {self.key()!r} holds a value already. It was not overwritten, and nothing was "
                "registered. Remove it if it is left over from a source that is gone, or choose another store_as."
            )

    def check_same_key(self, known: Completed) -> None:
        """Refuse a key that is not the one under which the secret of a source is known to be.

        :raises SourceChangedError: if its readers would be left with a void secret, or none.
        """
        source_id, key = known.source_id, self.key(known.source_id)
        if known.key and not self._names(known, key):
            raise SourceChangedError(
                f"The webhook secret of source {source_id} is in the {known.store} {known.key!r}, and this task "
                f"declares the {self.store} {key!r}. Nothing was done. Declare the same; or move the secret there by "
                f"hand and delete the journal entry {entry_name(self._identity)!r}.",
                data_source_ids=(source_id,),
            )

    def check_free(self, source_id: str, known: Completed | Tombstone | None, *, is_ours: bool) -> None:
        """Refuse a key, now that the source's id is known, that cannot be held or holds what is not ours.

        :param is_ours: whether this registration may have written there already.
        :raises SecretKeyTakenError: naming the way out.
        """
        try:
            self._secrets.check(self.key(source_id))
            if not self._is_taken(self.key(source_id), source_id, known, is_ours=is_ours):
                return
        except (CopassInputError, SecretKeyTakenError):
            # A value that is not read as a secret is not ours either.
            pass
        raise SecretKeyTakenError(
            f"The {self.store} {self.shown_key(source_id)!r} cannot take the webhook secret of source {source_id}: it "
            "holds something else, or the key is not valid. Nothing was overwritten, and the secret is not stored. "
            "Give another store_as, or remove what it holds: a retry then mints a new secret, if the server offers "
            "rotation; otherwise delete the source.",
            data_source_ids=(source_id,),
        )

    def holds(self, source_id: str) -> bool:
        """Tell whether the secret of a source is under its key.

        :raises SecretKeyTakenError: if the store notes that it is another source's.
        """
        key = self.key(source_id)
        if self._secrets.read(key) is None:
            return False
        owner = self._secrets.owner_of(key)
        if owner in {None, source_id}:
            return True
        raise SecretKeyTakenError(
            f"The {self.store} {key!r} holds the webhook secret of source {owner}, not of {source_id}. Nothing was "
            "overwritten. Choose another store_as, or remove it if that source is gone.",
            data_source_ids=(source_id,),
        )

    def is_left_by(self, before: Completed | Tombstone | None, source_id: str) -> bool:
        """Tell whether what the key holds is, as far as is known, the secret of a source that is gone.

        :param before: what the journal knows of the source that was registered here before.
        :param source_id: the source that is here now.
        """
        if before is None or before.source_id == source_id:
            return False
        key = self.key(source_id)
        return self._names(before, key) and self._secrets.owner_of(key) != source_id

    def holds_new(self, source_id: str, held: Pending) -> bool:
        """Tell whether the store holds a secret that this registration wrote before it was interrupted.

        :param held: the entry: the key may still hold the secret of a source that is gone, or a void one.
        """
        key = self.key(source_id)
        if held.rotating == source_id or self._names(held.previous, key) or self._secrets.read(key) is None:
            return False
        return self._secrets.owner_of(key) in {None, source_id}

    def keep_previous(self, source_id: str, held: Pending) -> None:
        """Copy the secret that is valid now to a key of its own.

        :param held: the entry.
        :raises SecretKeyTakenError: if that key holds what is not this source's.
        :raises SecretStoreError: if the store does not work.
        """
        key = self.key(source_id)
        secret = self._secrets.read(key)
        if secret is None:
            return
        self._mask(secret)
        previous = previous_key(key)
        stored = self._secrets.read(previous)
        if stored is not None and not is_same(stored, secret):
            owner = self._secrets.owner_of(previous)
            # Without a note, only a rotation of this source's may have written there.
            is_own = self._store_key.needs_id or held.secret_generation > 0 if owner is None else owner == source_id
            if not is_own:
                raise SecretKeyTakenError(
                    f"The {self.store} {previous!r} holds what may be the webhook secret of another source. Nothing "
                    "was rotated or overwritten. Remove it if that source is gone, or choose another store_as.",
                    data_source_ids=(source_id,),
                )
        if failed := self._write(previous, secret, source_id):
            raise SecretStoreError(
                f"The {self.store} {previous!r} cannot be written ({failed}). Nothing was rotated. A retry continues "
                "from here.",
                data_source_ids=(source_id,),
            )

    def write(self, secret: SecretStr, source_id: str, *, before_attempt: Callable[[], None]) -> None:
        """Write a secret.

        :param secret: the secret, masked already.
        :param before_attempt: called right before each attempt, so that no newer secret is overwritten.
        :raises SecretStoreError: if the store does not take it.
        """
        key = self.key(source_id)
        for attempt in range(1, _WRITES + 1):
            before_attempt()
            failed = self._write(key, secret, source_id)
            if not failed:
                return
            if attempt < _WRITES:
                self._clock.sleep(_PAUSE * attempt)
        raise SecretStoreError(
            f"The {self.store} {key!r} cannot be written ({failed}), so the webhook secret of source {source_id} is "
            "not stored. The next try mints a new secret and stores it.",
            data_source_ids=(source_id,),
        )

    def read_back(self, secret: SecretStr, source_id: str) -> None:
        """Read until the store gives back what was written, with growing pauses.

        :raises SecretStoreError: if it does not.
        """
        key = self.key(source_id)
        failure: CopassError | None = None
        for pause in _LAGS:
            if pause:
                self._clock.sleep(pause)
            try:
                if is_same(self._secrets.read(key), secret):
                    return
                failure = None
            except CopassError as error:
                # A key that does not read as a Variable gives nothing back; an outage may pass.
                failure = None if error.is_final else error
        if failure is not None:
            raise failure
        raise SecretStoreError(
            f"The {self.store} {key!r} does not give back the webhook secret that was written, for {sum(_LAGS):.0f} "
            "seconds. A secrets backend that holds this key may stand before it, or the store shows a write very late. "
            "Remove the key there, or choose another store_as. The next try mints a new secret for source "
            f"{source_id}.",
            data_source_ids=(source_id,),
        )

    def _is_taken(
        self, key: str, source_id: str, known: Completed | Tombstone | None, *, is_ours: bool = False
    ) -> bool:
        """Tell whether a key holds what is not ours."""
        if self._secrets.read(key) is None:
            return False
        was_ours = self._names(known, key)
        if not (is_ours or was_ours):
            return True
        gone = known.source_id if known is not None and was_ours else source_id
        return self._secrets.owner_of(key) not in {None, source_id, gone}

    def _names(self, known: Completed | Tombstone | None, key: str) -> bool:
        return known is not None and (known.store, known.key) == (self.store, key)

    def _write(self, key: str, secret: SecretStr, source_id: str) -> str:
        """Write once; return the kind of failure, empty if it worked."""
        owner = SecretOwner(source_id, self._identity.sandbox_id, self._identity.provider)
        try:
            self._secrets.write(key, secret, owner)
        except CopassError as error:
            return getattr(error, "kind", "") or type(error).__name__
        return ""

    def keys_to_remove(
        self, source_id: str, known: Completed | None, *, is_realtime: bool, rotations: int
    ) -> list[str]:
        """Return the keys of the secret of a source and of the one before it; what may be another source's is named.

        :param known: what the journal knows of it.
        :param is_realtime: whether it may have a secret.
        :param rotations: how many rotations were begun for it.
        :raises CopassInputError: if the store cannot hold the key.
        :raises SourceChangedError: if the secret is in another store.
        """
        if known is not None and known.key:
            if known.store != self.store:
                raise SourceChangedError(
                    f"The webhook secret of source {source_id} is in the {known.store} {known.key!r}, and this task "
                    f"names the {self.store}. Nothing was deleted. Name the store that it is in.",
                    data_source_ids=(source_id,),
                )
            key, is_own = known.key, True
            # Only a rotation keeps the secret before it; without one, a key of that name is another source's.
            is_previous_own = rotations > 0 or id_in_key(source_id) in key
        elif not is_realtime or (known is not None and known.unissued_mode):
            return []
        else:
            key = self._store_key.render(self._identity, source_id)
            is_own = is_previous_own = self._store_key.needs_id
        self._secrets.check(key)
        keys = [key] if self._is_to_go(key, source_id, is_own=is_own) else []
        previous = previous_key(key)
        try:
            self._secrets.check(previous)
        except CopassInputError:
            # What the store cannot hold, such as a key that is too long, it does not hold.
            return keys
        return [*keys, previous] if self._is_to_go(previous, source_id, is_own=is_previous_own) else keys

    def _is_to_go(self, key: str, source_id: str, *, is_own: bool) -> bool:
        """Tell whether a key's secret is this source's."""
        owner = self._secrets.owner_of(key)
        if owner == source_id or (owner is None and is_own):
            return True
        if owner is not None:
            self._log.warning("The %s %r holds another source's secret; it is left there.", self.store, key)
        elif self._may_hold(key):
            self._log.warning(
                "The %s %r is left there: nothing shows that it is the webhook secret of source %s, and it may be "
                "another source's. If it is not needed, delete it by hand.",
                self.store,
                key,
                source_id,
            )
        return False

    def _may_hold(self, key: str) -> bool:
        """Tell whether there may be something under a key; nothing depends on it but a warning."""
        try:
            return self._secrets.read(key) is not None
        except CopassError:
            return True


def is_same(stored: SecretStr | None, secret: SecretStr) -> bool:
    """Tell whether a store holds a secret, in a time that tells nothing of either."""
    return stored is not None and hmac.compare_digest(
        stored.get_secret_value().encode(), secret.get_secret_value().encode()
    )
