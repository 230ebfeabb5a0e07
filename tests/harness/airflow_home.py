"""A private AIRFLOW_HOME whose settings are all in the environment, for Airflow 2.11 and 3.x alike."""

import importlib.metadata
import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.harness.environment import clean_environment
from tests.harness.ports import LOOPBACK
from tests.harness.processes import CHECKOUT

AIRFLOW_VERSION = tuple(int(part) for part in importlib.metadata.version("apache-airflow").split(".")[:2])
AIRFLOW_3 = AIRFLOW_VERSION >= (3,)
PATIENCE_MODULE = "sqlite_patience"
"""What Airflow imports, by its setting, to learn how long a writer waits for another one: SQLite has one at a time.

It lies in the home's ``config`` folder, where every Airflow looks, also one that has nothing of ours.
"""
PATIENCE = 'PATIENCE = {"timeout": 60}  # in seconds, as the driver of SQLite takes it\n'


@dataclass(frozen=True)
class Keys:
    """What an Airflow signs and encrypts with; a home that is used again needs the same."""

    fernet: str = field(default_factory=lambda: Fernet.generate_key().decode(), repr=False)
    jwt: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @classmethod
    def kept_in(cls, path: Path) -> "Keys":
        """Return the keys of that file; when there is none, make some and write it."""
        if not path.exists():
            path.touch(mode=0o600)
            keys = cls()
            path.write_text(json.dumps({"fernet": keys.fernet, "jwt": keys.jwt}), encoding="utf-8")
        return cls(**json.loads(path.read_text(encoding="utf-8")))


class CommandFailedError(Exception):
    """An ``airflow`` command ended with something else than 0."""

    def __init__(self, command: str, done: "subprocess.CompletedProcess[str]") -> None:
        super().__init__(f"{command} ended with exit code {done.returncode}")
        self.tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])

    def __str__(self) -> str:
        return f"{self.args[0]}\n{self.tail}"


