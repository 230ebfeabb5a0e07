"""A secrets backend that holds a connection field by field, each a text, as a Vault does."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Connection
from airflow.secrets import BaseSecretsBackend


class SingleFieldsBackend(BaseSecretsBackend):
    """Makes a connection of the fields, as the Vault backend of Airflow 2.11's time does, and no JSON in between."""

    held: ClassVar[dict[str, str]] = {}
    """The fields."""

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """Read a connection."""
        return Connection(conn_id=conn_id, **self.held)  # type: ignore[arg-type]
