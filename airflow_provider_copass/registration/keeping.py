"""Getting a secret into the store while it is in hand, and knowing that it is there."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_copass.api.errors import CopassError, CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.ports import SecretOwner
from airflow_provider_copass.registration.record import Closed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pydantic import SecretStr

    from airflow_provider_copass.registration.claim import Hold
    from airflow_provider_copass.registration.ports import Clock, Secrets
    from airflow_provider_copass.registration.wish import Wish

    T = TypeVar("T")

_WRITES = 3
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Stray:
    """A secret that was written when the record was somebody else's already: the writer had stood still.

    :param mints: the rotations that the writer knew of.
    """

    key: str
    secret: SecretStr
    mints: int


class Keeping:
    """Where the secret of one wish's source is kept.

    :param wish: whose key it is.
    :param secrets: the store.
    """

    def __init__(self, wish: Wish, secrets: Secrets, clock: Clock) -> None:
        self._wish = wish
        self._secrets = secrets
        self._clock = clock
        self._stray: Stray | None = None

    @property
    def store(self) -> str:
        """What the store is called."""
        return self._secrets.name

    def check(self) -> None:
        """Refuse a key that the store cannot hold, before anything is asked of the server."""
        if self._wish.is_realtime:
            # With a stand-in for an id that is not known yet: what is wrong with the rest of the key shows anyway.
            self._secrets.check(self._wish.key_for("id"))

    def check_write(self, source_id: str) -> None:
        """Refuse a key that may not be written, before a secret is minted in vain.

        :param source_id: whose key it is; a stand-in where that is not known yet.
        """
        self._secrets.check_write(self._wish.key_for(source_id))

    def check_previous(self, source_id: str) -> None:
        """Refuse a key of the secret before the present one that cannot be held or written, before one is minted.

        :param source_id: whose key it is.
        """
        key = previous_key(self._wish.key_for(source_id))
        self._secrets.check(key)
        self._secrets.check_write(key)

    def check_free(self, before: Closed | None) -> None:
        """Refuse a key that is known before the POST and may not be written, or holds something that is not ours.

        :param before: the record of a source that is gone, whose key may be written again.
        :raises SecretKeyTakenError: where nobody can tell whose the value is.
        """
        if self._wish.is_realtime:
            self.check_write("id")
            self.check_unused(before)

    def check_unused(self, before: Closed | None) -> None:
        """Refuse a key that is known before the POST and holds something that is not ours.

        :param before: as of :meth:`check_free`.
        :raises SecretKeyTakenError: as that does.
        """
        if self._wish.key.needs_id:
            return
        key = self._wish.key_for()
        if not self._was_ours(key, before) and self._read(key) is not None:
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} holds a value already, which is not overwritten; nothing was registered. "
                "Remove it where it is left over from a source that is gone, or choose another store_as."
            )

    def holds(self, key: str, source_id: str) -> bool:
        """Tell whether the secret of a source is under a key.

        :raises SecretKeyTakenError: where the store knows it to be another source's.
        """
        if self._read(key) is None:
            return False
        owner = self._owner_of(key)
        if owner in {None, source_id}:
            return True
        raise SecretKeyTakenError(
            f"The {self.store} {key!r} holds the webhook secret of source {owner}, not of {source_id}. Choose another "
            "store_as, or remove it where that source is gone.",
            data_source_ids=(source_id,),
        )

    def holds_new(self, key: str, source_id: str, before: Closed | None) -> bool:
        """Tell whether a secret under a key was written by a registration that is not over yet.

        :param before: what was recorded before it: a key of its own may still hold the secret of a source that is gone.
        """
        if self._was_ours(key, before) or self._read(key) is None:
            return False
        return self._owner_of(key) in {None, source_id}

    def is_void(self, key: str, closed: Closed) -> bool:
        """Tell whether a key holds what this process wrote over a newer secret.

        :param closed: the record, as somebody else has closed it.
        """
        stray = self._stray
        if stray is None or stray.key != key:
            return False
        if stray.mints >= closed.mints:
            return False
        return _is_same(self._read(key), stray.secret)

    def keep_previous(self, source_id: str, claim: Hold) -> None:
        """Copy the secret that is there to a key of its own, before a new one takes its place.

        :param source_id: whose it is.
        :param claim: checked right before the write.
        :raises SecretStoreError: where the store does not work; nothing was rotated then.
        """
        key = self._wish.key_for(source_id)
        secret = self._read(key)
        if secret is None:
            return
        claim.check()
        if not self._write(previous_key(key), secret, source_id):
            raise SecretStoreError(
                f"The {self.store} {previous_key(key)!r} cannot be written, so nothing was rotated. Mend the store; "
                "the next try goes on from here.",
                data_source_ids=(source_id,),
            )

    def put(self, secret: SecretStr, source_id: str, claim: Hold, *, overwrite: bool) -> str:
        """Write a secret and read it back.

        :param secret: the secret, masked already.
        :param source_id: whose it is.
        :param claim: checked right before the write, so that nobody's newer secret is overwritten.
        :param overwrite: whether what the key holds is ours, and void.
        :return: the key.
        :raises LostClaimError: where somebody else has taken over; the secret is theirs to mint anew.
        :raises SecretKeyTakenError: where the key holds something else; the secret is under the key that it names.
        :raises SecretStoreError: where the store does not work, or gives back another value.
        """
        key, usable = self._key_for(source_id)
        taken = not usable or self._is_taken(key, source_id, claim.held.before, overwrite=overwrite)
        put_at = self._spare_key(source_id) if taken else key
        mints = claim.held.mints
        for attempt in range(1, _WRITES + 1):
            claim.check()
            if self._write(put_at, secret, source_id):
                break
            if attempt == _WRITES:
                raise SecretStoreError(
                    f"The {self.store} {put_at!r} cannot be written, so the webhook secret of source {source_id} is "
                    "not stored. Mend the store; the next try mints a new secret and stores it.",
                    data_source_ids=(source_id,),
                )
            self._clock.sleep(_PAUSE * attempt)
        try:
            claim.check()
        except LostClaimError:
            self._stray = Stray(put_at, secret, mints)
            raise
        self._read_back(put_at, secret, source_id)
        if taken:
            claim.close(Closed(source_id, store=self.store, key=put_at, mints=mints, owner=claim.owner))
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} cannot take the webhook secret of source {source_id}: it holds something "
                f"else, or is no good key. The secret is under {put_at!r}: give store_as={put_at!r}, or move it by "
                f"hand and delete the record {claim.name!r}.",
                data_source_ids=(source_id,),
            )
        return key

    def _write(self, key: str, secret: SecretStr, source_id: str) -> bool:
        """Write once; tell whether that worked. What the store raised may hold the secret, so it goes no further."""
        owner = SecretOwner(source_id, self._wish.sandbox_id, self._wish.source.provider)
        try:
            self._secrets.write(key, secret, owner)
        except Exception:  # noqa: BLE001 - a store is the user's own code, and the secret is in hand only now
            return False
        return True

    def _read(self, key: str) -> SecretStr | None:
        return self._asked(key, self._secrets.read)

    def _owner_of(self, key: str) -> str | None:
        return self._asked(key, self._secrets.owner_of)

    def _is_taken(self, key: str, source_id: str, before: Closed | None, *, overwrite: bool) -> bool:
        """Tell whether a key holds what is not ours."""
        if self._was_ours(key, before):
            return False
        if overwrite:
            return self._owner_of(key) not in {None, source_id}
        return self._read(key) is not None

    def _asked(self, key: str, ask: Callable[[str], T]) -> T:
        """Ask the store; what it raised of its own may hold a secret, so it goes no further."""
        try:
            return ask(key)
        except CopassError:
            raise
        except Exception as error:  # noqa: BLE001 - a store is the user's own code
            kind = type(error).__name__
        raise SecretStoreError(
            f"The {self.store} {key!r} cannot be read ({kind}), so nothing is concluded. Mend the store; the next "
            "try goes on from here."
        )

    def _read_back(self, key: str, secret: SecretStr, source_id: str) -> None:
        if not _is_same(self._read(key), secret):
            raise SecretStoreError(
                f"The {self.store} {key!r} does not give back the webhook secret that was written: a secrets backend "
                "that holds this key may stand before it. Remove the key there, or choose another store_as. The next "
                f"try mints a new secret for source {source_id}.",
                data_source_ids=(source_id,),
            )

    def _key_for(self, source_id: str) -> tuple[str, bool]:
        """Return the key, and whether the store can hold it: with the id in it that is known only now."""
        try:
            key = self._wish.key_for(source_id)
            self._secrets.check(key)
        except CopassInputError:
            return self._wish.key.template, False
        return key, True

    def _spare_key(self, source_id: str) -> str:
        """Return a key for a secret whose own key is taken."""
        kept = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in source_id)[:60].strip("_")
        # Where keys begin with a path, as in a vault without a mount point of its own, this one does too.
        folder, slash, _ = self._wish.key.template.rpartition("/")
        return f"{folder}{slash}copass_spare_secret_{kept}"

    def _was_ours(self, key: str, before: Closed | None) -> bool:
        """Tell whether a key belonged to a source that the record knows to be gone."""
        return before is not None and (before.store, before.key) == (self.store, key)


def previous_key(key: str) -> str:
    """Return the key under which the secret before the present one is kept.

    :param key: the key of the present one.
    """
    return f"{key}_previous"


def _is_same(stored: SecretStr | None, secret: SecretStr) -> bool:
    return stored is not None and hmac.compare_digest(
        stored.get_secret_value().encode(), secret.get_secret_value().encode()
    )
