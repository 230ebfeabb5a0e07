"""Two workers whose clocks are five minutes apart: once, never lost, and take-over late at worst."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.stage import DAGS, Stage, opened, torture
from tests.harness.hosts import FAKETIME, NO_FAKETIME

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.cluster,
    pytest.mark.deep,
    pytest.mark.slow,
    pytest.mark.skipif(FAKETIME is None, reason=NO_FAKETIME),
]

APART = 300
TAKEOVER_AFTER = 60  # in dags/clocks.py
BOTH_WAYS = pytest.mark.parametrize("ahead", [APART, -APART], ids=["b_ahead", "b_behind"])


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    files = [DAGS / name for name in ("one_source.py", "clocks.py", "torture.py")]
    with opened(tmp_path_factory.mktemp("clocks"), files) as stage:
        yield stage


def start(stage: Stage, *names: str, ahead: int = 0) -> None:
    """Let these workers run and no other; the clock of worker-b is ahead by so many seconds."""
    stage.cluster.clock_offsets["worker-b"] = ahead
    for name in stage.cluster.workers:
        if any(process.name == name for process in stage.cluster.processes):
            stage.cluster.kill(name)
    for name in names:
        stage.cluster.restart_worker(name)


def check(stage: Stage, word: str) -> str:
    """Check that there is one source of that name, its secret valid and its entry completed; return its id."""
    [[source_id]] = stage.live(word).values()
    assert stage.without_valid_secret([source_id]) == []
    assert stage.pending() == []
    return source_id


@BOTH_WAYS
@pytest.mark.parametrize("first", ["worker-a", "worker-b"])
def test_the_window_of_a_post_without_an_answer(
    stage: Stage, ahead: int, first: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A worker dies while the answer is on its way; the retry runs by the other clock, and knows the source as ours."""
    word = f"window_{first}_{ahead}"
    [other] = [name for name in stage.cluster.workers if name != first]
    start(stage, first, ahead=ahead)
    before = stage.count("register")
    held = stage.emulator.add_fault(operation="register", when="after", action="hold", match={"name": word})
    run_id = stage.cluster.trigger("anywhere", {"word": word})
    stage.until(lambda: stage.emulator.faults(held)[0]["waiting"], "the POST")
    stage.kill_worker(first)
    stage.emulator.release(held)
    stage.cluster.restart_worker(other)
    began = time.monotonic()
    [task] = stage.wait_success("anywhere", run_id, seconds=400)
    record_testsuite_property(
        "retry", f"{time.monotonic() - began:.0f} s, {task.tries} tries, {stage.count('register') - before} POSTs"
    )
    assert stage.count("register") - before == 1
    assert stage.cluster.home.xcoms("anywhere", run_id, "register")[-1]["return_value"] == check(stage, word)


def test_a_live_task_is_taken_over_from_by_a_clock_that_is_ahead(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """With less than the difference as `takeover_after`: an error costs time, and no guarantee."""
    start(stage, "worker-a", "worker-b", ahead=APART)
    word = "taken"
    before = {each: stage.count(each) for each in ("register", "rotate", "delete")}
    held = stage.emulator.add_fault(operation="register", when="after", action="hold", match={"name": word})
    runs = {"lives_on_a": stage.cluster.trigger("lives_on_a", {"word": word})}
    stage.until(lambda: stage.emulator.faults(held)[0]["waiting"], "the POST")
    lists = stage.count("list")
    runs["comes_on_b"] = stage.cluster.trigger("comes_on_b", {"word": word})
    stage.until(lambda: stage.count("list") > lists, "the other one's look")
    stage.emulator.release(held)
    for run in runs.items():
        stage.wait_success(*run, seconds=600)
    record_testsuite_property("requests", {each: stage.count(each) - number for each, number in before.items()})
    source_id = check(stage, word)
    for run in runs.items():
        assert stage.cluster.home.xcoms(*run, "register")[-1]["return_value"] == source_id


@BOTH_WAYS
def test_a_dead_task_is_taken_over_from(
    stage: Stage, ahead: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """By its age on the other clock: earlier or later by the difference, and not later than that."""
    start(stage, "worker-a", "worker-b", ahead=ahead)
    word = f"dead_{ahead}"
    held = stage.emulator.add_fault(operation="register", when="after", action="hold", match={"name": word})
    dead = stage.cluster.trigger("dies_on_a", {"word": word})
    stage.until(lambda: stage.emulator.faults(held)[0]["waiting"], "the POST")
    began = time.monotonic()
    stage.kill_worker("worker-a")
    stage.emulator.release(held)
    stage.wait_ended({"dies_on_a": dead}, seconds=200)
    run_id = stage.cluster.trigger("comes_on_b", {"word": word})
    stage.wait_success("comes_on_b", run_id, seconds=TAKEOVER_AFTER + APART + 240)
    took = time.monotonic() - began
    record_testsuite_property("taken over after", f"{took:.0f} s")
    check(stage, word)
    if ahead < 0:
        assert took > TAKEOVER_AFTER + APART - 5


@BOTH_WAYS
def test_the_torture(stage: Stage, ahead: int, record_testsuite_property: Callable[[str, object], None]) -> None:
    """Eight sources, four realtime, asked for four times each, and two dead workers."""
    start(stage, "worker-a", "worker-b", ahead=ahead)
    kills = len(stage.kills)
    round_ = torture(stage, count=8, realtime=4, kills=2)
    record_testsuite_property("kills", len(stage.kills) - kills)
    assert {dag: stage.state(dag, run) for dag, run in round_.runs.items()} == dict.fromkeys(round_.runs, "success")
    live = stage.live(round_.word)
    assert stage.doubled(round_.word) == {}
    assert len(live) == 8
    assert stage.without_valid_secret([live[f"{round_.word} {index}"][0] for index in range(4)]) == []
    assert stage.pending() == []
