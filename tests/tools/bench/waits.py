"""What many waits in one process cost: our watch beside a client for each wait, as the triggers of peers have one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from tests.tools.bench.calls import measured, serving

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def measure(count: int, interval: float, seconds: float, environment: Mapping[str, str]) -> list[Waited]:
    """Wait in each way, in a process of its own.

    :param count: how many waits.
    :param interval: seconds between two looks.
    :param seconds: for how long.
    :param environment: of the processes.
    """
    found = [Waited(way, count, seconds) for way in WAYS]
    with serving("wait_server", environment, str(count)) as port:
        for each in found:
            numbers = (port, count, interval, seconds)
            seen, each.failure = measured(
                "wait_once", each.way, *numbers, port=port, environment=environment, seconds=seconds + 300
            )
            each.requests = httpx.delete(f"http://127.0.0.1:{port}/", trust_env=False).json()["requests"]
            each.cpu, each.blocked = seen.get("cpu", 0.0), seen.get("blocked", 0.0)
    return found
