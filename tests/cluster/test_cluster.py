"""What `make test-cluster` shows in minutes: a short torture, metrics, and that nothing is seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.stage import DAGS, Stage, Tortured, opened, torture
from tests.harness.statsd import StatsdSink

pytestmark = [pytest.mark.airflow, pytest.mark.cluster]

KILLS = 2


@dataclass
class Played:
    """The stage, and what was sent to its sink."""

    stage: Stage
    sink: StatsdSink


@pytest.fixture(name="played", scope="module")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("cluster")
    with StatsdSink() as sink, opened(folder, [DAGS / "torture.py"], settings=sink.settings) as stage:
        yield Played(stage, sink)


@pytest.fixture(name="round_", scope="module")
def _round(played: Played) -> Tortured:
    return torture(played.stage, count=16, realtime=5, kills=KILLS)


def test_sources_are_there_once_with_their_secrets_though_workers_die(
    played: Played, round_: Tortured, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Sixteen sources, asked for by four tasks each, and whole workers that lose their power while answers wait."""
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
    """As counters of Airflow's, from tasks on both workers."""
    counters = played.sink.counters
    assert counters["airflow.copass.registrations.created"] >= round_.count
    assert counters["airflow.copass.registrations.unchanged"] >= 2 * round_.count
    assert counters["airflow.copass.secrets.minted"] >= round_.realtime


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
