"""What `make test-cluster` shows in minutes: the examples, a short torture, metrics, and that nothing is seen."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.stage import DAGS, Stage, Tortured, opened, torture
from tests.harness.airflow_home import AIRFLOW_3
from tests.harness.statsd import StatsdSink
from tests.tools.ui import EXAMPLES, SOURCES, VARIABLES

pytestmark = [pytest.mark.airflow, pytest.mark.cluster]

REACTS = "example_copass_react_to_sync"
BY_HAND = {
    "example_copass_change_sources": 1,
    "example_copass_ephemeral_source": 2,
    "example_copass_feed_source": 2,
    "example_copass_register_source": 2,
    "example_copass_register_sources": 2,
    "example_copass_source_lifecycle": 2,
}
"""The examples that a person triggers, and how often they are run here."""
KILLS = 2


@dataclass
class Played:
    """The stage, and what was sent to its sink."""

    stage: Stage
    sink: StatsdSink


@pytest.fixture(name="played", scope="module")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    # Before Airflow 3 no trigger watches an asset.
    examples = [path for path in sorted(EXAMPLES.iterdir()) if path.suffix in {".py", ".yaml"}]
    examples = [path for path in examples if AIRFLOW_3 or path.name != "example_react_to_sync.py"]
    with StatsdSink() as sink:
        files = [*examples, DAGS / "torture.py"]
        with opened(
            tmp_path_factory.mktemp("cluster"), files, settings=sink.settings, variables=VARIABLES, triggerers=1
        ) as stage:
            yield Played(stage, sink)


@pytest.mark.parametrize("dag_id", sorted(BY_HAND))
def test_an_example_runs(played: Played, dag_id: str) -> None:
    """And again, where it may be run again; no source is there twice."""
    stage = played.stage
    if dag_id == "example_copass_change_sources":
        stage.emulator.seed(SOURCES)
    for _ in range(BY_HAND[dag_id]):
        run_id = stage.cluster.trigger(dag_id)
        stage.wait_success(dag_id, run_id, seconds=300)
    live = [
        (source["provider"], source["name"])
        for source in stage.emulator.sources()
        if not source["deleted"] and source["status"] not in {"archived", "disconnected"}
    ]
    assert len(live) == len(set(live))


def test_no_example_is_left_out(played: Played) -> None:
    """Each DAG among the examples is run by hand, but for the one that reacts to a sync."""
    there = {dag_id for (dag_id,) in played.stage.cluster.home.rows("SELECT dag_id FROM dag")}
    assert {dag_id for dag_id in there if dag_id.startswith("example_")} == {*BY_HAND, *([REACTS] if AIRFLOW_3 else [])}


@pytest.mark.skipif(not AIRFLOW_3, reason="no trigger watches an asset before Airflow 3")
def test_a_triggerer_of_the_cluster_sees_the_sync_that_an_example_reacts_to(played: Played) -> None:
    """The asset has its event. These schedulers start no run by themselves: that is for test_triggerer.py."""
    stage = played.stage
    named = [source for source in stage.emulator.sources() if source["name"] == "Support channel"]
    live = [source for source in named if not source["deleted"]]
    # Later than what an example has sent to its webhook.
    stage.emulator.set_source(live[0]["data_source_id"], last_sync_at="2100-01-01T00:00:00+00:00")
    stage.until(
        lambda: stage.cluster.home.rows(
            "SELECT 1 FROM asset_event WHERE CAST(extra AS TEXT) LIKE ?", "%2100-01-01T00:00:00%"
        ),
        f"an event of the asset of {REACTS}",
        300,
    )


@pytest.fixture(name="round_", scope="module")
def _round(played: Played) -> Tortured:
    return torture(played.stage, count=8, realtime=3, kills=KILLS)


def test_sources_are_there_once_with_their_secrets_though_workers_die(
    played: Played, round_: Tortured, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Eight sources, asked for by four tasks each, and whole workers that lose their power while answers wait."""
    stage = played.stage
    record_testsuite_property("kills", len(stage.kills))
    assert {dag: stage.state(dag, run) for dag, run in round_.runs.items()} == dict.fromkeys(round_.runs, "success")
    assert len(stage.kills) == KILLS
    live = stage.live(round_.word)
    assert stage.doubled(round_.word) == {}
    assert len(live) == round_.count
    ids = [live[f"{round_.word} {index}"][0] for index in range(round_.count)]
    assert stage.without_valid_secret(ids[: round_.realtime]) == []
    for dag_id, run_id in round_.runs.items():
        for side in ("left", "right"):
            told = stage.cluster.home.xcoms(dag_id, run_id, f"{side}.register")
            assert [told[index]["return_value"] for index in range(round_.count)] == ids


def test_metrics_tell_how_registrations_ended(played: Played, round_: Tortured) -> None:
    """As counters of Airflow's, and no name of them holds the name or the id of a source."""
    counters = played.sink.counters
    assert counters["airflow.copass.registrations.created"] >= round_.count
    assert counters["airflow.copass.registrations.unchanged"] >= 2 * round_.count
    assert counters["airflow.copass.secrets.minted"] >= round_.realtime
    ours = {name for name in played.sink.names if ".copass." in name}
    outcomes = {f"registrations.{word}" for word in ("created", "unchanged", "updated", "failed", "skipped")}
    waits = {"waits.open", f"waits.open.{socket.gethostname()}"}
    known = {*outcomes, *waits, "secrets.minted", "duplicates.seen"}
    assert {name.removeprefix("airflow.copass.") for name in ours} <= known
    # The example that feeds a source waits for its three jobs.
    for name in waits:
        told = played.sink.gauges[f"airflow.copass.{name}"]
        assert max(told) >= 1
        assert told[-1] == 0


def test_the_search_is_not_blind(played: Played, round_: Tortured) -> None:
    """It sees both databases, what went through Redis, Celery's results, and each host's logs and outputs."""
    stage = played.stage
    [source_id] = stage.live(round_.word)[f"{round_.word} 0"]
    outcome = stage.search({"a source": source_id, "a run": round_.runs["torture_one"]})
    seen = {str(leak.path.relative_to(stage.folder)).partition("/")[0] for leak in outcome.leaks}
    assert seen == {"home", "servers", *stage.cluster.workers}
    files = {leak.path.name for leak in outcome.leaks}
    assert files >= {"dump.sql", "redis-commands.txt", *(f"{name}.out" for name in stage.cluster.workers)}
    [(results,)] = stage.cluster.home.rows("SELECT count(*) FROM celery_taskmeta")
    assert results > 0


def test_nothing_is_seen(played: Played, round_: Tortured) -> None:
    """No secret, token or credential is in any of them, at INFO."""
    values = played.stage.values()
    assert len([name for name in values if name.startswith("secret ")]) >= round_.realtime
    assert [str(leak) for leak in played.stage.search(values).leaks] == []
