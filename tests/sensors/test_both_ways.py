"""One table of cases: a sensor that pokes and a deferred one end the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.sensors import IngestJobSensor, SourceStatusSensor, SourceSyncedSensor
from airflow_provider_copass.waiting import watch
from tests.sensors.paths import PATHS, Outcome, wait

BEFORE, SINCE, AFTER = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"
FAST = {"task_id": "wait", "poke_interval": 0.1, "timeout": 20}


def seeded(emulator: Emulator, **fields: Any) -> str:
    """Let a source exist."""
    [source_id] = emulator.seed([{"provider": "slack", "name": "Support", **fields}])
    return source_id


def synced(**given: Any) -> SourceSyncedSensor:
    """Return the sensor that most cases are about."""
    return SourceSyncedSensor(**{**FAST, "newer_than": SINCE, **given})


def seen(emulator: Emulator, count: int = 2) -> None:
    """Wait until the sensor has looked so many times."""
    deadline = time.monotonic() + 30
    while sum(each["operation"] in {"get", "list", "get_job"} for each in emulator.requests()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def after_a_look(emulator: Emulator, act: Callable[[], object], count: int = 2) -> Callable[[], None]:
    """Return what does something once the sensor waits."""

    def then() -> None:
        seen(emulator, count)
        act()

    return then


@pytest.mark.parametrize("path", PATHS)
class TestEachOutcome:
    """The outcome of each case is written once, and holds on both paths."""

    def test_done_already(self, emulator: Emulator, path: str) -> None:
        """One look is enough."""
        source_id = seeded(emulator, last_sync_at=AFTER)
        assert wait(synced(data_source_id=source_id), path) == Outcome(value=AFTER)
        assert [request["operation"] for request in emulator.requests()] == ["get"]

    def test_done_later(self, emulator: Emulator, path: str) -> None:
        """A sync that comes while it waits is returned."""
        source_id = seeded(emulator, last_sync_at=BEFORE)
        sync = after_a_look(emulator, lambda: emulator.set_source(source_id, last_sync_at=AFTER))
        assert wait(synced(data_source_id=source_id), path, meanwhile=sync) == Outcome(value=AFTER)

    def test_by_name(self, emulator: Emulator, path: str) -> None:
        """A provider and a name become an id at the first look; a rename later changes nothing."""
        source_id = seeded(emulator, last_sync_at=BEFORE)

        def rename_and_sync() -> None:
            emulator.set_source(source_id, name="Renamed", last_sync_at=AFTER)

        sensor = synced(provider="slack", name="Support")
        assert wait(sensor, path, meanwhile=after_a_look(emulator, rename_and_sync)) == Outcome(value=AFTER)
        assert sum(request["operation"] == "list" for request in emulator.requests()) == 1

    @pytest.mark.parametrize(("soft_fail", "error"), [(False, "AirflowSensorTimeout"), (True, "AirflowSkipException")])
    def test_never(self, emulator: Emulator, path: str, error: str, *, soft_fail: bool) -> None:
        """A timeout is Airflow's own, which it does not retry; soft_fail skips, as for any sensor."""
        source_id = seeded(emulator)
        assert wait(synced(data_source_id=source_id, soft_fail=soft_fail, timeout=0.5), path).error == error

    def test_a_sync_right_at_the_end_counts(
        self, emulator: Emulator, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is a last look before the sensor gives up, on both paths."""
        # No round of the watch comes before.
        monkeypatch.setattr(watch, "_GATHERING", 60)
        source_id = seeded(emulator)
        sync = after_a_look(emulator, lambda: emulator.set_source(source_id, last_sync_at=AFTER), count=1)
        sensor = synced(data_source_id=source_id, timeout=1.0, poke_interval=2.0)
        assert wait(sensor, path, meanwhile=sync) == Outcome(value=AFTER)

    def test_an_answer_about_another_source(self, emulator: Emulator, path: str) -> None:
        """It is not used, and the look is made again."""
        source_id = seeded(emulator, last_sync_at=AFTER)
        other = {"data_source_id": "ds-other", "last_sync_at": BEFORE, "status": "archived"}
        emulator.add_fault(operation="get", action={"status": 200, "body": other}, times=3)
        assert wait(synced(data_source_id=source_id), path) == Outcome(value=AFTER)
        assert len(emulator.requests()) == 4

    def test_a_wait_for_ever(self, emulator: Emulator, path: str) -> None:
        """A timeout that no calendar holds is one."""
        source_id = seeded(emulator)
        sync = after_a_look(emulator, lambda: emulator.set_source(source_id, last_sync_at=AFTER))
        assert wait(synced(data_source_id=source_id, timeout=1e12), path, meanwhile=sync) == Outcome(value=AFTER)

    def test_gone_before(self, emulator: Emulator, path: str) -> None:
        """What does not exist will not sync."""
        outcome = wait(synced(data_source_id="no-such-source"), path)
        assert outcome.error == "AirflowFailException"
        assert "Source no-such-source does not exist" in outcome.message

    def test_gone_meanwhile(self, emulator: Emulator, path: str) -> None:
        """Somebody deletes it."""
        source_id = seeded(emulator)
        delete = after_a_look(emulator, lambda: emulator.set_source(source_id, deleted=True))
        outcome = wait(synced(data_source_id=source_id), path, meanwhile=delete)
        assert outcome.error == "AirflowFailException"
        assert "does not exist (any more)" in outcome.message

    def test_no_such_name(self, emulator: Emulator, path: str) -> None:
        """Nothing is waited for that is not there when the task begins, also with soft_fail."""
        outcome = wait(synced(provider="slack", name="Support", soft_fail=True), path)
        assert outcome.error == "AirflowFailException"
        assert "There is no live slack source 'Support'" in outcome.message

    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("given", [{}, {"soft_fail": True}, {"never_fail": True}])
    def test_refused(self, emulator: Emulator, path: str, status: int, given: dict[str, Any]) -> None:
        """A refused token fails the task at once, and never skips it."""
        source_id = seeded(emulator)
        refuse = {"operation": "get", "action": {"status": status, "body": {}}, "times": None}
        emulator.add_fault(**refuse, skip=1)
        outcome = wait(synced(data_source_id=source_id, **given), path)
        assert outcome.error == "AirflowFailException"
        assert f"the server answered {status}" in outcome.message

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_an_outage(self, emulator: Emulator, path: str, status: int) -> None:
        """Looks are made again."""
        source_id = seeded(emulator, last_sync_at=AFTER)
        emulator.add_fault(operation="get", action={"status": status, "body": {}}, times=3)
        assert wait(synced(data_source_id=source_id), path) == Outcome(value=AFTER)

    def test_an_outage_before_the_id_is_known(self, emulator: Emulator, path: str) -> None:
        """The name is looked up again."""
        seeded(emulator, last_sync_at=AFTER)
        emulator.add_fault(operation="list", action={"status": 503, "body": {}}, times=2)
        assert wait(synced(provider="slack", name="Support"), path) == Outcome(value=AFTER)

    def test_an_outage_to_the_end(self, emulator: Emulator, path: str) -> None:
        """It is a timeout."""
        seeded(emulator)
        emulator.add_fault(operation="list", action={"status": 503, "body": {}}, times=None)
        outcome = wait(synced(provider="slack", name="Support", timeout=0.5), path)
        assert outcome.error == "AirflowSensorTimeout"

    @pytest.mark.parametrize("status", ["disconnected", "archived"])
    def test_soft_fail_skips_a_wait_that_failed(self, emulator: Emulator, path: str, status: str) -> None:
        """What cannot happen any more is what soft_fail is for."""
        source_id = seeded(emulator)
        end = after_a_look(emulator, lambda: emulator.set_source(source_id, status=status))
        outcome = wait(synced(data_source_id=source_id, soft_fail=True), path, meanwhile=end)
        assert outcome.error == "AirflowSkipException"
        assert "archived or disconnected" in outcome.message

    def test_a_status(self, emulator: Emulator, path: str) -> None:
        """The id is returned."""
        source_id = seeded(emulator, status="warming up")
        warm = after_a_look(emulator, lambda: emulator.set_source(source_id, status="active"))
        sensor = SourceStatusSensor(**FAST, data_source_id=source_id)
        assert wait(sensor, path, meanwhile=warm) == Outcome(value=source_id)

    def test_a_status_to_fail_on(self, emulator: Emulator, path: str) -> None:
        """The task's own word is named."""
        source_id = seeded(emulator, status="paused")
        fail = after_a_look(emulator, lambda: emulator.set_source(source_id, status="error"))
        outcome = wait(SourceStatusSensor(**FAST, data_source_id=source_id), path, meanwhile=fail)
        assert outcome.error == "AirflowFailException"
        assert "has status 'error', which is in fail_on" in outcome.message

    @pytest.mark.parametrize("last", ["completed", "failed", "cancelled"])
    def test_a_job(self, emulator: Emulator, path: str, last: str) -> None:
        """Completed, it is returned; ended in another way, it fails the task."""
        emulator.settings(job_states=["queued", "processing", "something else", last])
        with CopassHook() as hook:
            job = hook.ingest_text(text="a text")
        outcome = wait(IngestJobSensor(**FAST, job_id=job.job_id), path)
        if last == "completed":
            assert outcome == Outcome(value=job.job_id)
        else:
            assert outcome.error == "AirflowFailException"
            assert f"Job {job.job_id} is {last}" in outcome.message

    def test_an_unknown_job(self, emulator: Emulator, path: str) -> None:
        """The message says that pull jobs may not be listed there."""
        outcome = wait(IngestJobSensor(**FAST, job_id="no-such-job"), path)
        assert outcome.error == "AirflowFailException"
        assert "No page of Copass says that the job of a pull can be looked at" in outcome.message

    def test_the_age_of_a_sync(self, emulator: Emulator, path: str) -> None:
        """By the server's clock, which is two hours ahead here."""
        emulator.settings(clock_offset_seconds=7200)
        source_id = seeded(emulator)

        def ingest() -> None:
            seen(emulator)
            with CopassHook() as hook:
                hook.ingest_text(text="a text", data_source_id=source_id)

        sensor = SourceSyncedSensor(**FAST, data_source_id=source_id, max_age=60)
        outcome = wait(sensor, path, meanwhile=ingest)
        assert outcome.value == emulator.sources()[0]["last_sync_at"].replace("Z", "+00:00")
