"""What it takes to write to one kind of secrets backend; a file for each kind stands beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner


class Refused(Exception):  # noqa: N818 - not an error yet: the store says it in its own words
    """A writer cannot hold or read a key; the text says which rule it breaks, or which setting to change."""


class BackendWriter(ABC):
    """How to write to one kind of secrets backend. What a method raises of its own goes no further.

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
        # Airflow's own rule, where the version of its provider has it: it depends on [core] multi_team.
        names_a_team = getattr(self.backend, "_names_a_team_namespace", None)
        if names_a_team is not None and names_a_team(key):
            raise Refused(
                "with [core] multi_team two separators in a row divide a team's name from a key ('--'; in Azure's Key "
                "Vault '__' too), so that no task would find it there. Choose another store_as."
            )

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that the backend cannot hold, or would never be asked for; without asking it.

        :raises Refused: saying why.
        """

    def check_write(self, key: str) -> None:  # noqa: B027 - not every backend can tell
        """Refuse a key that may not be written, where the backend can tell.

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
        """Return what a task reads under the key."""
        # A keyword, as Airflow itself asks: a subclass may name its other parameters as it likes.
        found: str | None = self.backend.get_variable(key=key)
        return found

    @abstractmethod
    def holds(self, key: str) -> bool:
        """Tell whether there is anything under the key; False only where the backend says so.

        :raises Refused: where there is something that cannot be read as it is, saying why.
        """

    @abstractmethod
    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that is noted beside the key's secret; None where the key holds nothing."""

    @abstractmethod
    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Write the value, and note whose it is."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove what is under the key, where there is anything."""