class AirflowHome:
    """A folder, and the environment that makes an Airflow live in it and nowhere else.

    :param path: the folder; made when it is not there.
    :param dags: where the DAG files are; ``dags`` in the home by default.
    :param keys: the keys of a home that is used again; made up by default.
    :param connections: connections by id, in the form that Airflow reads as JSON, given by the environment.
    :param variables: Variables by key, given by the environment.
    :param settings: further settings, or others than the ones below, as ``SECTION__KEY``.
    :param proxy: the environment's proxy for what is not on this machine; none by default.
    """

    def __init__(
        self,
        path: Path,
        *,
        dags: Path | None = None,
        keys: Keys | None = None,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        variables: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        proxy: str | None = None,
    ) -> None:
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        self.dags = dags or self.path / "dags"
        self.dags.mkdir(exist_ok=True)
        config = self.path / "config"
        config.mkdir(exist_ok=True)
        (config / f"{PATIENCE_MODULE}.py").write_text(PATIENCE, encoding="utf-8")
        self.database = self.path / "airflow.db"
        self.logs = self.path / "logs"
        self.outputs = self.path / "outputs"
        self.keys = keys or Keys()
        self.settings = {**self._settings(), **(settings or {})}
        self.connections = dict(connections or {})
        self.variables = dict(variables or {})
        self._proxies = {"no_proxy": "*"}
        if proxy is not None:
            self._proxies = {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost"}

    def _settings(self) -> dict[str, str]:
        """Return the settings that hold for every use, on both major versions."""
        return {
            "API_AUTH__JWT_SECRET": self.keys.jwt,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__EXECUTOR": "LocalExecutor" if AIRFLOW_3 else "SequentialExecutor",
            "CORE__FERNET_KEY": self.keys.fernet,
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__TEST_CONNECTION": "Enabled",
            "CORE__UNIT_TEST_MODE": "False",
            "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            # Who waits for longer than five seconds fails otherwise, on a machine that has other work.
            "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": f"{PATIENCE_MODULE}.PATIENCE",
            "DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": f"{PATIENCE_MODULE}.PATIENCE",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "LOGGING__BASE_LOG_FOLDER": str(self.logs),
            # 2.11 warns on every start where it is left out.
            "METRICS__TIMER_UNIT_CONSISTENCY": "True",
        }

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of every process of this Airflow."""
        return {
            **clean_environment(),
            "AIRFLOW_HOME": str(self.path),
            # DAG files and ``-m tests...`` are found from the checkout, wherever a process runs.
            "PYTHONPATH": str(CHECKOUT),
            # Airflow 2 refuses the LocalExecutor on SQLite, where many writers wait for each other; here are few.
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            **self._proxies,
            **{f"AIRFLOW__{name}": value for name, value in self.settings.items()},
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection) for name, connection in self.connections.items()},
            **{f"AIRFLOW_VAR_{key.upper()}": value for key, value in self.variables.items()},
        }

    def command(self, *arguments: str) -> list[str]:
        """Return an ``airflow`` command of the Airflow that belongs to this Python."""
        return [sys.executable, "-m", "airflow", *arguments]

    def run(self, *command: str, seconds: float = 600, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end in this home and return its output.

        :param command: program and arguments, e.g. from :meth:`command`.
        :raises CommandFailedError: for an exit code other than 0, where that is to be checked.
        """
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailedError(" ".join(command[:6]), done)
        return done

    def airflow(self, *arguments: str, seconds: float = 600, check: bool = True) -> str:
        """Run an ``airflow`` command to its end and return what it wrote to its standard output."""
        return self.run(*self.command(*arguments), seconds=seconds, check=check).stdout

    def migrate(self) -> None:
        """Bring the database to the version of this Airflow, a new one included."""
        self.airflow("db", "migrate")

    def copy_database(self, migrated: "AirflowHome") -> None:
        """Take over another home's database instead of :meth:`migrate`, which costs ten seconds."""
        shutil.copyfile(migrated.database, self.database)

    def variable(self, key: str) -> str | None:
        """Return a Variable's value as a task would read it from the metadata database, None when there is none.

        :raises ValueError: when the value lies there unencrypted.
        """
        rows = self.rows("SELECT val, is_encrypted FROM variable WHERE key = ?", key)
        if not rows:
            return None
        value, encrypted = rows[0]
        if not encrypted:
            raise ValueError(f"the Variable {key} lies unencrypted in the database")
        return Fernet(self.keys.fernet.encode()).decrypt(value.encode()).decode()

    def variable_keys(self) -> list[str]:
        """Return the keys of all Variables of the metadata database."""
        return [key for (key,) in self.rows("SELECT key FROM variable ORDER BY key")]

    def xcoms(self, dag_id: str, run_id: str, task_id: str) -> dict[int, dict[str, Any]]:
        """Return the XComs of a task in one run: by map index (-1 where there is none), then by key."""
        rows = self.rows(
            "SELECT map_index, key, value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ?"
            " ORDER BY map_index, key",
            *(dag_id, run_id, task_id),
        )
        found: dict[int, dict[str, Any]] = {}
        for map_index, key, value in rows:
            # SQLite gives back a JSON text that is a number as that number.
            found.setdefault(map_index, {})[key] = value if isinstance(value, int | float) else json.loads(value)
        return found

    def asset_events(self, uri: str) -> list[dict[str, Any]]:
        """Return what each event of an asset (on 2.11, a dataset) says beside that it came, the oldest first."""
        word = "asset" if AIRFLOW_3 else "dataset"
        query = f"SELECT e.extra FROM {word}_event e JOIN {word} a ON a.id = e.{word}_id WHERE a.uri = ? ORDER BY e.id"
        return [json.loads(extra) for (extra,) in self.rows(query, uri)]

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Return what a query of the metadata database answers; each parameter stands as ``?`` in it."""
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, parameters).fetchall()


def served_at(port: int) -> dict[str, str]:
    """Return the settings for an API server on a loopback port (3.x)."""
    return {
        "API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "API__HOST": LOOPBACK,
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
    }
