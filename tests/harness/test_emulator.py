"""The emulator as a process, and what the client of its control surface says."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.harness.emulator import SANDBOX, Emulator, fingerprint

SOURCES = f"/api/v1/storage/sandboxes/{SANDBOX}/sources"
BODY = {"provider": "slack", "name": "Support", "ingestion_mode": "realtime"}


@pytest.fixture(name="emulator", scope="module")
def _emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


@pytest.fixture(name="api")
def _api(emulator: Emulator) -> Iterator[httpx.Client]:
    emulator.reset()
    headers = {"Authorization": f"Bearer {emulator.token}"}
    with httpx.Client(base_url=emulator.url, headers=headers, trust_env=False) as api:
        yield api


def test_only_the_right_secret_is_valid(emulator: Emulator, api: httpx.Client) -> None:
    """The fingerprint of the answered secret is valid, that of another is not."""
    made = api.post(SOURCES, json=BODY).raise_for_status().json()
    secret = made["webhook_signing_secret"]

    assert emulator.secret_is_valid(made["data_source_id"], sha256=fingerprint(secret))
    assert not emulator.secret_is_valid(made["data_source_id"], sha256=fingerprint(f"{secret}."))


def test_the_token_is_not_in_the_process_list(emulator: Emulator) -> None:
    """The token travels by the environment: the command line, which every user can read, does not hold it."""
    assert emulator.token not in " ".join(psutil.Process(emulator.process.pid).cmdline())


def test_the_process_ends_with_its_block(tmp_path: Path) -> None:
    """After the ``with`` block nobody listens any more."""
    with Emulator(tmp_path) as emulator:
        url = emulator.url
    assert not emulator.process.running
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
