"""How to write to one kind of secrets backend; there is a module for each kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner


class Refused(Exception):  # noqa: N818 - the store makes an error of it
    """The backend cannot hold or read a key; the text says which rule it breaks, or which setting to change."""


class BackendWriter(ABC):
    """Writes to one kind of secrets backend. The store does not let a client's own exceptions through.

    :param backend: the configured instance.
    """

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def check_served(self, key: str) -> None:
        """Refuse a key that Airflow never asks this backend for.

        :raises Refused: naming the setting.
        """
        if self.backend.variables_prefix is None:
            raise Refused("variables_prefix in the backend's kwargs is None, so that it is never asked for a Variable.")
        # Airflow's own rule, if the installed provider has it: it depends on [core] multi_team.
        names_a_team = getattr(self.backend, "_names_a_team_namespace", None)
        if names_a_team is not None and names_a_team(key):
            raise Refused(
                "with [core] multi_team two separators in a row divide a team's name from a key ('--'; in Azure's Key "
                "Vault '__' too), so that no task would find it there. Choose another store_as."
            )

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that the backend cannot hold or is never asked for, without a request.

        :raises Refused: saying why.
        """

    def check_write(self, key: str) -> None:  # noqa: B027 - not every backend can tell
        """Refuse a key that may not be written, if the backend can tell.

        :raises Refused: saying why.
        """

    @abstractmethod
    def full_name(self, key: str) -> str:
        """Return the name that a key has in the backend, prefix and path included."""

    def location(self, key: str) -> str:
        """Return the name as the backend compares it: two keys of one location share one secret.

        The names of Vault, Google Secret Manager and both of AWS's stores differ if their case differs.
        """
        return self.full_name(key)

    def value(self, key: str) -> str | None:
        """Return the value that a task reads under the key."""
        # A keyword, as Airflow itself uses: a subclass may have other names for its other parameters.
        found: str | None = self.backend.get_variable(key=key)
        return found

    @abstractmethod
    def holds(self, key: str) -> bool:
        """Tell whether the key holds anything; False only if the backend says so.

        :raises Refused: if it holds something that cannot be read, saying why.
        """

    @abstractmethod
    def owner_of(self, key: str) -> str | None:
        """Return the id of the source in the note beside the secret; None if the key holds nothing."""

    @abstractmethod
    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Write the value, and note which source it belongs to."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove what the key holds, if anything."""
