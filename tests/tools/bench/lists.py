"""How fast a list of sources is registered, ours beside a bare httpx in as many threads, and what memory it takes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from tests.tools.bench.calls import measured, serving

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE = 8
CLIENTS = {"operator": "operator (ours)", "httpx": "bare httpx.Client", "airflow": "import of airflow.sdk"}
"""The clients, and what the table calls them; the last one registers nothing."""


@dataclass
class Listed:
    """What was seen of one client.

    :param count: how many sources.
    :param rates: POSTs a second of each round, from the first to the last that came in at the server.
    :param seconds: of each round, all in all.
    :param peaks: the most memory of each round's process, in MiB.
    :param failure: why it could not be measured; None where it could.
    """

    client: str
    count: int
    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def rate(self) -> float | None:
        """POSTs a second."""
        return statistics.median(self.rates) if self.rates else None

    @property
    def took(self) -> float | None:
        """Seconds, all in all."""
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def peak(self) -> float | None:
        """MiB."""
        return statistics.median(self.peaks) if self.peaks else None


def measure(rounds: int, count: int, environment: Mapping[str, str]) -> list[Listed]:
    """Have every client register the list once a round, each in a process of its own, by turns.

    :param rounds: how often.
    :param count: how many sources.
    :param environment: of the processes.
    """
    found = [Listed(client, count) for client in CLIENTS]
    with serving("list_server", environment) as port:
        for _ in range(rounds):
            for each in found:
                if each.failure is None:
                    _once(each, environment, port)
            found.append(found.pop(0))
    return sorted(found, key=lambda each: list(CLIENTS).index(each.client))


def _once(each: Listed, environment: Mapping[str, str], port: int) -> None:
    seen, each.failure = measured("list_once", each.client, each.count, AT_ONCE, port=port, environment=environment)
    came = httpx.delete(f"http://127.0.0.1:{port}", trust_env=False).json()
    if each.failure is not None:
        return
    each.seconds.append(seen["seconds"])
    each.peaks.append(seen["peak"])
    if came["seconds"]:
        each.rates.append((came["posts"] - 1) / came["seconds"])
