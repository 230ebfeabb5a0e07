"""The trigger behind the deferred tasks: its arguments, and the connection that it reads."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowNotFoundException
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import copass
from airflow_provider_copass.triggers import WaitTrigger, _watches, wait
from airflow_provider_copass.waiting import watch
from tests.harness.short_waits import shorten
from tests.hooks.connections import ENVIRONMENT, of
from tests.sensors.paths import first_event

CONDITION = {"kind": "SyncedSince", "newer_than": "2026-01-01T00:00:00+00:00"}


def trigger(*ids: str, seconds: float = 30, **given: Any) -> WaitTrigger:
    """Return a trigger."""
    fields: dict[str, Any] = {
        "targets": [{"data_source_id": each} for each in ids],
        "condition": CONDITION,
        "sandbox_id": "sb_demo",
        "copass_conn_id": "copass_default",
        "poll_interval": 0.05,
        "deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
    }
    return WaitTrigger(**{**fields, **given})


@pytest.fixture(autouse=True)
def _connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1))
    shorten(monkeypatch)


def test_several_targets_are_waited_for_together(emulator: Emulator) -> None:
    """The values come in the order of the targets."""
    moments = ["2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"]
    ids = emulator.seed([{"provider": "p", "name": moment, "last_sync_at": moment} for moment in moments])
    assert asyncio.run(first_event(trigger(*reversed(ids)))) == {"values": moments[::-1]}


def test_the_first_wait_that_fails_ends_all(emulator: Emulator) -> None:
    """The event says what failed, and that a retry cannot help."""
    [source_id] = emulator.seed([{"provider": "p", "name": "n"}])
    event = asyncio.run(first_event(trigger(source_id, "no-such-source")))
    assert event["failure"]["kind"] == "WaitFailedError"
    assert event["failure"]["is_final"] is True
    assert "no-such-source does not exist" in event["failure"]["message"]


def test_no_event_comes_right_after_the_task_has_deferred(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow takes a task for killed that resumes before the scheduler has heard that it deferred (#72716)."""
    monkeypatch.setattr(wait, "_SHORTEST", 0.8)
    [source_id] = emulator.seed([{"provider": "p", "name": "n", "last_sync_at": "2026-02-01T00:00:00+00:00"}])
    begun = time.monotonic()
    assert asyncio.run(first_event(trigger(source_id))) == {"values": ["2026-02-01T00:00:00+00:00"]}
    assert time.monotonic() - begun >= 0.8


def test_a_connection_is_looked_up_once_for_all_that_wait(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up costs Airflow a query, or its supervisor a message."""
    looked_up: list[str] = []
    get = BaseHook.get_connection.__func__  # type: ignore[attr-defined]

    def counted(cls: type[BaseHook], conn_id: str) -> Any:
        looked_up.append(conn_id)
        return get(cls, conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", classmethod(counted))
    if hasattr(BaseHook, "aget_connection"):
        aget = BaseHook.aget_connection.__func__  # type: ignore[attr-defined]

        async def acounted(cls: type[BaseHook], conn_id: str) -> Any:
            looked_up.append(conn_id)
            return await aget(cls, conn_id)

        monkeypatch.setattr(BaseHook, "aget_connection", classmethod(acounted))
    moment = "2026-02-01T00:00:00+00:00"
    ids = emulator.seed([{"provider": "p", "name": str(index), "last_sync_at": moment} for index in range(20)])

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(first_event(trigger(each)) for each in ids))

    assert asyncio.run(all_of_them()) == [{"values": [moment]}] * 20
    assert looked_up == ["copass_default"]


def test_what_reading_the_connection_raises_is_not_shown(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text may hold anything; after some rounds the wait fails, and Airflow may retry it."""
    monkeypatch.delenv(ENVIRONMENT)
    monkeypatch.setattr(watch, "_MOST_UNREAD", 2)

    def fail(*_: object, **__: object) -> None:
        raise AirflowNotFoundException("canary")

    monkeypatch.setattr(BaseHook, "get_connection", fail)
    monkeypatch.setattr(BaseHook, "aget_connection", fail, raising=False)
    event = asyncio.run(first_event(trigger("ds-1")))
    assert event["failure"]["kind"] == "ConnectionReadError"
    assert event["failure"]["is_final"] is False
    assert "canary" not in str(event)
    assert "AirflowNotFoundException" in event["failure"]["message"]
    assert emulator.requests() == []


def test_a_connection_that_is_read_for_ever_keeps_no_other_one_waiting(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a secrets backend that hangs: connections are read one at a time."""
    [source_id] = emulator.seed([{"provider": "p", "name": "n", "last_sync_at": "2026-02-01T00:00:00+00:00"}])
    read = copass.get_async_connection
    monkeypatch.setattr(_watches, "_LONGEST_READ", 0.2)

    async def hanging(conn_id: str, *given: Any) -> Any:
        if conn_id == "hangs":
            await asyncio.Event().wait()
        return await read(conn_id, *given)

    monkeypatch.setattr(copass, "get_async_connection", hanging)

    async def both() -> list[Any]:
        first = asyncio.ensure_future(first_event(trigger(source_id, copass_conn_id="hangs")))
        await asyncio.sleep(0.1)
        return [await first_event(trigger(source_id, seconds=10)), await first]

    good, bad = asyncio.run(both())
    assert good == {"values": ["2026-02-01T00:00:00+00:00"]}
    assert "cannot be read (TimeoutError)" in bad["failure"]["message"]


def test_a_deadline_that_is_over_ends_the_wait_at_once_and_the_log_names_some_targets(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a triggerer that was down for long. An operator may wait for thousands of jobs."""
    with caplog.at_level("INFO"):
        event = asyncio.run(first_event(trigger(*(f"ds-{number}" for number in range(1000)), seconds=-1)))
    assert event == {"timed_out": True}
    assert emulator.requests() == []
    # Airflow 3 prints, and 2 logs.
    told = caplog.text + capsys.readouterr().out
    assert "source ds-19 and 980 more; 0 s are left" in told
    assert "ds-20" not in told
