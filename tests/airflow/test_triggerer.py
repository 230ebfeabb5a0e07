"""A real triggerer: deferred sensors share one poll and survive what happens to it; assets fire after a sync."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.leak_search import search
from tests.harness.ports import free_port
from tests.harness.processes import CHECKOUT, wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

EXAMPLE = CHECKOUT / "example_dags" / "example_react_to_sync.py"
FILE = CHECKOUT / "tests" / "airflow" / "dags" / "waits.py"
SYNCED = "2026-02-01T00:00:00+00:00"
INTERVAL = 2.0


@dataclass
class Stage:
    """A real Airflow with a triggerer, and the emulated account behind its connection."""

    airflow: Any
    home: AirflowHome
    emulator: Emulator
    tokens: list[str] = field(default_factory=list)

    def seed(self, count: int) -> list[str]:
        """Let some sources exist that have never synced."""
        return self.emulator.seed([{"provider": "custom", "name": f"{time.time()} {index}"} for index in range(count)])

    def wait_for_all(self, ids: list[str]) -> str:
        """Start a run whose tasks wait for these sources, and return it once all of them are deferred."""
        run_id: str = self.airflow.trigger("waits", {"ids": ids})
        self.until(
            lambda: self.states(run_id).count("deferred") == len(ids), f"{len(ids)} deferred tasks", 60 + 6 * len(ids)
        )
        return run_id

    def states(self, run_id: str) -> list[str]:
        """Return the state of each task that waits."""
        return [task.state for task in self.airflow.tasks("waits", run_id) if task.task_id == "wait"]

    def ended(self, run_id: str, seconds: float = 300) -> list[str]:
        """Return the states of the tasks that wait, once all of them have ended."""
        final = {"success", "failed", "skipped", "upstream_failed", "removed"}
        self.until(lambda: set(self.states(run_id)) <= final, "the end of all waits", seconds)
        return self.states(run_id)

    def logs(self, run_id: str) -> dict[int, str]:
        """Return the log of each task that waits, by its map index."""
        tasks = [task for task in self.airflow.tasks("waits", run_id) if task.task_id == "wait"]
        return {task.map_index: self.airflow.task_log("waits", run_id, task) for task in tasks}

    def sync(self, ids: list[str], when: str = SYNCED) -> None:
        """Let sources have synced."""
        for source_id in ids:
            self.emulator.set_source(source_id, last_sync_at=when)

    def looks(self, sandbox_id: str = "sb_demo") -> list[str]:
        """Return the operation of each request that looks into a sandbox."""
        return [
            each["operation"]
            for each in self.emulator.requests()
            if each["operation"] in {"list", "get"} and each["path_params"]["sandbox_id"] == sandbox_id
        ]

    def look_more(self, sandbox_id: str, count: int = 8) -> None:
        """Wait for so many looks more."""
        before = len(self.looks(sandbox_id))
        self.until(lambda: len(self.looks(sandbox_id)) >= before + count, f"{count} looks into {sandbox_id}", 600)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        """Wait for something."""
        return wait_for(condition, what, seconds=seconds, interval=0.3, alive=self.airflow.processes)

    def quiet(self) -> None:
        """Wait until nobody looks any more: as long as two rounds without a request."""

        def nobody() -> bool:
            before = len(self.looks())
            time.sleep(2.5 * INTERVAL)
            return len(self.looks()) == before

        self.until(nobody, "the end of every poll")


@pytest.fixture(name="stage", scope="module")
def _stage(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    with Emulator(port=port, any_sandbox=True) as emulator:
        home = AirflowHome(tmp_path_factory.mktemp("triggerer") / "home")
        files = [FILE, EXAMPLE] if AIRFLOW_3 else [FILE]
        for file in files:
            shutil.copy(file, home.dags)
        home.copy_database(migrated)
        stored = json.loads(connection_to(emulator, max_attempts=1))
        home.airflow("connections", "add", "copass_default", "--conn-json", json.dumps(stored))
        with Airflow(home, triggerer=True) if AIRFLOW_3 else ServedAirflow2(home, triggerer=True) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([file.name for file in files])
            yield Stage(airflow, home, emulator, [emulator.token])


def test_deferred_sensors_share_one_list_a_round_and_end_with_what_each_saw(stage: Stage) -> None:
    """Eight of them; the log of each names its own source, and nothing blocks the triggerer."""
    ids = stage.seed(8)
    run_id = stage.wait_for_all(ids)
    begun, first = time.monotonic(), len(stage.looks())
    time.sleep(5 * INTERVAL)
    rounds, seen = (time.monotonic() - begun) / INTERVAL, stage.looks()[first:]
    assert 2 <= len(seen) <= rounds + 1
    assert set(seen) == {"list"}
    stage.sync(ids)
    assert stage.ended(run_id) == ["success"] * 8
    for index, log in stage.logs(run_id).items():
        assert f"Waiting for source {ids[index]}" in log
        assert not any(other in log for other in ids if other != ids[index])
    values = stage.home.xcoms("waits", run_id, "wait")
    assert [values[index]["return_value"] for index in range(8)] == [SYNCED] * 8
    stage.quiet()


def test_a_source_that_is_deleted_fails_its_own_task_alone(stage: Stage) -> None:
    """The others succeed, each in its first try."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    stage.emulator.set_source(ids[1], deleted=True)
    stage.until(lambda: stage.states(run_id).count("failed") == 1, "one failed task")
    assert stage.states(run_id).count("deferred") == 3
    stage.sync([ids[0], *ids[2:]])
    assert sorted(stage.ended(run_id)) == ["failed", "success", "success", "success"]
    assert "does not exist (any more)" in stage.logs(run_id)[1]


