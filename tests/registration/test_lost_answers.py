"""Over the real client and an independent server: whichever answer is lost, there is one source and a valid secret."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow_provider_copass.registration.change import Change, read_declared
from airflow_provider_copass.registration.changing import Changing
from airflow_provider_copass.registration.named import Named
from airflow_provider_copass.registration.record import Closed, from_text
from airflow_provider_copass.registration.rotation import Rotation

from airflow_provider_copass.api import CopassClient, CopassError
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.registration import Owner
from tests.registration.file_world import QUICK, Api, Clock, Folder, FolderStore, Log, client_for, register
from tests.registration.worlds import wish

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


@pytest.fixture
def client(emulator: Emulator) -> Iterator[CopassClient]:
    """A client of the emulated account."""
    with client_for(emulator.url, emulator.token) as client:
        yield client


def until_it_works(client: CopassClient, folder: Path, **options: Any) -> Any:
    """Try a task as often as Airflow would."""
    for attempt in range(1, 5):
        try:
            return register(client, folder, attempt=attempt, **options)
        except CopassError as error:
            last = error
    raise last


def assert_good(emulator: Emulator, folder: Path, done: Any) -> None:
    """One live source, its valid secret in the store and no other, the record closed."""
    (source,) = [source for source in emulator.sources() if not source["deleted"]]
    assert done.source.data_source_id == source["data_source_id"]
    stored = Folder(folder / "secrets").texts()
    assert list(stored) == [done.stored_as]
    assert emulator.verify_secret(source["data_source_id"], stored[done.stored_as])
    ((name, text),) = Folder(folder / "records").texts().items()
    assert isinstance(from_text(text, name=name), Closed)
    assert stored[done.stored_as] not in text


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_to_the_post(emulator: Emulator, client: CopassClient, tmp_path: Path, lost: str) -> None:
    """A second POST is sent only where the first one had no effect."""
    when, action = LOST[lost]
    emulator.add_fault(operation="register", when=when, action=action)
    assert_good(emulator, tmp_path, until_it_works(client, tmp_path))
    assert len(emulator.requests(operation="register")) == (2 if when == "before" else 1)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_lost_answer_to_a_look(emulator: Emulator, client: CopassClient, tmp_path: Path, lost: str, nth: int) -> None:
    """No look that fails makes a second source, before the POST or after it."""
    when, action = LOST[lost]
    emulator.add_fault(operation="list", when=when, action=action, skip=nth)
    assert_good(emulator, tmp_path, until_it_works(client, tmp_path))
    assert len(emulator.requests(operation="register")) == 1


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_to_a_rotation(emulator: Emulator, client: CopassClient, tmp_path: Path, lost: str) -> None:
    """It is known to have begun, so the next try mints again and says so; the stored secret is the newest."""
    when, action = LOST[lost]
    emulator.seed([{"provider": "slack", "name": "n", "ingestion_mode": "realtime"}])
    emulator.add_fault(operation="rotate", when=when, action=action)
    assert_good(emulator, tmp_path, until_it_works(client, tmp_path, on_missing_secret="rotate"))
    assert emulator.requests(operation="register") == []
    assert len(emulator.requests(operation="rotate")) == 2


def rotate(client: CopassClient, folder: Path, *, attempt: int) -> Any:
    """Run one try of a task that rotates."""
    report = Log()
    done = Rotation(
        wish(ingestion_mode="realtime"),
        keep_previous=True,
        sources=Api(client),
        secrets=FolderStore(folder / "secrets"),
        records=Folder(folder / "records"),
        report=report,
        clock=Clock(),
        owner=Owner("rotate/run/task/-1", attempt),
        mark=secrets.token_hex(16),
        timing=QUICK,
    ).run()
    return done, report.said


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_to_a_rotation_that_was_asked_for(
    emulator: Emulator, client: CopassClient, tmp_path: Path, lost: str
) -> None:
    """The retry rotates once more and says so; the newest secret is stored, and the one before the task beside it."""
    registered = register(client, tmp_path)
    key = str(registered.stored_as)
    before = Folder(tmp_path / "secrets").texts()[key]
    when, action = LOST[lost]
    emulator.add_fault(operation="rotate", when=when, action=action)
    try:
        done, said = rotate(client, tmp_path, attempt=1)
    except CopassError:
        done, said = rotate(client, tmp_path, attempt=2)
        assert [line for line in said if "was lost; rotating once more" in line]
    stored = Folder(tmp_path / "secrets").texts()
    assert (set(stored), stored[f"{key}_previous"]) == ({key, f"{key}_previous"}, before)
    assert emulator.verify_secret(done.source.data_source_id, stored[key])
    assert len(emulator.requests(operation="rotate")) == 2
    ((name, text),) = Folder(tmp_path / "records").texts().items()
    assert isinstance(from_text(text, name=name), Closed)
    assert not [secret for secret in stored.values() if secret in f"{text}{said}"]


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_answer_to_a_change(emulator: Emulator, client: CopassClient, tmp_path: Path, lost: str) -> None:
    """The retry finds what was changed, and finishes the rest; then there is nothing left to send."""
    register(client, tmp_path)
    when, action = LOST[lost]
    emulator.add_fault(operation="update", when=when, action=action)
    declared = read_declared(new_name="new", adapter_config={"a": 1})

    def change(attempt: int) -> None:
        Changing(
            Change("sb", Named(None, "slack", "n"), declared),
            sources=Api(client),
            records=Folder(tmp_path / "records"),
            report=Log(),
            clock=Clock(),
            owner=Owner("update/run/task/-1", attempt),
            mark=secrets.token_hex(16),
            timing=QUICK,
        ).run()

    for attempt in (1, 2):
        with suppress(CopassError):
            change(attempt)
    (source,) = emulator.sources()
    assert (source["name"], source["adapter_config"]) == ("new", {"a": 1})
    assert len(emulator.requests(operation="update")) == (2 if when == "before" else 1)
    ((name, text),) = Folder(tmp_path / "records").texts().items()
    record = from_text(text, name=name)
    assert isinstance(record, Closed)
    assert record.key == f"copass_webhook_secret_{source['data_source_id']}"
    change(3)
    assert len(emulator.requests(operation="update")) == (2 if when == "before" else 1)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_rotation_is_said_to_be_one(
    emulator: Emulator, client: CopassClient, tmp_path: Path, status: int
) -> None:
    """One public client dropped the call: the message says what can be done instead."""
    emulator.seed([{"provider": "slack", "name": "n", "ingestion_mode": "realtime"}])
    emulator.add_fault(operation="rotate", action={"status": status})
    with pytest.raises(CopassError, match="offers no rotation") as failed:
        register(client, tmp_path, on_missing_secret="rotate")
    assert "put its secret into the store by hand" in str(failed.value)


def test_a_time_out_whose_effect_comes_late(emulator: Emulator, tmp_path: Path) -> None:
    """Within the time in which a POST takes effect or never does, the same try waits for it."""
    emulator.add_fault(operation="register", action={"delay": 0.8})
    with client_for(emulator.url, emulator.token, timeout=0.3) as client:
        assert_good(emulator, tmp_path, register(client, tmp_path))
    assert len(emulator.requests(operation="register")) == 1


def test_a_409_is_looked_into_before_it_is_believed(emulator: Emulator, client: CopassClient, tmp_path: Path) -> None:
    """A server that refuses a name which it has just taken itself has made our source."""
    emulator.add_fault(operation="register", when="after", action={"status": 409})
    assert_good(emulator, tmp_path, register(client, tmp_path))
    assert len(emulator.requests(operation="register")) == 1


def test_a_refused_post_leaves_nothing_open(emulator: Emulator, client: CopassClient, tmp_path: Path) -> None:
    """What is known not to have been carried out needs nobody to wait for it."""
    emulator.add_fault(operation="register", action={"status": 422})
    with pytest.raises(CopassError, match="422"):
        register(client, tmp_path)
    assert Folder(tmp_path / "records").texts() == {}
