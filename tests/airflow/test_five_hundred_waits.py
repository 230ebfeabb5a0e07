"""Five hundred deferred sensors of one sandbox on a real triggerer: one list a round, whatever happens to it.

The tests are the parts of one story, in its order.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
import pytest

from tests.airflow.triggerer_stage import SYNCED, Stage, staged
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.leak_search import search
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "many_waits.py"
COUNT = 500
INTERVAL = 10.0
ROUNDS = 5
_BUSY = 70.0
DELETED = 3
MARKED = (10, 11, 12)
CLEARED = (20, 21, 22)
# Airflow 2 clears a mapped task as a whole where it is asked by REST.
CLEAR = """
import sys
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session
with create_session() as session:
    found = session.query(TaskInstance).filter_by(dag_id="many_waits", run_id=sys.argv[1], task_id="wait")
    clear_task_instances([ti for ti in found if str(ti.map_index) in sys.argv[2:]], session)
"""


@dataclass
class Story:
    """The run, its sources, and what was measured.

    :param steady: from when to when, in UTC, all of them only waited, and how busy the machine was, in per cent.
    """

    stage: Stage
    ids: list[str]
    run_id: str
    began: float
    show: Callable[[str], None]
    steady: list[tuple[datetime, datetime, float]] = field(default_factory=list)

    def tell(self, what: str) -> None:
        """Print a figure, with the seconds since the run was triggered."""
        self.show(f"{time.monotonic() - self.began:6.0f} s  {what}")

    def states(self) -> Counter[str]:
        """Count the tasks that wait by their state."""
        return Counter(self.stage.states(self.run_id))

    def until_deferred(self, count: int, seconds: float = 2400) -> None:
        """Wait until so many tasks are deferred, each with a trigger that a triggerer has."""
        query = "SELECT COUNT(*) FROM trigger WHERE triggerer_id IS NOT NULL"

        def deferred() -> bool:
            return self.states()["deferred"] == count and self.stage.home.rows(query) == [(count,)]

        self.stage.until(deferred, f"{count} deferred tasks", seconds)

    def looks_of_some_rounds(self) -> tuple[Counter[str], float]:
        """Count the looks of some rounds by operation; also return how many rounds there can have been."""
        before, begun, since = len(self.stage.looks()), time.monotonic(), datetime.now(UTC)
        psutil.cpu_percent()
        time.sleep(ROUNDS * INTERVAL)
        busy = psutil.cpu_percent()
        looks = Counter(self.stage.looks()[before:])
        rounds = (time.monotonic() - begun) / INTERVAL
        self.steady.append((since, datetime.now(UTC), busy))
        self.tell(f"{dict(looks)} in {rounds:.1f} rounds of {COUNT} waits; the machine was {busy:.0f} % busy")
        return looks, rounds

    def blocked(self) -> list[tuple[datetime, str]]:
        """Return when the triggerers said that their event loop was blocked, and for how many seconds."""
        files = sorted(self.stage.home.outputs.glob("triggerer*"))
        text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
        found = re.findall(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+)[^\n]*thread was blocked for ([\d.]+)", text)
        return [(datetime.fromisoformat(when).replace(tzinfo=UTC), seconds) for when, seconds in found]


@pytest.fixture(name="story", scope="module")
def _story(
    migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Story]:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", end="", flush=True)  # noqa: T201 - figures, for a person

    settings = {
        "CORE__PARALLELISM": "6",
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": "1000",
        "SCHEDULER__MAX_TIS_PER_QUERY": "64",
        # On SQLite everything waits for everything.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "1200",
        "SCHEDULER__TASK_QUEUED_TIMEOUT": "3600",
    }
    folder = tmp_path_factory.mktemp("many")
    with staged(folder, migrated, [FILE], dag_id="many_waits", interval=INTERVAL, settings=settings) as stage:
        stage.home.airflow("pools", "set", "default_pool", "1000", "as many as there are")
        ids = stage.seed(COUNT)
        began = time.monotonic()
        story = Story(stage, ids, stage.airflow.trigger("many_waits", {"ids": ids}), began, show)
        story.until_deferred(COUNT)
        story.tell(f"{COUNT} tasks are deferred, with {Counter(stage.looks())}")
        yield story


def test_five_hundred_waits_cost_one_list_a_round(story: Story) -> None:
    """No other request is sent."""
    looks, rounds = story.looks_of_some_rounds()
    assert set(looks) == {"list"}
    assert ROUNDS - 2 <= looks["list"] <= rounds + 1


def test_a_token_that_is_renewed_meanwhile_is_picked_up(story: Story) -> None:
    """The old one is refused from one moment to the next; nobody fails."""
    story.stage.renew_token()
    looks = story.stage.until(story.stage.looks, "a look with the new token")
    assert set(looks) == {"list"}
    accepted = lambda: [each for each in story.stage.emulator.requests() if each["status"] == 200]  # noqa: E731
    story.stage.until(accepted, "an accepted token")
    assert story.states() == {"deferred": COUNT}
    story.tell("the renewed token is accepted")


def test_a_killed_triggerer_loses_nothing(story: Story) -> None:
    """SIGKILL, and another one: it waits for all of them, with one list a round."""
    story.stage.airflow.kill("triggerer")
    assert story.states() == {"deferred": COUNT}
    story.stage.airflow.start("triggerer")
    before = len(story.stage.looks())
    story.stage.until(lambda: "list" in story.stage.looks()[before:], "a look of the new triggerer", 600)
    story.tell("another triggerer looks")
    # Those that are loaded one by one join its poll.
    time.sleep(2 * INTERVAL)
    looks, rounds = story.looks_of_some_rounds()
    assert set(looks) == {"list"}
    assert looks["list"] <= rounds + 1
    assert story.states() == {"deferred": COUNT}


def test_who_is_cleared_waits_anew_and_who_is_marked_failed_no_more(story: Story) -> None:
    """As many triggers are left as tasks are deferred, and one list a round is."""
    for index in MARKED:
        path = f"dags/many_waits/dagRuns/{story.run_id}/taskInstances/wait/{index}"
        body = {"new_state": "failed"} if AIRFLOW_3 else {"new_state": "failed", "dry_run": False}
        story.stage.airflow.request("PATCH", path, json=body)
    if AIRFLOW_3:
        body = {
            "dag_run_id": story.run_id,
            "task_ids": [["wait", index] for index in CLEARED],
            "dry_run": False,
            "only_failed": False,
        }
        story.stage.airflow.request("POST", "dags/many_waits/clearTaskInstances", json=body)
    else:
        story.stage.home.run(sys.executable, "-c", CLEAR, story.run_id, *map(str, CLEARED))
    story.until_deferred(COUNT - len(MARKED))
    states = story.stage.states(story.run_id)
    assert [states[index] for index in MARKED] == ["failed"] * len(MARKED)
    assert [states[index] for index in CLEARED] == ["deferred"] * len(CLEARED)
    looks, rounds = story.looks_of_some_rounds()
    assert set(looks) == {"list"}
    assert looks["list"] <= rounds + 1


def test_each_ends_with_what_its_own_source_shows(story: Story) -> None:
    """One source is deleted, all others sync."""
    story.stage.emulator.set_source(story.ids[DELETED], deleted=True)
    story.stage.sync([each for index, each in enumerate(story.ids) if index != DELETED])
    states = story.stage.ended(story.run_id, 3600)
    story.tell(f"all have ended: {Counter(states)}")
    assert [index for index, state in enumerate(states) if state != "success"] == [DELETED, *MARKED]
    values = story.stage.home.xcoms("many_waits", story.run_id, "wait")
    assert {values[index]["return_value"] for index, state in enumerate(states) if state == "success"} == {SYNCED}
    tries = Counter(task.tries for task in story.stage.tasks(story.run_id))
    story.tell(f"tries: {dict(tries)}")


def test_no_poll_and_no_trigger_is_left_behind(story: Story) -> None:
    """Nobody looks any more."""
    story.stage.quiet()
    assert story.stage.home.rows("SELECT COUNT(*) FROM trigger") == [(0,)]


def test_each_log_has_the_lines_of_its_own_trigger(story: Story) -> None:
    """It names its own source, and no other one."""
    logs = story.stage.logs(story.run_id)
    named = {index: set(re.findall(r"Waiting for source (\S+?);", log)) for index, log in logs.items()}
    assert named == {index: {source_id} for index, source_id in enumerate(story.ids)}


def test_the_rounds_have_not_blocked_the_triggerer(story: Story) -> None:
    """It says so where its event loop was blocked for 0.2 s.

    It does when it loads hundreds of triggers at once, and when hundreds of events leave at once. Python's full garbage
    collections do it, too: with 500 triggers loaded they were measured to take 0.2 to 0.8 s, and one may come after the
    last trigger is loaded. While all of them only wait, nothing does.
    """
    told = story.blocked()
    story.tell(f"the triggerer's event loop was blocked: {[f'{when:%H:%M:%S} {seconds} s' for when, seconds in told]}")
    # Not the rounds after the kill: the triggerer may still be loading then.
    first, _, last = story.steady
    if max(first[2], last[2]) >= _BUSY:
        pytest.skip("the machine has other work, for which an event loop that does nothing has to wait as well")

    def within(since: datetime, until: datetime) -> list[str]:
        return [seconds for when, seconds in told if since <= when <= until]

    assert len(within(*first[:2])) <= 1
    assert within(*last[:2]) == []


def test_no_token_is_in_anything_that_was_written(story: Story) -> None:
    """Trigger rows, next_kwargs, logs and outputs."""
    values = {f"token {index}": token for index, token in enumerate(story.stage.tokens)}
    assert search([story.stage.home.path], values).leaks == []
    # The same search finds what is there.
    assert json.dumps(search([story.stage.home.path], {"a source": story.ids[0]}).files) != "0"
