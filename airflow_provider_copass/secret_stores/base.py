"""The contract of a secret store, and how a task names one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


class SecretStore(ABC):
    """A place for webhook secrets. Subclass it to keep them where you like.

    What a method raises ends in a task's log: no exception may hold the secret.
    """

    name: str = "secret store"
    """What to call it in a message."""

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold; called before anything is registered.

        :param key: the key.
        :raises CopassInputError: naming the rule that it breaks.
        """

    @abstractmethod
    def read(self, key: str) -> SecretStr | None:
        """Return what a key holds.

        :param key: the key.
        :return: the secret; None where the key holds nothing.
        """

    @abstractmethod
    def write(self, key: str, secret: SecretStr) -> None:
        """Let a key hold a secret.

        :param key: the key.
        :param secret: the secret; unwrap it as late as possible.
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
