"""A secret store as the protocol asks it: what it raises of its own goes no further, what it shows late is awaited."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassError, SecretStoreError
from airflow_provider_copass.registration.failure_kind import kind_of
from airflow_provider_copass.registration.ports import SecretOwner

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import Clock, Secrets
    from airflow_provider_copass.registration.wish import Wish

    T = TypeVar("T")

_LAGS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each read of what was written: some stores show a write late, as Google's ``latest`` and a Vault's
standby do, and a good secret would be rotated for nothing."""


class GuardedStore:
    """What the protocol asks of a store. A store is the user's own code, and its exceptions may hold the secret.

    :param wish: whose secrets are written.
    :param secrets: the store.
    """

    def __init__(self, wish: Wish, secrets: Secrets, clock: Clock) -> None:
        self._wish = wish
        self._secrets = secrets
        self._clock = clock

    @property
    def name(self) -> str:
        """What the store is called."""
        return self._secrets.name

    def check(self, key: str) -> None:
        """Refuse a key that the store cannot hold.

        :raises CopassInputError: naming the rule.
        """
        self._secrets.check(key)

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written, where that can be told.

        :raises CopassInputError: naming what is missing.
        """
        self._secrets.check_write(key)

    def read(self, key: str) -> SecretStr | None:
        """Return what a key holds; None only where it is proven to hold nothing.

        :raises SecretKeyTakenError: where it holds something that nobody reads as a secret.
        :raises SecretStoreError: where that cannot be told.
        """
        return self._asked(key, self._secrets.read)

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that is noted beside a secret.

        :raises SecretStoreError: where that cannot be told.
        """
        return self._asked(key, self._secrets.owner_of)

    def write(self, key: str, secret: SecretStr, source_id: str) -> str:
        """Write once.

        :return: the kind of failure, for a message; empty where it worked.
        """
        owner = SecretOwner(source_id, self._wish.sandbox_id, self._wish.source.provider)
        try:
            self._secrets.write(key, secret, owner)
        except Exception as error:  # noqa: BLE001 - a store is the user's own code, and the secret is in hand only now
            return kind_of(error)
        return ""

    def read_back(self, key: str, secret: SecretStr, source_id: str) -> None:
        """Look until the store gives back what was written, with growing pauses.

        :raises SecretStoreError: where it does not.
        """
        trouble: CopassError | None = None
        for pause in _LAGS:
            if pause:
                self._clock.sleep(pause)
            try:
                if is_same(self.read(key), secret):
                    return
                trouble = None
            except CopassError as error:
                # A key that does not read as a Variable gives nothing back; an outage may pass.
                trouble = None if error.is_final else error
        if trouble is not None:
            raise trouble
        raise SecretStoreError(
            f"The {self.name} {key!r} does not give back the webhook secret that was written, for {sum(_LAGS):.0f} "
            "seconds: a secrets backend that holds this key may stand before it, or the store shows what is written "
            "very late. Remove the key there, or choose another store_as. The next try mints a new secret for source "
            f"{source_id}.",
            data_source_ids=(source_id,),
        )

    def _asked(self, key: str, ask: Callable[[str], T]) -> T:
        try:
            return ask(key)
        except CopassError:
            raise
        except Exception as error:  # noqa: BLE001 - a store is the user's own code
            kind = kind_of(error)
        raise SecretStoreError(
            f"The {self.name} {key!r} cannot be read ({kind}), so nothing is concluded. Mend the store; the next "
            "try goes on from here."
        )


def is_same(stored: SecretStr | None, secret: SecretStr) -> bool:
    """Tell whether a store holds a secret, in a time that tells nothing of either."""
    return stored is not None and hmac.compare_digest(
        stored.get_secret_value().encode(), secret.get_secret_value().encode()
    )
