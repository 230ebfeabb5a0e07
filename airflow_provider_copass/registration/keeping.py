"""Getting a secret into the store while it is in hand, and knowing that it is there."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from airflow_provider_copass.api.errors import CopassError, CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.registration.record import Closed

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.claim import Claim
    from airflow_provider_copass.registration.ports import Clock, Secrets
    from airflow_provider_copass.registration.wish import Wish

_WRITES = 3
_PAUSE = 0.5


class Keeping:
    """Where the secret of one wish's source is kept.

    :param wish: whose key it is.
    :param secrets: the store.
    """

    def __init__(self, wish: Wish, secrets: Secrets, clock: Clock) -> None:
        self._wish = wish
        self._secrets = secrets
        self._clock = clock

    @property
    def store(self) -> str:
        """What the store is called."""
        return self._secrets.name

    def check(self) -> None:
        """Refuse a key that the store cannot hold, before anything is asked of the server."""
        if self._wish.is_realtime:
            # With a stand-in for an id that is not known yet: what is wrong with the rest of the key shows anyway.
            self._secrets.check(self._wish.key_for("id"))

    def check_free(self, before: Closed | None) -> None:
        """Refuse a key that is known before the POST and holds something that is not ours.

        :param before: the record of a source that is gone, whose key may be written again.
        :raises SecretKeyTakenError: where nobody can tell whose the value is.
        """
        if not self._wish.is_realtime or self._wish.key.needs_id:
            return
        key = self._wish.key_for()
        if not self._was_ours(key, before) and self._read(key) is not None:
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} holds a value already, which is not overwritten; nothing was registered. "
                "Remove it where it is left over from a source that is gone, or choose another store_as."
            )

    def holds(self, key: str) -> bool:
        """Tell whether there is anything under a key; None is only believed where the store proves it."""
        return self._read(key) is not None

    def put(self, secret: SecretStr, source_id: str, claim: Claim, *, overwrite: bool) -> str:
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
        taken = not usable or (
            not overwrite and not self._was_ours(key, claim.held.before) and self._read(key) is not None
        )
        put_at = self._spare_key(source_id) if taken else key
        for attempt in range(1, _WRITES + 1):
            claim.check()
            if self._write(put_at, secret):
                break
            if attempt == _WRITES:
                raise SecretStoreError(
                    f"The {self.store} {put_at!r} cannot be written, so the webhook secret of source {source_id} is "
                    "not stored. Mend the store; the next try mints a new secret and stores it.",
                    data_source_ids=(source_id,),
                )
            self._clock.sleep(_PAUSE * attempt)
        self._read_back(put_at, secret, source_id)
        if taken:
            claim.close(Closed(source_id, store=self.store, key=put_at, owner=claim.owner))
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} cannot take the webhook secret of source {source_id}: it holds something "
                f"else, or is no good key. The secret is under {put_at!r}: give store_as={put_at!r}, or move it by "
                f"hand and delete the record {claim.name!r}.",
                data_source_ids=(source_id,),
            )
        return key

    def _write(self, key: str, secret: SecretStr) -> bool:
        """Write once; tell whether that worked. What the store raised may hold the secret, so it goes no further."""
        try:
            self._secrets.write(key, secret)
        except Exception:  # noqa: BLE001 - a store is the user's own code, and the secret is in hand only now
            return False
        return True

    def _read(self, key: str) -> SecretStr | None:
        """Read; what the store raised of its own may hold a secret, so it goes no further."""
        try:
            return self._secrets.read(key)
        except CopassError:
            raise
        except Exception as error:  # noqa: BLE001 - a store is the user's own code
            kind = type(error).__name__
        raise SecretStoreError(
            f"The {self.store} {key!r} cannot be read ({kind}), so nothing is concluded. Mend the store; the next try "
            "goes on from here."
        )

    def _read_back(self, key: str, secret: SecretStr, source_id: str) -> None:
        stored = self._read(key)
        same = stored is not None and hmac.compare_digest(
            stored.get_secret_value().encode(), secret.get_secret_value().encode()
        )
        if not same:
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
        return f"copass_spare_secret_{kept}"

    def _was_ours(self, key: str, before: Closed | None) -> bool:
        """Tell whether a key belonged to a source that the record knows to be gone."""
        return before is not None and (before.store, before.key) == (self.store, key)
