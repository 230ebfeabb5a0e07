"""What the tests of the sensors share: one task, waited for in each way that a sensor has."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_copass.sensors import IngestJobSensor, SourceStatusSensor, SourceSyncedSensor
from airflow_provider_copass.sensors._base import CopassSensor
from tests.operators.in_memory import TaskInstance

PATHS = ("poke", "deferred")
BY_ID = {"data_source_id": "ds-1"}
GOOD: dict[type[Any], dict[str, Any]] = {
    SourceSyncedSensor: {**BY_ID, "max_age": 60},
    SourceStatusSensor: BY_ID,
    IngestJobSensor: {"job_id": "job-1"},
}
"""Fields with which each sensor would look."""


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    :param value: what it returned.
    :param error: the class of what it raised, by name; empty if it returned.
    :param message: what that says.
    """

    value: object = None
    error: str = ""
    message: str = ""


def wait(sensor: CopassSensor, path: str, *, meanwhile: Callable[[], object] | None = None) -> Outcome:
    """Run a sensor to its end.

    :param sensor: a sensor of the given path: its ``deferrable`` is set here.
    :param path: ``poke`` or ``deferred``.
    :param meanwhile: done in a thread while the sensor waits.
    """
    sensor.deferrable = path == "deferred"
    thread = threading.Thread(target=meanwhile or (lambda: None))
    thread.start()
    failure: Exception | None = None
    value: object = None
    try:
        value = _run(sensor)
    except Exception as error:  # noqa: BLE001 - the outcome is what the tests compare
        failure = error
    finally:
        thread.join()
    if failure is None:
        return Outcome(value=value)
    # An error leaves with a fresh traceback.
    assert (failure.__cause__, failure.__context__) == (None, None)
    return Outcome(error=type(failure).__name__, message=str(failure))


def _run(sensor: CopassSensor) -> object:
    context: Any = {"ti": TaskInstance()}
    try:
        return sensor.execute(context)
    except TaskDeferred as deferred:
        method, kwargs, trigger = deferred.method_name, deferred.kwargs, deferred.trigger
    event = asyncio.run(first_event(trigger))
    # As Airflow does: all of it goes through its database.
    return sensor.resume_execution(method, json.loads(json.dumps({**(kwargs or {}), "event": event})), context)


async def first_event(trigger: Any) -> Any:
    """Return the first event of a trigger that went through Airflow's database."""
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(kwargs)))
    events = again.run()
    try:
        return (await anext(events)).payload
    finally:
        await events.aclose()
