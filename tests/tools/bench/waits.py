"""What many waits in one process cost: our watch beside a client for each wait, as the triggers of peers have one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from tests.tools.bench.calls import connection_to, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WAYS = {"watch": "one watch for all (ours)", "alone": "a client for each wait"}
"""The ways to wait, and what the table calls them."""


@dataclass
class Waited:
    """What was seen of one way to wait.

    :param count: how many waits.
    :param seconds: for how long.
    :param requests: how many requests came.
    :param cpu: seconds of CPU.
    :param blocked: the longest time for which the event loop did not come round, in seconds.
    :param failure: why it could not be measured; None where it could.
    """

    way: str
    count: int
    seconds: float
    requests: int = 0
    cpu: float = 0.0
    blocked: float = 0.0
    failure: str | None = None


def measure(
    count: int, interval: float, seconds: float, environment: Mapping[str, str], checkout: Path
) -> list[Waited]:
    """Wait in each way, in a process of its own.

    :param count: how many waits.
    :param interval: seconds between two looks.
    :param seconds: for how long.
    :param environment: of the processes.
    :param checkout: where they find ``tests``.
    """
    found = [Waited(way, count, seconds) for way in WAYS]
    with serving("wait_server", environment, checkout, str(count)) as port:
        connected = {**environment, "AIRFLOW_CONN_COPASS_DEFAULT": json.dumps(connection_to(port))}
        for each in found:
            numbers = (str(port), str(count), str(interval), str(seconds))
            done = subprocess.run(
                [sys.executable, "-m", "tests.tools.bench.wait_once", each.way, *numbers],
                env=connected,
                cwd=checkout,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds + 300,
                check=False,
            )
            each.requests = httpx.delete(f"http://127.0.0.1:{port}/", trust_env=False).json()["requests"]
            if done.returncode:
                each.failure = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                continue
            seen = json.loads(done.stdout.splitlines()[-1])
            each.cpu, each.blocked = seen["cpu"], seen["blocked"]
    return found
