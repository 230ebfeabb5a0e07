"""A store of a deployment's own, which holds nothing."""

from __future__ import annotations

from pydantic import SecretStr

from airflow_provider_copass.secret_stores import SecretOwner, SecretStore


class OwnStore(SecretStore):
    """A deployment's own."""

    def check(self, key: str) -> None:
        """Take any key."""

    def read(self, key: str) -> None:
        """Hold nothing."""

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Keep nothing."""

    def remove(self, key: str) -> None:
        """Hold nothing all the same."""


own_store = OwnStore()
