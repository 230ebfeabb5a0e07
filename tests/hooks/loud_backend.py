"""A secrets backend that logs what it reads at DEBUG, in the words of a cloud's client."""

from __future__ import annotations

import json
import logging

from airflow.secrets import BaseSecretsBackend

CANARY = "olk_canary_of_a_loud_backend"
HEARD = logging.getLogger("botocore.parsers")


class LoudBackend(BaseSecretsBackend):
    """Holds one connection, and one Variable."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str:
        """Read a connection."""
        return self._read(json.dumps({"conn_type": "copass", "password": CANARY, "extra": '{"sandbox_id": "sb"}'}))

    def get_variable(self, key: str, team_name: str | None = None) -> str:
        """Read a Variable."""
        return self._read(CANARY)

    def _read(self, value: str) -> str:
        HEARD.debug("Response body:\n%s", value)
        return value
