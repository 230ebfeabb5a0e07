"""Redis gives a message whose task still runs to another worker: nothing is made twice."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.stage import DAGS, Stage, opened
from tests.harness.airflow_home import AIRFLOW_3, AIRFLOW_VERSION
from tests.harness.cluster import VISIBILITY
from tests.harness.hosts import can_unshare

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("twice"), [DAGS / "one_source.py"], timeout=300) as stage:
        yield stage


def message_of(stage: Stage, run_id: str) -> str:
    """Return the id of the Celery message that a task was started by."""
    query = "SELECT external_executor_id FROM task_instance WHERE dag_id = ? AND run_id = ?"
    [(message,)] = stage.cluster.home.rows(query, "anywhere", run_id)
    return str(message or "")


def output_of(stage: Stage, worker: str) -> list[str]:
    """Return the lines that a worker wrote."""
    return (stage.cluster.home.outputs / f"{worker}.out").read_text(errors="replace").splitlines()


def deliver_twice(stage: Stage, word: str) -> tuple[str, str, str, int]:
    """Start a task, hold the answer to its POST, and let Redis give its message to the other worker.

    :return: the run, the message, the worker that gets it the second time, and the fault that holds the answer.
    """
    held = stage.emulator.add_fault(operation="register", when="after", action="hold", match={"name": word})
    run_id = stage.cluster.trigger("anywhere", {"word": word})
    stage.until(lambda: stage.emulator.faults(held)[0]["waiting"], "the POST")
    message = stage.until(lambda: message_of(stage, run_id), "the message")
    [first] = [name for name in stage.cluster.workers if any(message in line for line in output_of(stage, name))]
    [other] = [name for name in stage.cluster.workers if name != first]
    # Else it may get the message itself once more.
    stage.cluster.home.airflow("celery", "remove-queue", "-q", "default", "-H", f"celery@{first}")
    time.sleep(VISIBILITY + 1)
    # Kombu looks for such messages as a worker starts, and else about every hundred seconds.
    stage.cluster.kill(other)
    stage.cluster.restart_worker(other)
    stage.until(
        lambda: any(message in line and "received" in line for line in output_of(stage, other)),
        f"the second delivery, to {other}",
    )
    return run_id, message, other, held


def check(stage: Stage, word: str, run_id: str) -> None:
    """Check that there is one source with a valid secret, and that the task tells it."""
    [[source_id]] = stage.live(word).values()
    xcoms = stage.cluster.home.xcoms("anywhere", run_id, "register")[-1]
    assert (xcoms["return_value"], xcoms["stored_as"]) == (source_id, f"copass_webhook_secret_{source_id}")
    assert stage.without_valid_secret([source_id]) == []
    assert stage.pending() == []


def test_a_task_that_runs_is_not_started_again(
    stage: Stage, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Airflow refuses the second start, by itself, and the first process goes on: one POST, one try."""
    run_id, message, other, held = deliver_twice(stage, "delivered")
    refusal = "already running elsewhere" if AIRFLOW_3 else "succeeded"
    said = stage.until(
        lambda: [line for line in output_of(stage, other) if message in line and refusal in line], "what Airflow does"
    )
    record_testsuite_property("the other worker says", said)
    stage.emulator.release(held)
    [task] = stage.wait_success("anywhere", run_id, seconds=300)
    results = stage.cluster.home.rows("SELECT status FROM celery_taskmeta WHERE task_id = ?", message)
    record_testsuite_property("Celery's result", results)
    assert task.tries == 1
    assert (stage.count("register"), stage.count("rotate")) == (1, 0)
    check(stage, "delivered", run_id)


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="only 3.3 takes the second start for the first one")
@pytest.mark.skipif(not can_unshare(), reason="needs hosts with one name and process ids of their own: root")
@pytest.mark.parametrize("is_late", [False, True], ids=["answered_meanwhile", "answered_at_the_end"])
def test_two_processes_with_the_same_try_number(
    stage: Stage, record_testsuite_property: Callable[[str, object], None], *, is_late: bool
) -> None:
    """The second start comes from a host of the same name with the same process id, so Airflow takes it for the first.

    Both processes are the same try of the same task: the one finishes what the other one has begun, and the one whose
    answer comes late voids nothing.
    """
    word = f"same_try_{is_late}"
    stage.cluster.host_names["worker-b"] = "worker-a"
    for name in stage.cluster.workers:
        stage.cluster.worker_environment[name] = {
            "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "tests.cluster.same_pid.CONFIG"
        }
        if any(process.name == name for process in stage.cluster.processes):
            stage.cluster.kill(name)
        stage.cluster.restart_worker(name)
    before = {each: stage.count(each) for each in ("register", "rotate", "delete", "list")}
    run_id, message, _other, held = deliver_twice(stage, word)
    stage.until(lambda: stage.count("list") >= before["list"] + 2, "the second process, which looks", 120)
    if is_late:
        stage.wait_success("anywhere", run_id, seconds=300)
    stage.emulator.release(held)
    [task] = stage.wait_success("anywhere", run_id, seconds=300)
    # Both processes are to be over: what the first one still does after the task's end counts as well.
    stage.until(
        lambda: all(
            any(message in line and ("succeeded" in line or "raised" in line) for line in output_of(stage, name))
            for name in stage.cluster.workers
        ),
        "the end of both processes",
        200,
    )
    sent = {each: stage.count(each) - before[each] for each in ("register", "rotate", "delete", "list")}
    record_testsuite_property("requests", sent)
    record_testsuite_property("tries", task.tries)
    record_testsuite_property(
        "ends", [line[-300:] for name in stage.cluster.workers for line in output_of(stage, name) if message in line]
    )
    assert stage.doubled(word) == {}
    check(stage, word, run_id)


def test_nothing_is_seen(stage: Stage) -> None:
    """No secret, token or credential is in either database, in a message, a log or an output, at INFO."""
    assert [str(leak) for leak in stage.search(stage.values()).leaks] == []
