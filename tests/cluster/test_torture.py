"""Two DAGs ask for the same thirty sources, twice each, while whole workers lose their power."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.stage import DAGS, Stage, Tortured, opened, torture

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

KILLS = 6


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    files = [DAGS / "torture.py", DAGS / "long_list.py"]
    with opened(tmp_path_factory.mktemp("torture"), files) as stage:
        yield stage


@pytest.fixture(name="round_", scope="module")
def _round(stage: Stage) -> Tortured:
    return torture(stage, count=30, realtime=10, kills=KILLS)


def test_both_runs_succeed(
    stage: Stage, round_: Tortured, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Every task, in whichever try; and the workers were killed as often as they should be."""
    tries = [task.tries for run in round_.runs.items() for task in stage.tasks(*run)]
    record_testsuite_property("kills", len(stage.kills))
    record_testsuite_property("tries", f"{len(tries)} tasks, {sum(tries)} tries, at most {max(tries)}")
    record_testsuite_property("requests", {each: stage.count(each) for each in ("register", "rotate", "delete")})
    assert {dag: stage.state(dag, run) for dag, run in round_.runs.items()} == dict.fromkeys(round_.runs, "success")
    assert len(stage.kills) == KILLS


def test_each_source_is_there_once(stage: Stage, round_: Tortured) -> None:
    """Thirty, none of them twice."""
    live = stage.live(round_.word)
    assert {name: ids for name, ids in live.items() if len(ids) > 1} == {}
    assert len(live) == round_.count


def test_each_task_tells_the_source_that_is_there(stage: Stage, round_: Tortured) -> None:
    """The XComs of all four tasks of a source hold its id."""
    live = stage.live(round_.word)
    for dag_id, run_id in round_.runs.items():
        for side in ("left", "right"):
            told = stage.cluster.home.xcoms(dag_id, run_id, f"{side}.register")
            assert {index: xcoms["return_value"] for index, xcoms in told.items()} == {
                index: live[f"{round_.word} {index}"][0] for index in range(round_.count)
            }


def test_each_stored_secret_is_valid(stage: Stage, round_: Tortured) -> None:
    """Of the ten realtime sources."""
    live = stage.live(round_.word)
    realtime = [live[f"{round_.word} {index}"][0] for index in range(round_.realtime)]
    assert stage.without_valid_secret(realtime) == []


def test_no_entry_is_left_pending(stage: Stage, round_: Tortured) -> None:
    """Each source has an entry, and all are completed."""
    assert stage.pending() == []


def test_a_list_of_200_that_is_killed_twice_with_its_worker(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Once at a third of it, and its retry at two thirds: 200 sources, 200 valid secrets."""
    before, began = stage.count("register"), time.monotonic()
    run_id = stage.cluster.trigger("long_list", {"word": "listed", "count": 200})
    for sent in (67, 134):
        stage.until(lambda sent=sent: stage.count("register") - before >= sent, f"{sent} requests", 600)
        stage.kill_worker("worker-a")
        stage.cluster.restart_worker("worker-a")
    [_, task] = stage.wait_success("long_list", run_id, seconds=900)
    live = stage.live("listed")
    record_testsuite_property("list of 200", f"{time.monotonic() - began:.0f} s, {task.tries} tries")
    record_testsuite_property("requests", {each: stage.count(each) for each in ("register", "rotate", "delete")})
    assert task.tries >= 3
    assert stage.doubled("listed") == {}
    ids = [live[f"listed {index}"][0] for index in range(200)]
    assert stage.cluster.home.xcoms("long_list", run_id, "register")[-1]["return_value"] == ids
    assert stage.without_valid_secret(ids) == []
    assert stage.pending() == []


def test_nothing_is_seen(stage: Stage, round_: Tortured) -> None:
    """No secret, token or credential is in either database, in a message, a log or an output, at INFO."""
    values = stage.values()
    assert len([name for name in values if name.startswith("secret ")]) >= round_.realtime
    assert [str(leak) for leak in stage.search(values).leaks] == []
