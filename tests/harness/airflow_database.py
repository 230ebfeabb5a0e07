"""Airflow's metadata database for tests in this process: a file of its own, with what holds Variables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.fernet import Fernet


class AirflowDatabase:
    """An empty database that this process's Airflow uses.

    :param path: its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, key: str, value: str) -> None:
        """Write a Variable as Airflow does, encrypted."""
        from airflow.models.variable import Variable

        Variable.set(key, value)

    def keys(self) -> list[str]:
        """Return the keys of all Variables."""
        with closing(sqlite3.connect(self.path)) as database:
            return [key for (key,) in database.execute("SELECT key FROM variable ORDER BY key")]

    def scramble(self, key: str) -> None:
        """Put another value into a Variable, which no Fernet key decrypts."""
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("UPDATE variable SET val = 'gAAAAAB-of-another-key' WHERE key = ?", (key,))


@contextmanager
def airflow_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowDatabase]:
    """Let this process's Airflow use a new database and a new key, and then its former ones again.

    :param path: the file to make.
    """
    from airflow import settings
    from airflow.models.base import Base
    from airflow.models.connection import Connection  # noqa: F401 - defines its table
    from airflow.models.variable import Variable  # noqa: F401 - likewise

    with suppress(ImportError):
        from airflow.models.team import Team  # noqa: F401 - likewise; the others refer to it where there is one
    with monkeypatch.context() as patched:
        patched.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{path}")
        patched.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
        _connect()
        _forget_fernet_key()
        tables = Base.metadata.tables
        wanted = [tables[name] for name in ("team", "connection", "variable") if name in tables]
        Base.metadata.create_all(settings.engine, tables=wanted)
        try:
            yield AirflowDatabase(path)
        finally:
            # Not Airflow's own dispose_orm: on 2.11 it imports the web server.
            settings.Session.remove()
            settings.engine.dispose()
    _connect()
    _forget_fernet_key()


def _connect() -> None:
    from airflow import settings

    settings.configure_vars()
    settings.configure_orm()


def _forget_fernet_key() -> None:
    """Let Airflow read its key anew; it keeps the first one that it has read."""
    from airflow.models import crypto

    if hasattr(crypto.get_fernet, "cache_clear"):
        crypto.get_fernet.cache_clear()
    else:
        vars(crypto)["_fernet"] = None
