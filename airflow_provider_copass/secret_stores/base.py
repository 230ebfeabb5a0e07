"""The contract of a secret store, and how a task names one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner


class SecretStore(ABC):
    """A place for webhook secrets. Subclass it to keep them where you like.

    What a method raises ends in a task's log: no exception may hold the secret.
    """

    name: str = "secret store"
    """What to call it in a message, and in the record of what was stored where: it stays the same from run to run."""

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold or may not write; called before anything is registered.

        Where the store can tell without writing whether it may write, it tells here.

        :param key: the key.
        :raises CopassInputError: naming the rule that it breaks, or the setting to change.
        """

    def place(self, key: str) -> str:
        """Return where a key lives, for a person who looks for it: such as the path in a vault.

        :param key: the key.
        """
        return key

    @abstractmethod
    def read(self, key: str) -> SecretStr | None:
        """Return what a key holds.

        :param key: the key.
        :return: the secret; None where it is proven that the key holds nothing. What cannot be told raises.
        """

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that a key's secret belongs to, where the store keeps such notes.

        :param key: the key.
        :return: the id; None where it is not noted, or the key holds nothing.
        """
        del key
        return None

    @abstractmethod
    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Let a key hold a secret.

        :param key: the key.
        :param secret: the secret; unwrap it as late as possible.
        :param owner: whose it is, to be noted beside it where the store can do so.
        """

    @abstractmethod
    def remove(self, key: str) -> None:
        """Have a key hold nothing any more; one that holds nothing already is no error.

        :param key: the key.
        """


def as_secret_store(given: object) -> SecretStore:
    """Return the store that a task names.

    :param given: ``variable``, a :class:`SecretStore`, or None for ``variable``.
    :raises CopassInputError: where it is none of them.
    """
    from airflow_provider_copass.api.errors import CopassInputError
    from airflow_provider_copass.secret_stores.variable import VariableStore

    if isinstance(given, SecretStore):
        return given
    if given in (None, "variable"):
        return VariableStore()
    raise CopassInputError(
        "secret_store must be 'variable' or an instance of airflow_provider_copass.secret_stores.SecretStore.",
        fields=("secret_store",),
    )
