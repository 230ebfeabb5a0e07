"""What a cluster stands on goes away in the middle: the database, the broker, one of two schedulers."""

import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.stage import DAGS, Stage, opened

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

COUNT, REALTIME = 12, 6
AWAY = 20.0


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    # What Redis loses stays queued for as long.
    settings = {"SCHEDULER__TASK_QUEUED_TIMEOUT": "60", "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10"}
    with opened(tmp_path_factory.mktemp("outages"), [DAGS / "torture.py"], settings=settings) as stage:
        yield stage


def begin(stage: Stage) -> tuple[str, dict[str, str]]:
    """Start a round, and return when some of its requests are there: its word, and its runs."""
    word = f"outage{secrets.token_hex(3)}"
    before = stage.count("register")
    stage.emulator.add_fault(operation="register", when="after", action={"delay": 2}, times=None)
    conf = {"word": word, "count": COUNT, "realtime": REALTIME}
    runs = {dag_id: stage.cluster.trigger(dag_id, conf) for dag_id in ("torture_one", "torture_two")}
    stage.until(lambda: stage.count("register") >= before + 3, "the third POST", 300)
    return word, runs


def check(stage: Stage, word: str, runs: dict[str, str]) -> str:
    """Check the round's end, and return what its tasks took."""
    began = time.monotonic()
    for run in runs.items():
        stage.wait_success(*run, seconds=900)
    stage.emulator.clear_faults()
    live = stage.live(word)
    assert stage.doubled(word) == {}
    assert len(live) == COUNT
    assert stage.without_valid_secret([live[f"{word} {index}"][0] for index in range(REALTIME)]) == []
    assert stage.pending() == []
    tries = [task.tries for run in runs.items() for task in stage.tasks(*run)]
    return f"{time.monotonic() - began:.0f} s more; {len(tries)} tasks, {sum(tries)} tries, at most {max(tries)}"


def test_postgres_is_away_for_twenty_seconds(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Every connection to it is cut; what runs fails or waits, and all is well in the end."""
    word, runs = begin(stage)
    postgres = stage.cluster.home.postgres
    postgres.end()
    time.sleep(AWAY)
    postgres.start()
    record_testsuite_property("after Postgres", check(stage, word, runs))


def test_redis_is_away_and_loses_every_message(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """What was queued is queued again by the scheduler, and what runs goes on."""
    word, runs = begin(stage)
    stage.redis.end()
    time.sleep(AWAY)
    stage.redis.start()
    record_testsuite_property("after Redis", check(stage, word, runs))


def test_one_of_two_schedulers_is_killed(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """The other one adopts what it had queued."""
    word, runs = begin(stage)
    stage.cluster.kill("scheduler-1")
    record_testsuite_property("after a scheduler", check(stage, word, runs))
    stage.cluster.start("scheduler-1")


def test_nothing_is_seen(stage: Stage) -> None:
    """No secret, token or credential is in either database, in a message, a log or an output, at INFO."""
    assert [str(leak) for leak in stage.search(stage.values()).leaks] == []
