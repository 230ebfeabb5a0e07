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


def test_a_registered_source_and_its_request_are_told(emulator: Emulator, api: httpx.Client) -> None:
    """A source that was registered is listed, and its request counted under its operation alone."""
    made = api.post(SOURCES, json=BODY).raise_for_status().json()

    assert [source["data_source_id"] for source in emulator.sources()] == [made["data_source_id"]]
    assert len(emulator.requests("register")) == 1
    assert emulator.requests("list") == []


def test_only_the_right_secret_is_valid(emulator: Emulator, api: httpx.Client) -> None:
    """The fingerprint of the answered secret is valid, that of another is not."""
    made = api.post(SOURCES, json=BODY).raise_for_status().json()
    secret = made["webhook_signing_secret"]

    assert emulator.secret_is_valid(made["data_source_id"], sha256=fingerprint(secret))
    assert not emulator.secret_is_valid(made["data_source_id"], sha256=fingerprint(f"{secret}."))


def test_a_fault_comes_as_often_as_asked_for(emulator: Emulator, api: httpx.Client) -> None:
    """A scripted fault hits the given number of calls; cleared faults hit none."""
    emulator.fault("register", {"status": 503})
    assert [api.post(SOURCES, json=BODY).status_code for _ in range(2)] == [503, 201]

    emulator.fault("register", {"status": 503}, times=5)
    emulator.clear_faults()
    assert api.post(SOURCES, json=BODY).is_success


def test_a_seeded_source_was_never_registered(emulator: Emulator, api: httpx.Client) -> None:
    """A seeded source is there for the API, without a request; it can be changed behind the API's back."""
    [source_id] = emulator.seed(BODY)
    emulator.change_source(source_id, status="paused")

    assert emulator.requests() == []
    assert api.get(f"{SOURCES}/{source_id}").json()["status"] == "paused"


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
