"""Getting a secret into the store while it is in hand, and knowing that it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassError, CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.registration.claim import LostClaimError
from airflow_provider_copass.registration.guarded_store import GuardedStore, is_same
from airflow_provider_copass.registration.record import Closed
from airflow_provider_copass.registration.store_key import previous_key

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.claim import Hold
    from airflow_provider_copass.registration.ports import Clock, Secrets
    from airflow_provider_copass.registration.record import Open
    from airflow_provider_copass.registration.wish import Wish

_WRITES = 3
_PAUSE = 0.5
ANY_ID = "00000000-0000-4000-8000-000000000000"
"""Stands for an id that is not known yet: of the form and length of a real one, so that a rule of the store's for the
whole key judges it as it will judge the real one."""


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
        self._secrets = GuardedStore(wish, secrets, clock)
        self._clock = clock
        self._stray: Stray | None = None

    @property
    def store(self) -> str:
        """What the store is called."""
        return self._secrets.name

    def check(self) -> None:
        """Refuse a key that the store cannot hold, before anything is asked of the server."""
        if self._wish.is_realtime:
            self._secrets.check(self._wish.key_for(ANY_ID))

    def check_write(self, source_id: str = ANY_ID) -> None:
        """Refuse a key that may not be written, before a secret is minted in vain.

        :param source_id: whose key it is; left out where that is not known yet.
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
            self.check_write()
            self.check_unused(before)

    def check_unused(self, before: Closed | None) -> None:
        """Refuse a key that is known before the POST and holds something that is not ours.

        :param before: as of :meth:`check_free`.
        :raises SecretKeyTakenError: as that does.
        """
        if self._wish.key.needs_id:
            return
        key = self._wish.key_for()
        if self._is_taken(key, "", before, overwrite=False):
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} holds a value already, which is not overwritten; nothing was registered. "
                "Remove it where it is left over from a source that is gone, or choose another store_as."
            )

    def holds(self, key: str, source_id: str) -> bool:
        """Tell whether the secret of a source is under a key.

        :raises SecretKeyTakenError: where the store knows it to be another source's.
        """
        if self._secrets.read(key) is None:
            return False
        owner = self._secrets.owner_of(key)
        if owner in {None, source_id}:
            return True
        raise SecretKeyTakenError(
            f"The {self.store} {key!r} holds the webhook secret of source {owner}, not of {source_id}. Choose another "
            "store_as, or remove it where that source is gone.",
            data_source_ids=(source_id,),
        )

    def holds_new(self, key: str, source_id: str, held: Open) -> bool:
        """Tell whether a secret under a key was written by a registration that is not over yet.

        :param held: the record: a key may still hold the secret of a source that is gone, or was found to hold
            something else when there was a secret to be written.
        """
        if held.taken == key or self._was_ours(key, held.before) or self._secrets.read(key) is None:
            return False
        return self._secrets.owner_of(key) in {None, source_id}

    def is_void(self, key: str, closed: Closed) -> bool:
        """Tell whether a key holds what this process wrote over a newer secret.

        :param closed: the record, as somebody else has closed it.
        """
        stray = self._stray
        if stray is None or stray.key != key:
            return False
        if stray.mints >= closed.mints:
            return False
        return is_same(self._secrets.read(key), stray.secret)

    def keep_previous(self, source_id: str, claim: Hold) -> None:
        """Copy the secret that is there to a key of its own, before a new one takes its place.

        :param source_id: whose it is.
        :param claim: checked right before the write.
        :raises SecretStoreError: where the store does not work; nothing was rotated then.
        """
        key = self._wish.key_for(source_id)
        secret = self._secrets.read(key)
        if secret is None:
            return
        if self._is_others(previous_key(key), source_id, secret, mints=claim.held.mints):
            raise SecretKeyTakenError(
                f"The {self.store} {previous_key(key)!r} holds what may be the webhook secret of another source, so "
                "nothing was rotated. Remove it where that source is gone, or choose another store_as.",
                data_source_ids=(source_id,),
            )
        claim.check()
        failed = self._secrets.write(previous_key(key), secret, source_id)
        if failed:
            raise SecretStoreError(
                f"The {self.store} {previous_key(key)!r} cannot be written ({failed}), so nothing was rotated. Mend "
                "the store; the next try goes on from here.",
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
        key, taken = self._place_for(source_id, claim, overwrite=overwrite)
        put_at = claim.held.spare if taken else key
        mints = claim.held.mints
        for attempt in range(1, _WRITES + 1):
            claim.check()
            failed = self._secrets.write(put_at, secret, source_id)
            if not failed:
                break
            if attempt == _WRITES:
                raise SecretStoreError(
                    f"The {self.store} {put_at!r} cannot be written ({failed}), so the webhook secret of source "
                    f"{source_id} is not stored. Mend the store; the next try mints a new secret and stores it.",
                    data_source_ids=(source_id,),
                )
            self._clock.sleep(_PAUSE * attempt)
        try:
            claim.check()
        except LostClaimError:
            self._stray = Stray(put_at, secret, mints)
            raise
        self._secrets.read_back(put_at, secret, source_id)
        if taken:
            claim.close(Closed(source_id, store=self.store, key=put_at, mints=mints, owner=claim.owner))
            raise SecretKeyTakenError(
                f"The {self.store} {key!r} cannot take the webhook secret of source {source_id}: it holds something "
                f"else, or is no good key. The secret is under {put_at!r}: give store_as={put_at!r}, or move it by "
                f"hand and delete the record {claim.name!r}.",
                data_source_ids=(source_id,),
            )
        return key

    def _place_for(self, source_id: str, claim: Hold, *, overwrite: bool) -> tuple[str, bool]:
        """Return the key, and whether another one has to do; which one, the record says before anything is written.

        Whoever comes after this process then knows that what is under the key is nobody's of ours.
        """
        held = claim.held
        key, usable = self._key_for(source_id)
        failure: CopassError | None = None
        try:
            taken = not usable or self._is_taken(key, source_id, held.before, overwrite=overwrite and held.taken != key)
        except SecretKeyTakenError:
            # Something that nobody reads as a secret is not ours either.
            taken = True
        except CopassError as error:
            taken, failure = not overwrite, error
        if taken:
            claim.change(replace(held, taken=key, minting=source_id))
        elif held.taken and failure is None:
            claim.change(replace(held, taken="", spare=""))
        if failure is not None:
            raise failure
        if taken:
            claim.change(replace(claim.held, spare=self._spare_key(source_id, claim.held)))
        return key, taken

    def _is_taken(self, key: str, source_id: str, before: Closed | None, *, overwrite: bool) -> bool:
        """Tell whether a key holds what is not ours.

        :param overwrite: whether this registration may have written there; then a note of the store's decides.
        """
        if self._secrets.read(key) is None:
            return False
        was_ours = self._was_ours(key, before)
        if not (overwrite or was_ours):
            return True
        gone = before.source_id if before is not None and was_ours else source_id
        return self._secrets.owner_of(key) not in {None, source_id, gone}

    def _is_others(self, key: str, source_id: str, current: SecretStr, *, mints: int) -> bool:
        """Tell whether the key of a previous secret holds what is not ours.

        Where no note tells, a source may simply be called so: ``{name}`` gives one named ``x_previous`` that very key.

        :param current: the secret that is valid; a dead try may have copied it already.
        :param mints: how many secrets this source has had minted since it was registered.
        """
        stored = self._secrets.read(key)
        if stored is None:
            return False
        owner = self._secrets.owner_of(key)
        if owner is not None or self._wish.key.needs_id:
            return owner not in {None, source_id}
        return mints == 0 and not is_same(stored, current)

    def _key_for(self, source_id: str) -> tuple[str, bool]:
        """Return the key, and whether the store can hold it: with the id in it that is known only now."""
        try:
            key = self._wish.key_for(source_id)
            self._secrets.check(key)
        except CopassInputError:
            return self._wish.key.template, False
        return key, True

    def _spare_key(self, source_id: str, held: Open) -> str:
        """Return a key for a secret whose own key is taken: one that the store takes and that holds nothing of others.

        :raises SecretKeyTakenError: where there is none.
        """
        kept = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in source_id)[:60].strip("_")
        # Where keys begin with a path, as in a vault without a mount point of its own, this one does too.
        folder, slash, _ = self._wish.key.template.rpartition("/")
        # The second one for a store that serves such keys alone as are like the one that was asked for.
        for spare in (f"{folder}{slash}copass_spare_secret_{kept}", f"{held.taken}_spare"):
            try:
                self._secrets.check(spare)
                if not self._is_taken(spare, source_id, None, overwrite=held.spare == spare):
                    return spare
            except (CopassInputError, SecretKeyTakenError):
                continue
        raise SecretKeyTakenError(
            f"The {self.store} {held.taken!r} cannot take the webhook secret of source {source_id}: it holds something "
            "else, or is no good key; and no other key would do. The secret is not stored. Make room there and run "
            "the task again: it mints a new one.",
            data_source_ids=(source_id,),
        )

    def _was_ours(self, key: str, before: Closed | None) -> bool:
        """Tell whether a key belonged to a source that the record knows to be gone."""
        return before is not None and (before.store, before.key) == (self.store, key)
