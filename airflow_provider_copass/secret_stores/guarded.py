"""A secret store as the protocol asks it: what a store raises of its own may hold the secret, and goes no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassError, SecretStoreError
from airflow_provider_copass.secret_stores._failure_kind import kind_of
from airflow_provider_copass.secret_stores.base import SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner

    T = TypeVar("T")


class GuardedStore(SecretStore):
    """A store whose methods raise nothing but errors of this package. A store may be the user's own code.

    :param store: the store.
    """

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self.name = store.name

    def check(self, key: str) -> None:
        """Refuse a key that the store cannot hold."""
        _guard(self.name, key, "checked", lambda: self._store.check(key))

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written."""
        _guard(self.name, key, "checked", lambda: self._store.check_write(key))

    def location(self, key: str) -> str:
        """Return where the key lives."""
        return _guard(self.name, key, "located", lambda: self._store.location(key))

    def read(self, key: str) -> SecretStr | None:
        """Return what the key holds."""
        return _guard(self.name, key, "read", lambda: self._store.read(key))

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that the key's secret belongs to."""
        return _guard(self.name, key, "read", lambda: self._store.owner_of(key))

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Let the key hold a secret."""
        _guard(self.name, key, "written", lambda: self._store.write(key, secret, owner))

    def remove(self, key: str) -> None:
        """Let the key hold nothing."""
        _guard(self.name, key, "removed", lambda: self._store.remove(key))


def _guard(name: str, key: str, done: str, ask: Callable[[], T]) -> T:
    """Ask a store.

    :raises SecretStoreError: if it raises an error that is not of this package; it tells the kind of it alone.
    """
    try:
        return ask()
    except CopassError:
        raise
    except Exception as error:  # noqa: BLE001 - a store is the user's own code
        kind = kind_of(error)
    failure = SecretStoreError(
        f"The {name} {key!r} cannot be {done} ({kind}). Nothing was concluded from it. A retry continues from here."
    )
    failure.kind = kind
    raise failure