def test_an_outage_fails_no_task(stage: Stage) -> None:
    """503 for three rounds."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    fault = stage.emulator.add_fault(operation="list", action={"status": 503, "body": {}}, times=3)
    stage.until(lambda: stage.emulator.faults()[-1]["hits"] >= 3, f"fault {fault}")
    stage.emulator.clear_faults()
    assert stage.states(run_id) == ["deferred"] * 4
    stage.sync(ids)
    assert stage.ended(run_id) == ["success"] * 4


def test_a_token_that_was_renewed_in_the_connection_is_used(stage: Stage) -> None:
    """The old one is refused from one moment to the next."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    rows = [
        {key: row[key] for key in ("data_source_id", "provider", "name", "sandbox_id")}
        for row in stage.emulator.sources()
    ]
    port = int(stage.emulator.url.rpartition(":")[2])
    stage.emulator.stop()
    renewed = Emulator(port=port, any_sandbox=True)
    renewed.start()
    renewed.seed(rows)
    stored = stage.home.path / "renewed.json"
    stored.write_text(json.dumps({"copass_default": json.loads(connection_to(renewed, max_attempts=1))}))
    stage.home.airflow("connections", "import", "--overwrite", str(stored))
    stored.unlink()
    stage.emulator = renewed
    stage.tokens.append(renewed.token)
    try:
        stage.until(lambda: any(each["status"] == 200 for each in renewed.requests()), "a look with the new token")
        stage.sync(ids)
        assert stage.ended(run_id) == ["success"] * 4
    finally:
        stage.quiet()


def test_a_refused_token_fails_every_task_at_once(stage: Stage) -> None:
    """It was read once more before."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    stage.emulator.add_fault(operation="list", action={"status": 401, "body": {}}, times=None)
    try:
        assert stage.ended(run_id) == ["failed"] * 4
    finally:
        stage.emulator.clear_faults()
    assert all("the server answered 401" in log for log in stage.logs(run_id).values())


def test_a_killed_triggerer_loses_nothing(stage: Stage) -> None:
    """What synced while it was down is seen when another one is up."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    stage.airflow.kill("triggerer")
    stage.sync(ids)
    stage.airflow.start("triggerer")
    assert stage.ended(run_id, 600) == ["success"] * 4


