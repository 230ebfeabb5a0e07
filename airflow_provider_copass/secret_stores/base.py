"""The contract of a secret store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner


class SecretStore(ABC):
    """Stores webhook secrets. Subclass it to store them where you like.

    What a method raises ends in a task's log: no exception may hold the secret.
    """

    name: str = "secret store"
    """What to call the store in a message and in the journal. It stays the same from run to run."""

    def __repr__(self) -> str:
        """Return the class's path: an address in it would make a new version of a DAG at each parse.

        Airflow serializes the text of an argument of a mapped task's ``partial``.
        """
        return f"<{type(self).__module__}.{type(self).__qualname__}>"

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold, or under which no task would find the secret. Called at every run.

        :param key: the key.
        :raises CopassInputError: naming the rule that it breaks, or the setting to change.
        """

    def check_write(self, key: str) -> None:  # noqa: B027 - most stores cannot tell, and need not
        """Refuse a key that may not be written, if that can be told without writing.

        Called before a source is registered or a secret is minted, so that none is minted for nothing.

        :param key: the key.
        :raises CopassInputError: naming the right that is missing, or what stands in the way.
        """

    def location(self, key: str) -> str:
        """Return where a key lives, such as the path in a vault: two keys of one location share one secret.

        Override it if the store reads two keys as one, such as keys that differ in case.

        :param key: the key.
        """
        return key

    @abstractmethod
    def read(self, key: str) -> SecretStr | None:
        """Return what a key holds.

        :param key: the key.
        :return: the secret; None only if it is proven that the key holds nothing. Raises if that cannot be told.
        """

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that a key's secret belongs to, if the store keeps such notes.

        :param key: the key.
        :return: the id; None if it is not noted, or the key holds nothing.
        """
        del key
        return None

    @abstractmethod
    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Store a secret under a key, in place of what the key holds.

        :param key: the key.
        :param secret: the secret, already masked in the task's log; unwrap it as late as possible.
        :param owner: the source that it belongs to; note it beside the secret if the store can.
        """

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove what a key holds. A key that holds nothing is no error.

        :param key: the key.
        """
