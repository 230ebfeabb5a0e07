"""Over the real client and an independent server: whichever answer is lost, there is one source and a valid secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.api import CopassClient
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.operators._fields import read_change
from airflow_provider_copass.registration import (
    Deletion,
    Registered,
    Registration,
    Rotation,
    SourceRef,
    StoreKey,
    Timing,
    Updated,
    update,
)
from airflow_provider_copass.registration.journal import Tombstone, from_text
from tests.harness.clocks import SkippingClock
from tests.registration.acts import InTurn
from tests.registration.file_world import (
    SANDBOX,
    Folder,
    assert_kept,
    client_for,
    realtime,
    register_list,
    register_one,
    runtime,
    until_it_works,
)

LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "dropped before the effect": ("before", {"drop": True}),
    "dropped after the effect": ("after", {"drop": True}),
    "reset before the effect": ("before", {"reset": True}),
    "reset after the effect": ("after", {"reset": True}),
    "502 after the effect": ("after", {"status": 502}),
    "503 after the effect": ("after", {"status": 503}),
    "504 after the effect": ("after", {"status": 504}),
    "a page after the effect": ("after", {"html": 200}),
    "cut off after the effect": ("after", {"truncate": 20}),
    "429 before the effect": ("before", {"status": 429}),
}
# However busy the machine is, no write is too late.
CALM: dict[str, Any] = {"timing": Timing(lease_pause=60), "clock": SkippingClock()}
REF = SourceRef(SANDBOX, provider="slack", name="n")
each_lost = pytest.mark.parametrize(("when", "action"), LOST.values(), ids=LOST)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[CopassClient]:
    """A client of the emulated account."""
    with client_for(emulator.url, emulator.token) as client:
        yield client


def assert_good(emulator: Emulator, folder: Path, *told: Registered) -> None:
    """The live sources are those that were told, and the secret of each is stored and valid."""
    live = [source["data_source_id"] for source in emulator.sources() if not source["deleted"]]
    assert sorted(live) == sorted(one.source.data_source_id for one in told)
    kept = assert_kept(folder, {one.source.data_source_id: one.stored_as for one in told})
    assert all(emulator.verify_secret(source_id, secret) for source_id, secret in kept.items())


@each_lost
def test_a_lost_answer_to_a_post(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """A second POST is sent only where the first one had no effect."""
    emulator.add_fault(operation="register", when=when, action=action)
    done = until_it_works(lambda number: register_one(client, tmp_path, attempt=number, **CALM))
    assert_good(emulator, tmp_path, done)
    assert len(emulator.requests(operation="register")) == (2 if when == "before" else 1)


@each_lost
def test_a_lost_answer_to_a_post_of_a_list(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """The same for one of four sources, whose POSTs are sent side by side."""
    emulator.add_fault(operation="register", when=when, action=action, skip=2)

    def attempt(number: int) -> list[Registered]:
        return register_list(client, tmp_path, "abcd", attempt=number, **CALM, pool=InTurn(CALM["clock"]))

    assert_good(emulator, tmp_path, *until_it_works(attempt))
    assert len(emulator.requests(operation="register")) == (5 if when == "before" else 4)


@each_lost
def test_lost_answers_to_looks(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """No look that fails makes a second source, neither the list before there is one nor the GET of it afterwards."""
    for operation in ("list", "get"):
        emulator.add_fault(operation=operation, when=when, action=action)
    for task in ("dag/run/task/-1", "dag/next run/task/-1"):

        def attempt(number: int, task: str = task) -> Registered:
            return register_one(client, tmp_path, task=task, attempt=number, **CALM)

        assert_good(emulator, tmp_path, until_it_works(attempt))
    assert len(emulator.requests(operation="register")) == 1


@each_lost
def test_a_lost_answer_to_a_rotation(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """A later try rotates once more; the newest secret is stored, and the one from before the task beside it."""
    registered = register_one(client, tmp_path, **CALM)
    key = str(registered.stored_as)
    before = Folder(tmp_path / "secrets").get(key)
    emulator.add_fault(operation="rotate", when=when, action=action)

    def attempt(number: int) -> Registered:
        own = runtime(client, tmp_path, task="rotate/run/task/-1", attempt=number, **CALM)
        return Rotation(REF, StoreKey(), own, keep_previous=True).run()

    until_it_works(attempt)
    assert len(emulator.requests(operation="rotate")) == 2
    assert Folder(tmp_path / "secrets").get(f"{key}_previous") == before
    Folder(tmp_path / "secrets").remove(f"{key}_previous")
    assert_good(emulator, tmp_path, registered)


@each_lost
def test_a_lost_answer_to_a_rename(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """The retry finds what was changed, and finishes the rest; then there is nothing left to send."""
    registered = register_one(client, tmp_path, **CALM)
    emulator.add_fault(operation="update", when=when, action=action)

    def attempt(number: int) -> Updated:
        own = runtime(client, tmp_path, task="update/run/task/-1", attempt=number, **CALM, secrets=None)
        return update(REF, read_change(new_name="new", adapter_config={"a": 1}), own)

    until_it_works(attempt)
    attempt(9)
    (source,) = emulator.sources()
    assert (source["name"], source["adapter_config"]) == ("new", {"a": 1})
    assert len(emulator.requests(operation="update")) == (2 if when == "before" else 1)
    assert_good(emulator, tmp_path, registered)


@each_lost
def test_a_lost_answer_to_a_deletion(
    emulator: Emulator, client: CopassClient, tmp_path: Path, when: str, action: dict[str, Any]
) -> None:
    """The retry finds the source gone, or deletes it."""
    register_one(client, tmp_path, **CALM)
    emulator.add_fault(operation="delete", when=when, action=action)

    def attempt(number: int) -> str | None:
        own = runtime(client, tmp_path, task="delete/run/task/-1", attempt=number, **CALM)
        return Deletion(REF, own, "delete", store_key=StoreKey()).run()

    assert until_it_works(attempt) == emulator.sources()[0]["data_source_id"]
    assert emulator.sources()[0]["deleted"]
    assert Folder(tmp_path / "secrets").texts() == {}
    ((name, text),) = Folder(tmp_path / "journal").texts().items()
    assert isinstance(from_text(text, name=name), Tombstone)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_rotation_is_said_to_be_one(
    emulator: Emulator, client: CopassClient, tmp_path: Path, status: int
) -> None:
    """One public client dropped the call: the message says what can be done instead."""
    emulator.seed([{"provider": "slack", "name": "n", "ingestion_mode": "realtime"}])
    emulator.add_fault(operation="rotate", action={"status": status})
    with pytest.raises(CopassError, match="offers no rotation") as failed:
        Registration(realtime(on_missing_secret="rotate"), runtime(client, tmp_path, **CALM)).run()
    assert "put its secret into the store by hand" in str(failed.value)


def test_a_timeout_whose_effect_comes_late(emulator: Emulator, tmp_path: Path) -> None:
    """Within the time in which a POST takes effect or never does, the same try waits for it."""
    emulator.add_fault(operation="register", action={"delay": 0.8})
    with client_for(emulator.url, emulator.token, timeout=0.3) as client:
        assert_good(emulator, tmp_path, register_one(client, tmp_path))
    assert len(emulator.requests(operation="register")) == 1


def test_a_409_is_looked_into_before_it_is_believed(emulator: Emulator, client: CopassClient, tmp_path: Path) -> None:
    """A server that refuses a name which it has just taken itself has made our source."""
    emulator.add_fault(operation="register", when="after", action={"status": 409})
    assert_good(emulator, tmp_path, register_one(client, tmp_path, **CALM))
    assert len(emulator.requests(operation="register")) == 1


def test_a_refused_post_leaves_nothing_behind(emulator: Emulator, client: CopassClient, tmp_path: Path) -> None:
    """What is known not to have been carried out needs nobody to wait for it."""
    emulator.add_fault(operation="register", action={"status": 422})
    with pytest.raises(CopassError, match="422"):
        register_one(client, tmp_path, **CALM)
    assert Folder(tmp_path / "journal").texts() == {}
