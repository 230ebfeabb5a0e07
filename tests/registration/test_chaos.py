"""Every third request goes wrong, by a seeded draw: when the last retry is done, all is as if none had."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from airflow_provider_copass.operators._threads import Threads
from airflow_provider_copass.registration import Registered
from tests.harness.emulator import Emulator, fingerprint
from tests.registration.file_world import (
    QUICK,
    assert_kept,
    client_for,
    register_list,
    register_one,
    until_it_works,
)

THREADS = 16
TRIES = 40
TIMING = replace(QUICK, settle_timeout=0.5, lease_pause=0.2, poll_interval=0.05)
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
    """Register many sources through the storm, each by itself and a quarter of them in a list as well."""
    storm = Storm(seed)
    names = [f"source {number}" for number in range(count)]
    with Emulator(folder / "outputs") as emulator, client_for(emulator.url, emulator.token, transport=storm) as client:

        def alone(name: str) -> list[Registered]:
            def attempt(number: int) -> Registered:
                return register_one(client, folder, name, task=f"dag/run/{name}/-1", attempt=number, timing=TIMING)

            return [until_it_works(attempt, tries=TRIES)]

        def in_a_list(task: str, names: list[str]) -> list[Registered]:
            def attempt(number: int) -> list[Registered]:
                how = {"task": f"dag/run/{task}/-1", "attempt": number, "timing": TIMING}
                with Threads(4) as pool:
                    return register_list(client, folder, names, pool=pool, **how)

            return until_it_works(attempt, tries=TRIES)

        with ThreadPoolExecutor(THREADS) as pool:
            jobs = [pool.submit(in_a_list, "list", names[: count // 4])]
            jobs += [pool.submit(alone, name) for name in names]
            told = {(one.source.name, one.source.data_source_id, one.stored_as) for job in jobs for one in job.result()}
        assert storm.met > storm.requests / 4
        live = {source["name"]: source["data_source_id"] for source in emulator.sources() if not source["deleted"]}
        assert len([source for source in emulator.sources() if not source["deleted"]]) == count
        assert {(name, source_id) for name, source_id, _ in told} == set(live.items())
        for source_id, secret in assert_kept(folder, {source_id: key for _, source_id, key in told}).items():
            assert emulator.secret_is_valid(source_id, sha256=fingerprint(secret))


def test_forty_registrations_in_a_storm(tmp_path: Path) -> None:
    """Forty sources, forty valid secrets."""
    chaos(tmp_path, 40, seed=20261123)


@pytest.mark.slow
def test_five_hundred_registrations_in_a_storm(tmp_path: Path) -> None:
    """Five hundred sources, five hundred valid secrets."""
    chaos(tmp_path, 500, seed=20261124)
