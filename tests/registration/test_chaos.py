"""Every third request goes wrong, by a seeded draw: when the last retry is done, all is as if none had."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from airflow_provider_copass.api import CopassError
from airflow_provider_copass.registration import Registered
from tests.harness.emulator import Emulator, fingerprint
from tests.registration.file_world import QUICK, Folder, client_for, register

THREADS = 16
TRIES = 40
FATES = ("dropped before", "dropped after", "503 before", "502 after", "a page after", "cut off after", "429 before")


class Storm(httpx.BaseTransport):
    """The network between the client and the server: every third request meets a fate, drawn by a seed."""

    def __init__(self, seed: int) -> None:
        self._inner = httpx.HTTPTransport()
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self.requests = 0
        self.met = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or let it meet its fate."""
        with self._lock:
            self.requests += 1
            fate = self._draw.choice(FATES) if self._draw.random() < 1 / 3 else ""
            self.met += bool(fate)
        if fate.endswith("after") or not fate:
            answer = self._inner.handle_request(request)
            if not fate:
                return answer
            body = answer.read()
            answer.close()
        match fate:
            case "dropped before" | "dropped after":
                raise httpx.ReadError("the connection is gone")
            case "503 before" | "429 before" | "502 after":
                return httpx.Response(int(fate[:3]))
            case "a page after":
                return httpx.Response(200, html="<html>a proxy</html>")
            case _:
                return httpx.Response(200, content=body[: len(body) // 2])

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def chaos(folder: Path, count: int, seed: int) -> None:
    """Register many sources through the storm and look at what is left."""
    storm = Storm(seed)
    with Emulator(folder / "outputs") as emulator, client_for(emulator.url, emulator.token, transport=storm) as client:

        def until_it_works(number: int) -> Registered:
            failure: CopassError | None = None
            for attempt in range(1, TRIES + 1):
                try:
                    return register(
                        client,
                        folder / str(number),
                        task=f"dag/run/task/{number}",
                        attempt=attempt,
                        name=f"source {number}",
                        timing=replace(QUICK, settle=0.5, claim=0.05, take_over=0.1),
                    )
                except CopassError as error:
                    failure = error
            raise AssertionError(f"source {number} is not there after {TRIES} tries") from failure

        with ThreadPoolExecutor(THREADS) as pool:
            results = list(pool.map(until_it_works, range(count)))
        assert storm.met > storm.requests / 4
        live = {source["name"]: source["data_source_id"] for source in emulator.sources() if not source["deleted"]}
        assert len([source for source in emulator.sources() if not source["deleted"]]) == count
        for number, done in enumerate(results):
            assert live[f"source {number}"] == done.source.data_source_id
            stored = Folder(folder / str(number) / "secrets").texts()
            assert list(stored) == [done.stored_as]
            value = stored[str(done.stored_as)]
            assert emulator.secret_is_valid(done.source.data_source_id, sha256=fingerprint(value))


def test_forty_registrations_in_a_storm(tmp_path: Path) -> None:
    """Forty sources, forty valid secrets."""
    chaos(tmp_path, 40, seed=20261123)


@pytest.mark.slow
def test_five_hundred_registrations_in_a_storm(tmp_path: Path) -> None:
    """Five hundred sources, five hundred valid secrets."""
    chaos(tmp_path, 500, seed=20261124)
