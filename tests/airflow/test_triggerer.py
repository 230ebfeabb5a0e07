"""A real triggerer: deferred sensors share one poll and survive what happens to it; assets fire after a sync."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.airflow.triggerer_stage import INTERVAL, SYNCED, Stage, staged
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.leak_search import search
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "waits.py"
FEED = CHECKOUT / "example_dags" / "example_feed_source.py"
REACT = CHECKOUT / "example_dags" / "example_react_to_sync.py"


@pytest.fixture(name="stage", scope="module")
def _stage(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("triggerer")
    files = [FILE, REACT] if AIRFLOW_3 else [FILE]
    feed = folder / FEED.name
    # It would run by itself at once.
    feed.write_text(FEED.read_text(encoding="utf-8").replace('schedule="@daily"', "schedule=None"), encoding="utf-8")
    with staged(folder, migrated, [*files, feed]) as stage:
        yield stage


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
    """The old one is refused from one moment to the next; the connection has the new one by then."""
    ids = stage.seed(4)
    run_id = stage.wait_for_all(ids)
    # With the old token: the new one is stored a moment before it is accepted.
    stage.look_more("sb_demo", 2)
    stage.renew_token()
    try:
        stage.until(stage.looks, "a look with the new token")
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


def test_the_example_that_feeds_a_source_waits_for_its_jobs(stage: Stage) -> None:
    """Each job is looked at by its task first, and then by the triggerer."""
    dag_id = "example_copass_feed_source"
    run_id = stage.airflow.trigger(dag_id)
    query = "SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?"
    stage.until(lambda: stage.home.rows(query, dag_id, run_id) == [("success",)], "a successful run")
    job_ids = stage.home.xcoms(dag_id, run_id, "ingest")[-1]["return_value"]
    looks = [each["path_params"]["job_id"] for each in stage.emulator.requests(operation="get_job")]
    assert [looks.count(job_id) for job_id in job_ids] == [2, 2, 2]
    [told] = stage.home.xcoms(dag_id, run_id, "tell_freshness").values()
    assert told["return_value"].startswith("3 notes are new in Meeting notes, as of ")


@pytest.mark.skipif(not AIRFLOW_3, reason="no trigger watches an asset before Airflow 3")
def test_each_sync_starts_a_run_of_each_asset_and_without_one_there_is_none(stage: Stage) -> None:
    """Both assets are on one source; the payload names it. A sync while the triggerer is down is noticed (3.3)."""
    from airflow_provider_copass.airflow_compat import airflow_version

    def runs(dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = stage.airflow.request("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
        return [run for run in found if run["state"] == "success"]

    def both(count: int) -> bool:
        return all(len(runs(f"reacts_{key}")) >= count for key in ("first", "second"))

    # It has never synced: that of a source which comes with a sync would be an event.
    [source_id] = stage.emulator.seed([{"provider": "slack", "name": "Watched", "sandbox_id": "sb_watched"}])
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