def test_tasks_that_are_marked_failed_leave_no_poll_behind(stage: Stage) -> None:
    """The last of them ends the poll."""
    ids = stage.seed(2)
    run_id = stage.wait_for_all(ids)
    stage.look_more("sb_demo", 1)
    path = f"dags/waits/dagRuns/{run_id}"
    stage.airflow.request("PATCH", path, json={"state": "failed"})
    stage.until(lambda: "deferred" not in stage.states(run_id), "no deferred task")
    stage.quiet()


@pytest.mark.skipif(not AIRFLOW_3, reason="no trigger watches an asset before Airflow 3")
def test_each_sync_starts_a_run_of_each_asset_and_without_one_there_is_none(stage: Stage) -> None:
    """Both assets are on one source; the payload names it. A sync while the triggerer is down is noticed (3.3)."""
    from airflow_provider_copass.airflow_compat import airflow_version

    def runs(dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = stage.airflow.request("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
        return [run for run in found if run["state"] == "success"]

    def both(count: int) -> bool:
        return all(len(runs(f"reacts_{key}")) >= count for key in ("first", "second"))

    watched = {
        "provider": "slack",
        "name": "Watched",
        "sandbox_id": "sb_watched",
        "last_sync_at": "2026-01-01T00:00:00Z",
    }
    [source_id] = stage.emulator.seed([watched])
    stage.look_more("sb_watched")
    assert runs("reacts_first") == []
    stage.sync([source_id])
    stage.until(lambda: both(1), "a run of each")
    for key in ("first", "second"):
        [extra] = [event["payload"] for event in _payloads(stage, key)]
        assert extra == {"data_source_id": source_id, "sandbox_id": "sb_watched", "last_sync_at": SYNCED}
    stage.look_more("sb_watched")
    assert [len(runs(f"reacts_{key}")) for key in ("first", "second")] == [1, 1]
    stage.airflow.kill("triggerer")
    stage.sync([source_id], "2026-02-02T00:00:00+00:00")
    stage.airflow.start("triggerer")
    if airflow_version().startswith(("3.0", "3.1", "3.2")):
        stage.look_more("sb_watched")
        stage.sync([source_id], "2026-02-03T00:00:00+00:00")
    stage.until(lambda: both(2), "another run of each", 600)


@pytest.mark.skipif(not AIRFLOW_3, reason="no trigger watches an asset before Airflow 3")
def test_the_example_runs_when_its_source_has_synced(stage: Stage) -> None:
    """Its interval is a minute; another wait in the same sandbox lets its looks come sooner."""
    path = "dags/example_copass_react_to_sync/dagRuns"
    waits = stage.seed(1)
    run_id = stage.wait_for_all(waits)
    [source_id] = stage.emulator.seed([{"provider": "slack", "name": "Support channel"}])
    stage.look_more("sb_demo")
    stage.sync([source_id])
    stage.until(
        lambda: [run["state"] for run in stage.airflow.request("GET", path)["dag_runs"]] == ["success"], "a run"
    )
    [run] = stage.airflow.request("GET", path)["dag_runs"]
    [values] = stage.home.xcoms("example_copass_react_to_sync", run["dag_run_id"], "react").values()
    assert values["return_value"] == [SYNCED]
    stage.sync(waits)
    assert stage.ended(run_id) == ["success"]


def _payloads(stage: Stage, key: str) -> list[dict[str, Any]]:
    return [event for event in stage.home.asset_events(f"copass://sb_watched/{key}") if "payload" in event]


def test_no_token_is_in_anything_that_was_written(stage: Stage) -> None:
    """Trigger rows, next_kwargs, DAGs, state stores, XComs, logs and outputs."""
    found = search([stage.home.path], {f"token {index}": token for index, token in enumerate(stage.tokens)})
    assert found.leaks == []
    assert found.files > 10
