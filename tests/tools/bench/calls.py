"""How long a call takes, ours beside a bare httpx's and the vendor's client's: server and clients as processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHECKOUT = Path(__file__).resolve().parents[3]
TOKEN = "olk_bench_0123456789"
OPERATIONS = ("get_source", "register_source")
CLIENTS = {"hook": "hook (ours)", "httpx": "bare httpx.Client", "copass-core": "copass-core"}
"""The clients, and what the table calls them."""


@dataclass(frozen=True)
class Called:
    """What was seen of one client's calls.

    :param seconds: of each call; empty where the client is not installed.
    :param failure: why it could not be measured; None where it could.
    """

    operation: str
    client: str
    seconds: tuple[float, ...] = ()
    failure: str | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def measure(rounds: int, environment: Mapping[str, str]) -> list[Called]:
    """Have every client make its calls.

    :param rounds: of small batches; one more, which warms up, does not count.
    :param environment: of the processes.
    """
    with serving("server", environment) as port:
        seen, failure = measured("call_each", rounds, port=port, environment=environment)
    return [
        Called(operation, client, tuple(seen.get(operation, {}).get(client, ())), failure)
        for operation in OPERATIONS
        for client in CLIENTS
    ]


def measured(
    module: str, *arguments: object, port: int, environment: Mapping[str, str], seconds: float = 300
) -> tuple[dict[str, Any], str | None]:
    """Measure something in an interpreter of its own, with a connection to a server on this machine.

    :param module: its name in this package.
    :param arguments: what it is given.
    :param port: of the server.
    :param environment: of the process.
    :param seconds: how long it may take.
    :return: what its last line, which is JSON, says, and None; or nothing, and why it could not be measured.
    """
    connection = {
        "conn_type": "copass",
        "host": f"http://127.0.0.1:{port}",
        "password": TOKEN,
        "extra": {"sandbox_id": "sb_bench"},
    }
    done = subprocess.run(
        [sys.executable, "-m", f"tests.tools.bench.{module}", *map(str, arguments)],
        # The simplest way to a connection outside a task, and one of those that the documentation names.
        env={**environment, "AIRFLOW_CONN_COPASS_DEFAULT": json.dumps(connection)},
        cwd=_CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        return {}, (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), None


@contextmanager
def serving(module: str, environment: Mapping[str, str], *arguments: str) -> Iterator[int]:
    """Run a server, and give its port.

    :param module: its name in this package.
    :param arguments: what it is given.
    """
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.tools.bench.{module}", *arguments],
        env=environment,
        cwd=_CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            # It ends when its standard input does; leaving the block waits for it.
            process.stdin.close()
