"""What is given to a sensor: refused before any request, naming the field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, TaskDeferred
from lazy_object_proxy import Proxy

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.sensors import IngestJobSensor, SourceStatusSensor, SourceSyncedSensor
from tests.operators.in_memory import TaskInstance
from tests.operators.odd_values import BlankCell
from tests.sensors.paths import BY_ID, GOOD, PATHS, wait

DEFERRABLE = [
    (None, "False", False),
    (None, "True", True),
    (False, "True", False),
    ("false", "True", False),
    ("False", "True", False),
    (" TRUE\n", "False", True),
    (Proxy(lambda: False), "True", False),
]

REFUSED: list[tuple[type[Any], dict[str, Any], str]] = [
    (SourceSyncedSensor, BY_ID, "give either newer_than or max_age"),
    (
        SourceSyncedSensor,
        {**BY_ID, "newer_than": "2026-01-01T00:00:00Z", "max_age": 60},
        "give either newer_than or max_age",
    ),
    (SourceSyncedSensor, {**BY_ID, "newer_than": "2026-01-01"}, "newer_than must be a date and time with its offset"),
    (SourceSyncedSensor, {**BY_ID, "newer_than": datetime(2026, 1, 1)}, "newer_than must be a date and time"),  # noqa: DTZ001
    (SourceSyncedSensor, {**BY_ID, "newer_than": "None"}, "newer_than rendered to None"),
    (SourceSyncedSensor, {**BY_ID, "max_age": "soon"}, "max_age must be seconds above 0"),
    (SourceSyncedSensor, {**BY_ID, "max_age": float("nan")}, "max_age must be seconds above 0"),
    (SourceSyncedSensor, {**BY_ID, "max_age": 0}, "max_age must be seconds above 0"),
    (SourceSyncedSensor, {**BY_ID, "max_age": True}, "max_age must be seconds above 0"),
    (SourceSyncedSensor, {"data_source_id": "None", "max_age": 60}, "data_source_id rendered to None"),
    (SourceSyncedSensor, {"provider": "slack", "max_age": 60}, "name"),
    (SourceSyncedSensor, {"max_age": 60}, "data_source_id"),
    (SourceSyncedSensor, {**BY_ID, "sandbox_id": "None", "max_age": 60}, "sandbox_id rendered to None"),
    (SourceSyncedSensor, {**BY_ID, "copass_conn_id": "", "max_age": 60}, "copass_conn_id rendered to an empty text"),
    (SourceStatusSensor, {**BY_ID, "status": ""}, "status rendered to an empty text"),
    (SourceStatusSensor, {**BY_ID, "status": 1}, "status must be a string"),
    (SourceStatusSensor, {**BY_ID, "fail_on": [1]}, "fail_on must be a list of statuses"),
    (SourceStatusSensor, {**BY_ID, "fail_on": "['error', 'paused']"}, "fail_on is a list that is not JSON"),
    (IngestJobSensor, {"job_id": "None"}, "job_id rendered to None"),
    (IngestJobSensor, {"job_id": "../x"}, "job_id holds"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("kind", "given", "said"), REFUSED)
def test_a_field_that_cannot_be_used_is_refused(
    emulator: Emulator, kind: type[Any], given: dict[str, Any], said: str, path: str
) -> None:
    """The task fails at once, also with soft_fail, and nothing is sent."""
    outcome = wait(kind(task_id="wait", soft_fail=True, **given), path)
    assert outcome.error == "AirflowFailException"
    assert said in outcome.message
    assert emulator.requests() == []


@pytest.mark.parametrize("max_age", [3600, 3600.0, "3600", timedelta(hours=1)])
def test_a_length_of_time_may_be_given_in_each_form(emulator: Emulator, max_age: Any) -> None:
    """A template gives a text."""
    [source_id] = emulator.seed([{"provider": "p", "name": "n", "last_sync_at": datetime.now(UTC).isoformat()}])
    assert wait(SourceSyncedSensor(task_id="wait", data_source_id=source_id, max_age=max_age), "poke").error == ""


@pytest.mark.parametrize(
    ("status", "fail_on", "said"),
    [
        *(
            ("paused", fail_on, "'paused', which is in fail_on")
            for fail_on in (["paused", "error"], '["paused", "error"]', "paused", ("None", "paused"))
        ),
        # What rendered to nothing is not given: the wait fails as by default.
        *(
            ("error", fail_on, "'error', which is in fail_on")
            for fail_on in (None, "None", "", " ", Proxy(lambda: None))
        ),
        *(("error", fail_on, "AirflowSensorTimeout") for fail_on in ([], (), "[]")),
    ],
    ids=range(12),
)
def test_statuses_may_be_given_in_each_form(emulator: Emulator, status: str, fail_on: Any, said: str) -> None:
    """A list, a JSON list as text, or one; with an empty list no status fails the wait."""
    [source_id] = emulator.seed([{"provider": "p", "name": "n", "status": status}])
    sensor = SourceStatusSensor(
        task_id="wait", data_source_id=source_id, fail_on=fail_on, timeout=0.2, poke_interval=0.1
    )
    outcome = wait(sensor, "poke")
    assert said in f"{outcome.error}: {outcome.message}"


@pytest.mark.parametrize(("given", "default", "is_deferred"), DEFERRABLE)
def test_a_sensor_is_deferred_if_the_task_or_else_airflow_says_so(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, given: Any, default: str, *, is_deferred: bool
) -> None:
    """Of a template that is not rendered natively the task has a text; a text is not true because it is not empty."""
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", default)
    [source_id] = emulator.seed([{"provider": "p", "name": "n"}])
    sensor = SourceStatusSensor(
        task_id="wait", data_source_id=source_id, status="x", timeout=0.1, poke_interval=0.1, deferrable=given
    )
    with pytest.raises(TaskDeferred if is_deferred else AirflowSensorTimeout):
        sensor.execute({"ti": TaskInstance()})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("given", ["", "None", "yes", "0", 0, 1, float("nan"), ["true"], BlankCell()], ids=range(9))
@pytest.mark.parametrize("kind", GOOD)
def test_deferrable_takes_true_and_false_and_nothing_else(emulator: Emulator, kind: type[Any], given: Any) -> None:
    """Every sensor has it among its templates, and refuses what is neither before any request."""
    assert "deferrable" in kind.template_fields
    with pytest.raises(AirflowFailException, match="deferrable must be True or False"):
        kind(task_id="wait", deferrable=given, **GOOD[kind]).execute({"ti": TaskInstance()})
    assert emulator.requests() == []


@pytest.mark.parametrize("given", ["canary ", "canary\u200b"], ids=ascii)
@pytest.mark.parametrize("field", ["provider", "name", "status", "fail_on"])
def test_outer_white_space_is_warned_of(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], field: str, given: str
) -> None:
    """A status that no source has would be waited for in silence."""
    emulator.seed([{"provider": "slack", "name": "chat", "status": "active"}])
    fields = {"provider": "slack", "name": "chat", "status": "paused", field: given}
    with caplog.at_level("WARNING"):
        wait(SourceStatusSensor(task_id="wait", timeout=0.2, poke_interval=0.1, **fields), "poke")
    told = f"{caplog.text}{capfd.readouterr()}"
    assert f"{field} begins or ends" in told or f"{field} (number 1) begins or ends" in told


@pytest.mark.parametrize("kind", GOOD)
def test_a_trigger_gets_the_connection_as_plain_text(emulator: Emulator, kind: type[Any]) -> None:
    """It goes through Airflow's database, which takes no proxy of a template rendered natively."""
    source_id = emulator.seed([{"provider": "p", "name": "n"}])[0]
    fields = {name: source_id if name == "data_source_id" else value for name, value in GOOD[kind].items()}
    if kind is IngestJobSensor:
        with CopassHook() as hook:
            fields["job_id"] = hook.ingest_text(text="a text").job_id
    elif kind is SourceStatusSensor:
        fields["status"] = "paused"
    conn_id: Any = Proxy(lambda: "copass_default")
    with pytest.raises(TaskDeferred) as deferred:
        kind(task_id="wait", deferrable=True, copass_conn_id=conn_id, **fields).execute({"ti": TaskInstance()})
    assert type(deferred.value.trigger.serialize()[1]["copass_conn_id"]) is str
