"""What an error tracker sees of a sensor or a trigger that fails: neither token, nor a value of ``adapter_config``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_copass.airflow_compat import watches_assets
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.sensors import IngestJobSensor, SourceStatusSensor, SourceSyncedSensor
from airflow_provider_copass.triggers import SourceSyncedTrigger, WaitTrigger, source_synced
from tests.harness.trackers import InterruptedAt, Recorded, frames_of, record, recorded
from tests.hooks.connections import ENVIRONMENT, as_json, unusable
from tests.operators.in_memory import TaskInstance

SETTING = "adapter_value_canary"
PASSWORD = "proxy_password_canary"
TOKEN = "olk_token_canary"
CANARIES = (SETTING, PASSWORD, TOKEN)
FAST = {"task_id": "wait", "timeout": 0.2, "poke_interval": 0.1}
SENSORS: dict[str, Callable[..., Any]] = {
    "synced": lambda **given: SourceSyncedSensor(provider="slack", name="n", max_age=60, **FAST, **given),
    "status": lambda **given: SourceStatusSensor(data_source_id="ds_1", status="x", **FAST, **given),
    "job": lambda **given: IngestJobSensor(job_id="job_1", **FAST, **given),
}
ACTIONS: list[Any] = [
    *({"status": status, "body": {"setting": SETTING}} for status in (401, 404, 422, 503)),
    "drop",
    {"html": 200},
]


@pytest.fixture(autouse=True)
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account with one source."""
    emulator.seed(
        [{"data_source_id": "ds_1", "provider": "slack", "name": "n", "adapter_config": {"auth": {"access": SETTING}}}]
    )
    monkeypatch.setattr(source_synced, "_AFTER_FAILURE", 0.02)


def execute(sensor: Any) -> None:
    """Execute a sensor as Airflow does: its frame holds the sensor and the context."""
    context: Any = {"ti": TaskInstance(), "task": sensor}
    sensor.execute(context=context)


def check(seen: Recorded, emulator: Emulator) -> None:
    """Nothing that must not be seen is seen, and the traceback is the sensor's door alone."""
    seen.check(*CANARIES, emulator.token)
    own = [frame for frame in frames_of(seen.error) if "airflow_provider_copass" in frame.f_code.co_filename]
    assert [frame.f_code.co_name for frame in own] == ["execute"]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("action", ACTIONS, ids=str)
@pytest.mark.parametrize("name", SENSORS)
def test_a_look_that_fails(emulator: Emulator, name: str, action: Any, *, deferrable: bool) -> None:
    """Whether the server refuses it, fails, breaks off or answers with something else."""
    emulator.add_fault(operation="*", action=action, times=None)
    check(recorded(lambda: execute(SENSORS[name](deferrable=deferrable))), emulator)


CONNECTIONS = {**unusable(password=PASSWORD), "no sandbox": {"extra": {}}}


@pytest.mark.parametrize("case", CONNECTIONS)
@pytest.mark.parametrize("name", SENSORS)
def test_a_connection_that_cannot_work(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str, case: str
) -> None:
    """The token was read by then."""
    usual = {"host": emulator.url, "password": TOKEN, "extra": {"sandbox_id": "sb"}}
    monkeypatch.setenv(ENVIRONMENT, as_json(**{**usual, **CONNECTIONS[case]}))
    check(recorded(lambda: execute(SENSORS[name]())), emulator)


@pytest.mark.parametrize("name", SENSORS)
def test_an_unexpected_error(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It keeps its type."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(httpx.Client, "send", fail)
    seen = recorded(lambda: execute(SENSORS[name]()))
    assert type(seen.error) is RuntimeError
    check(seen, emulator)


# A socket that is opened at that very line is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", SENSORS)
def test_a_task_s_timeout_at_any_line(emulator: Emulator, name: str) -> None:
    """Airflow's timeout is raised by a signal, so at any line; it stays what it is, and shows nothing."""
    points = 12
    with InterruptedAt(0, AirflowTaskTimeout()) as counted:
        record(lambda: execute(SENSORS[name](deferrable=True)))
    reached = 0
    for number in range(1, points + 1):
        sensor = SENSORS[name](deferrable=True)

        def interrupted(at: int = number * counted.lines // (points + 1), sensor: Any = sensor) -> None:
            with InterruptedAt(at, AirflowTaskTimeout("timed out")):
                execute(sensor)

        seen = record(interrupted)
        if seen is not None and type(seen.error) is AirflowTaskTimeout:
            reached += 1
            check(seen, emulator)
    assert reached > points // 2


class Over(Exception):  # noqa: N818 - no error
    """The trigger was looked at for long enough."""


def run(trigger: Any) -> None:
    """Run a trigger for a while."""

    async def first() -> None:
        events = trigger.run()
        try:
            await asyncio.wait_for(anext(events), 1)
        except TimeoutError:
            pass
        finally:
            await events.aclose()

    asyncio.run(first())
    raise Over


def wait_trigger() -> WaitTrigger:
    """Return the trigger behind the sensors."""
    return WaitTrigger(
        targets=[{"data_source_id": "ds_1"}],
        condition={"kind": "HasStatus", "status": "x", "fail_on": []},
        sandbox_id="sb_demo",
        copass_conn_id="copass_default",
        poll_interval=0.05,
        deadline=(datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
    )


TRIGGERS: dict[str, Callable[[], Any]] = {"wait": wait_trigger}
if watches_assets():
    TRIGGERS["synced"] = lambda: SourceSyncedTrigger(provider="slack", name="n", poll_interval=1)


@pytest.mark.parametrize("action", ACTIONS, ids=str)
@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_whose_looks_fail(emulator: Emulator, name: str, action: Any) -> None:
    """Neither in what it raises nor in what it logs, with the frames that log it."""
    emulator.add_fault(operation="*", action=action, times=None)
    recorded(lambda: run(TRIGGERS[name]())).check(*CANARIES, emulator.token)


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_that_fails_unexpectedly(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its traceback begins at its own door."""

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(httpx.AsyncClient, "send", fail)
    seen = recorded(lambda: run(TRIGGERS[name]()))
    assert type(seen.error) is RuntimeError
    seen.check(*CANARIES, emulator.token)
