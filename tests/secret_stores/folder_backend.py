"""A secrets backend over a folder, which can be taken down: for children that read Variables through a real Airflow."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.secrets import BaseSecretsBackend


class FolderBackend(BaseSecretsBackend):
    """Gives back what lies in a folder; raises while a file ``down`` is there."""

    made = 0

    def __init__(self, folder: str = "") -> None:
        FolderBackend.made += 1
        self._folder = Path(folder or os.environ["TEST_FOLDER"])

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Read a Variable."""
        if (self._folder / "down").exists():
            raise OSError("the backend is down: canary")
        file = self._folder / key
        return file.read_text() if file.exists() else None

    def get_connection(self, conn_id: str, team_name: str | None = None) -> None:
        """Hold no connections."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> None:
        """Hold no connections."""

    def get_config(self, key: str) -> None:
        """Hold no configuration."""
