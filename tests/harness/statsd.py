"""A sink for Airflow's metrics: whatever StatsD datagrams come to a loopback port."""

import re
import socket
import threading
from collections import Counter
from types import TracebackType
from typing import Self

from tests.harness.ports import LOOPBACK

_LINE = re.compile(r"(?P<name>[^:]+):(?P<value>[-+0-9.]+)\|(?P<kind>[a-z]+)")


class StatsdSink:
    """Listens on a free port, for a ``with`` block.

    :ivar counters: the sums of all counters by name.
    :ivar gauges: every value of each gauge by name, in their order.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        self.counters: Counter[str] = Counter()
        self.gauges: dict[str, list[float]] = {}
        self.names: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of an Airflow that sends its metrics here."""
        return {
            "METRICS__STATSD_ON": "True",
            "METRICS__STATSD_HOST": LOOPBACK,
            "METRICS__STATSD_PORT": str(self.port),
            "METRICS__STATSD_PREFIX": "airflow",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                datagram = self._socket.recv(65536)
            except TimeoutError:
                continue
            for line in datagram.decode(errors="replace").splitlines():
                if match := _LINE.match(line):
                    self._take(match["name"], float(match["value"]), match["kind"])

    def _take(self, name: str, value: float, kind: str) -> None:
        self.names.add(name)
        if kind == "c":
            self.counters[name] += int(value)
        elif kind == "g":
            self.gauges.setdefault(name, []).append(value)
