"""Five hundred deferred sensors with two triggerers: one list a round and triggerer, and one may die."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.stage import SANDBOX, Stage, opened
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep, pytest.mark.slow]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "waits.py"
COUNT = 500
INTERVAL = 2.0  # in the DAG file
SYNCED = "2026-02-01T00:00:00+00:00"


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("waits"), [FILE], triggerers=2) as stage:
        yield stage


def states(stage: Stage, run_id: str) -> dict[str, int]:
    """Count the states of the tasks that wait."""
    query = "SELECT state, count(*) FROM task_instance WHERE dag_id = ? AND run_id = ? AND task_id = ? GROUP BY state"
    return {str(state): number for state, number in stage.cluster.home.rows(query, "waits", run_id, "wait")}


def triggers(stage: Stage) -> dict[int, int]:
    """Count the waits that each triggerer has, by the ids of their jobs; without what watches the file's assets."""
    query = (
        "SELECT triggerer_id, count(*) FROM trigger WHERE triggerer_id IS NOT NULL"
        " AND id IN (SELECT trigger_id FROM task_instance) GROUP BY triggerer_id"
    )
    return dict(stage.cluster.home.rows(query))


def test_each_triggerer_asks_once_a_round_and_one_may_die(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """All of them end with what they have seen, in their first try."""
    ids = stage.emulator.seed([{"provider": "custom", "name": f"waited for {number}"} for number in range(COUNT)])
    began = time.monotonic()
    run_id = stage.cluster.trigger("waits", {"ids": ids})
    stage.until(lambda: states(stage, run_id).get("deferred") == COUNT, f"{COUNT} deferred tasks", 2400)
    record_testsuite_property("deferred", f"{COUNT} within {time.monotonic() - began:.0f} s")
    both = stage.until(lambda: len(triggers(stage)) == 2 and triggers(stage), "triggers on both triggerers", 60)
    record_testsuite_property("triggers by triggerer", sorted(both.values()))

    def requests() -> list[dict[str, Any]]:
        # The assets of the same file are watched in another sandbox.
        return [each for each in stage.emulator.requests() if each["path_params"].get("sandbox_id") == SANDBOX]

    def looks(seconds: float) -> tuple[int, set[str]]:
        first = len(requests())
        time.sleep(seconds)
        seen = requests()[first:]
        return len(seen), {request["operation"] for request in seen}

    seconds = 10 * INTERVAL
    number, operations = looks(seconds)
    record_testsuite_property("requests of both", f"{number} in {seconds:.0f} s, {operations}")
    assert operations == {"list"}
    assert 4 <= number <= 2 * (seconds / INTERVAL + 1)

    stage.cluster.kill("triggerer-1")
    killed = time.monotonic()
    stage.until(lambda: list(triggers(stage).values()) == [COUNT], "the other triggerer, with all of them", 180)
    record_testsuite_property("taken over after", f"{time.monotonic() - killed:.0f} s")
    number, operations = looks(seconds)
    record_testsuite_property("requests of one", f"{number} in {seconds:.0f} s, {operations}")
    assert operations == {"list"}
    assert 2 <= number <= seconds / INTERVAL + 1

    for source_id in ids:
        stage.emulator.set_source(source_id, last_sync_at=SYNCED)
    synced = time.monotonic()
    tasks = stage.wait_success("waits", run_id, seconds=2400)
    record_testsuite_property("all ended", f"after {time.monotonic() - synced:.0f} s")
    waited = [task for task in tasks if task.task_id == "wait"]
    assert [task.tries for task in waited] == [1] * COUNT
    values = stage.cluster.home.xcoms("waits", run_id, "wait")
    assert [values[number]["return_value"] for number in range(COUNT)] == [SYNCED] * COUNT


def test_nothing_is_seen(stage: Stage) -> None:
    """No token is in either database, in a message, a log or an output, at INFO."""
    assert [str(leak) for leak in stage.search(stage.values()).leaks] == []
