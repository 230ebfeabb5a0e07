"""The example DAGs on a cluster: each run by hand, the one that reacts to a sync, and the deferred waits' gauge."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.stage import Stage, opened
from tests.harness.airflow_home import AIRFLOW_3
from tests.harness.statsd import StatsdSink
from tests.tools.ui import EXAMPLES, SOURCES, VARIABLES

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

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
        folder = tmp_path_factory.mktemp("examples")
        with opened(folder, examples, settings=sink.settings, variables=VARIABLES, triggerers=1) as stage:
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


@pytest.fixture(name="told", scope="module")
def _told(played: Played) -> dict[str, list[float]]:
    """Return the gauges, once the example that feeds a source, and waits for its three jobs, was run."""
    run_id = played.stage.cluster.trigger("example_copass_feed_source")
    played.stage.wait_success("example_copass_feed_source", run_id, seconds=300)
    return played.sink.gauges


@pytest.mark.parametrize("name", ["waits.open", f"waits.open.{socket.gethostname()}"])
def test_a_gauge_tells_how_many_waits_are_open(told: dict[str, list[float]], name: str) -> None:
    """Some, while the tasks are deferred; none at the end."""
    assert max(told[f"airflow.copass.{name}"]) >= 1
    assert told[f"airflow.copass.{name}"][-1] == 0


def test_nothing_is_seen(played: Played) -> None:
    """No secret or token is in either database, in a message, a log or an output, at INFO."""
    values = played.stage.values()
    assert any(name.startswith("secret ") for name in values)
    assert [str(leak) for leak in played.stage.search(values).leaks] == []
