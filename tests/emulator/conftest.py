"""One emulator for the whole folder, as at the start for each test."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_copass.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "olk_test_token"
SOURCES = "/api/v1/storage/sandboxes/sb_demo/sources"


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    """Return an emulator that runs for as long as the tests do."""
    with Emulator(TOKEN) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """Return the emulator as it was at the start."""
    running.reset()
    return running


def _client(url: str, **headers: str) -> httpx.Client:
    # One for all tests: each new client reads the certificates of the machine again.
    return httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False)


@pytest.fixture(scope="session")
def _api(running: Emulator) -> Iterator[httpx.Client]:
    with _client(running.url, Authorization=f"Bearer {TOKEN}") as client:
        yield client


@pytest.fixture(scope="session")
def _control(running: Emulator) -> Iterator[httpx.Client]:
    with _client(running.control_url) as client:
        yield client


@pytest.fixture(scope="session")
def _stranger(running: Emulator) -> Iterator[httpx.Client]:
    with _client(running.url) as client:
        yield client


@pytest.fixture
def api(emulator: Emulator, _api: httpx.Client) -> httpx.Client:
    """Return a client of the emulated API."""
    return _api


@pytest.fixture
def control(emulator: Emulator, _control: httpx.Client) -> httpx.Client:
    """Return a client of the control surface, which sends no token."""
    return _control


@pytest.fixture
def stranger(emulator: Emulator, _stranger: httpx.Client) -> httpx.Client:
    """Return a client of the emulated API that has no token of its own."""
    return _stranger


@pytest.fixture
def register(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Return a function that registers a source and returns the answer."""

    def registered(**fields: Any) -> dict[str, Any]:
        answer = api.post(SOURCES, json={"provider": "slack", "name": "alerts", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return registered


@pytest.fixture
def raw(emulator: Emulator) -> Callable[..., bytes]:
    """Return a function that sends a request over a bare socket and returns every byte of the answer."""

    def exchanged(path: str, method: str = "GET") -> bytes:
        port = httpx.URL(emulator.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            connection.sendall(head.encode())
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received

    return exchanged
