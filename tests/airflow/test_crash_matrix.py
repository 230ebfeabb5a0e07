"""A real task of a real scheduler is killed at every boundary of its work, and Airflow's retry mends it."""

import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from airflow_provider_copass.airflow_variables import PROBE
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from airflow_provider_copass.registration.book import book_from_text, book_name
from airflow_provider_copass.registration.record import Closed, from_text, name_of
from tests.airflow.crash_points import (
    KILLED,
    LISTED,
    LONG_LIST,
    NAMES,
    OF_LISTS,
    PREPARED,
    REQUESTS,
    ROTATED,
    ROTATIONS,
    SHORT_LIST,
    TIMED_OUT,
    Kill,
    Marks,
    Point,
)
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow, TaskOutcome
from tests.harness.processes import CHECKOUT, NotReadyError, wait_for

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW_3, reason="the crashes are those of Airflow 3's task processes"),
]

SANDBOX = "sb_demo"
FILE = CHECKOUT / "tests" / "airflow" / "dags" / "crashes.py"


@dataclass
class Killing:
    """One point being played: which kills are done, and in which run."""

    point: Point
    run_id: str = ""
    done: list[Kill] = field(default_factory=list)


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Stage:
    """An Airflow and an emulated account, on which many runs are played at once."""

    def __init__(self, emulator: Emulator, airflow: Airflow) -> None:
        self.emulator = emulator
        self.airflow = airflow
        self.home = airflow.home
        self.marks = Marks(airflow.home.path)
        self.played: dict[Point, Killing] = {}
        self.before: dict[Point, str] = {}
        """The secret that was valid before a point's task rotated it."""

    def prepare(self, points: Sequence[Point], *, seconds: float) -> None:
        """Have a source be registered for each of these points, whose tasks rotate its secret."""
        self.airflow.request("PATCH", f"dags/{PREPARED}", json={"is_paused": False})
        runs = {self._trigger(PREPARED, point) for point in points}
        wait_for(
            lambda: not self._unfinished(runs),
            "the sources",
            seconds=seconds,
            interval=0.5,
            alive=self.airflow.processes,
        )
        for point in points:
            [source] = self.live(point)
            self.before[point] = self.home.variable(self.key(point)) or ""
            assert self.emulator.verify_secret(source["data_source_id"], self.before[point])

    def key(self, point: Point) -> str:
        """Return the key of the secret of a point's source."""
        [source] = self.live(point)
        return f"copass_webhook_secret_{source['data_source_id']}"

    def _trigger(self, dag_id: str, point: Point) -> str:
        body = {"logical_date": None, "conf": {"word": point.word}}
        run_id: str = self.airflow.request("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def play(self, points: Sequence[Point], *, seconds: float) -> None:
        """Play these points to their end, or as far as they get."""
        killings = [Killing(point) for point in points]
        self.played.update({killing.point: killing for killing in killings})
        self._pause(paused=True)
        acts = [self._act(killing) for killing in killings]
        for act in acts:
            # As far as its run, which begins with all the others.
            next(act)
        self._pause(paused=False)

        def over() -> bool:
            acts[:] = [act for act in acts if next(act, "over") != "over"]
            return not acts

        try:
            wait_for(over, "every task to be killed where it shall", seconds=seconds, alive=self.airflow.processes)
            runs = {killing.run_id for killing in killings}
            wait_for(lambda: not self._unfinished(runs), "the end of every run", seconds=seconds, interval=0.5)
        except NotReadyError:
            # Each point's own test tells how far it got.
            return

    def _pause(self, *, paused: bool) -> None:
        """Have new runs wait, or begin."""
        for dag_id in (KILLED, LISTED, ROTATED, TIMED_OUT):
            self.airflow.request("PATCH", f"dags/{dag_id}", json={"is_paused": paused})

    def _act(self, killing: Killing) -> Iterator[None]:
        """Play one point; each ``yield`` lets the others go on."""
        point = killing.point
        held = self._hold(point, point.kills[0])
        killing.run_id = self._trigger(point.dag_id, point)
        yield
        for attempt, kill in enumerate(point.kills, start=1):
            while not self._is_there(point, attempt, held):
                yield
            pid = self.marks.read("pid", point.word, attempt)
            assert pid is not None
            here, held = held, None
            if attempt < len(point.kills):
                held = self._hold(point, point.kills[attempt])
            if kill.by == "timeout":
                while is_alive(pid):
                    yield
            else:
                os.kill(pid, signal.Signals[kill.by])
            if here is not None and kill.late:
                self.emulator.release(here)
            killing.done.append(kill)

    def _hold(self, point: Point, kill: Kill) -> int | None:
        """Have the emulator hold the request that this kill is about."""
        if kill.thing not in REQUESTS:
            return None
        match = {"provider": point.word}
        if kill.thing == "list" and point.act == "list":
            # A list is looked for in its whole sandbox.
            match = {"sandbox_id": point.word}
        if kill.thing == "rotate" and point.act == "list":
            match = {"sandbox_id": point.word}
        elif kill.thing == "rotate":
            [source] = self.live(point)
            match = {"data_source_id": source["data_source_id"]}
        return self.emulator.add_fault(
            operation=REQUESTS[kill.thing], when=kill.side, action="hold", skip=kill.nth - 1, match=match
        )

    def _is_there(self, point: Point, attempt: int, held: int | None) -> bool:
        """Tell whether a try is where it shall be killed."""
        if held is None:
            return self.marks.read("still", point.word, attempt) is not None
        [fault] = self.emulator.faults(held)
        return bool(fault["waiting"])

    def _unfinished(self, run_ids: set[str]) -> set[str]:
        return {run["dag_run_id"] for run in self._runs() if run["state"] not in {"success", "failed"}} & run_ids

    def _runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.airflow.request("GET", "dags/~/dagRuns", params={"limit": 100})["dag_runs"]
        return found

    def live(self, point: Point) -> list[dict[str, Any]]:
        """Return the live sources that a point's task has made."""
        return [
            source
            for source in self.emulator.sources()
            if source["provider"] == point.word and not source["deleted"] and source["status"] == "active"
        ]

    def rotations(self, point: Point) -> int:
        """Count the requests to rotate that came from a point's task."""
        [source] = self.live(point)
        return sum(
            request["path_params"]["data_source_id"] == source["data_source_id"]
            for request in self.emulator.requests("rotate")
        )

    def posts(self, point: Point) -> int:
        """Count the requests to register that came from a point's task."""
        return sum(request["body"]["provider"] == point.word for request in self.emulator.requests("register"))

    def task(self, point: Point) -> TaskOutcome:
        """Return how a point's task ended.

        :raises AssertionError: where it was not killed as planned, or did not end; with its last log.
        """
        killing = self.played[point]
        [task] = self.airflow.tasks(point.dag_id, killing.run_id)
        log = self.airflow.task_log(point.dag_id, killing.run_id, task)
        assert killing.done == list(point.kills), f"was killed {killing.done}, is {task.state}\n{log}"
        assert task.state == "success", log
        return task

    def xcoms(self, point: Point) -> dict[str, Any]:
        """Return the XComs of a point's task."""
        return self.home.xcoms(point.dag_id, self.played[point].run_id, point.task_id)[-1]


@pytest.fixture(name="stage", scope="module")
def _stage(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("crashes")
    with Emulator() as emulator:
        # A request that is held shall not end by itself.
        connection = json.loads(connection_to(emulator, timeout=300))
        settings = {
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "CORE__PARALLELISM": "12",
            # Tasks that start at the same moment make Airflow's API server and SQLite wait for each other.
            "SCHEDULER__MAX_TIS_PER_QUERY": "1",
        }
        home = AirflowHome(folder / "home", connections={"copass_default": connection}, settings=settings)
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        with Airflow(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            yield Stage(emulator, airflow)


@pytest.fixture(name="played", scope="module")
def _played(stage: Stage) -> Stage:
    """The stage on which every point of the short list was played."""
    stage.play(SHORT_LIST, seconds=150)
    return stage


def check_stored(stage: Stage, point: Point) -> str:
    """Check that the secret is where it belongs and valid, and the record closed; return the key."""
    [source] = stage.live(point)
    source_id = source["data_source_id"]
    secret = stage.home.variable(stage.key(point))
    assert secret is not None
    assert stage.emulator.verify_secret(source_id, secret)

    name = name_of(SANDBOX, point.word, "Crashed")
    record = from_text(stage.home.variable(name) or "", name=name)
    assert isinstance(record, Closed)
    assert (record.source_id, record.key) == (source_id, stage.key(point))
    return record.key


def check_mended(stage: Stage, point: Point) -> None:
    """Check all that is promised of a task that has succeeded, however often it was killed."""
    assert stage.task(point).tries == 1 + sum(kill.ends_the_try for kill in point.kills)
    [source] = stage.live(point)
    source_id = source["data_source_id"]
    key = check_stored(stage, point)

    xcoms = stage.xcoms(point)
    assert set(xcoms) == {"return_value", "data_source_id", "source", "stored_as"}
    assert (xcoms["return_value"], xcoms["data_source_id"], xcoms["stored_as"]) == (source_id, source_id, key)
    assert xcoms["source"]["data_source_id"] == source_id


@pytest.mark.parametrize("point", SHORT_LIST, ids=str)
def test_killed_at_a_boundary_the_retry_mends_it(played: Stage, point: Point) -> None:
    """The task succeeds with one live source, its valid secret stored, its id in the XComs and its record closed."""
    check_mended(played, point)


@pytest.mark.parametrize("point", SHORT_LIST, ids=str)
def test_a_second_post_is_sent_only_where_the_first_had_no_effect(played: Stage, point: Point) -> None:
    """One request to register a source, but for the task that was killed before its own ever took effect."""
    lost = point.kills == (Kill("before", "POST"),)
    assert played.posts(point) == (2 if lost else 1)


def test_nothing_is_left_open(played: Stage) -> None:
    """There is a record for each identity and each is closed, and a secret for each source and no other."""
    keys = played.home.variable_keys()
    records = [key for key in keys if key.startswith("copass_record_") and key != PROBE and "singles" not in key]
    texts = [played.home.variable(name) or "" for name in records]
    assert len(records) == len(played.played)
    assert all(isinstance(from_text(text, name=name), Closed) for name, text in zip(records, texts, strict=True))
    assert len([key for key in keys if key.startswith("copass_webhook_secret_")]) == len(played.played)


@pytest.fixture(name="rotated", scope="module")
def _rotated(stage: Stage) -> Stage:
    """The stage on which every rotation was played."""
    stage.prepare(ROTATIONS, seconds=90)
    stage.play(ROTATIONS, seconds=150)
    return stage


@pytest.mark.parametrize("point", ROTATIONS, ids=str)
def test_a_rotation_that_was_killed_is_mended_by_the_retry(rotated: Stage, point: Point) -> None:
    """The valid secret is stored, the one before the task beside it; the key is pushed, and the record closed."""
    assert rotated.task(point).tries == 1 + len(point.kills)
    key = check_stored(rotated, point)
    [source] = rotated.live(point)
    assert rotated.xcoms(point) == {"return_value": source["data_source_id"], "stored_as": key}
    assert rotated.home.variable(f"{key}_previous") == rotated.before[point] != rotated.home.variable(key)


@pytest.mark.parametrize("point", ROTATIONS, ids=str)
def test_no_more_is_rotated_than_it_takes(rotated: Stage, point: Point) -> None:
    """Once, and once more for each try that may have rotated and did not close the record."""
    # A retry does not keep the secret before it anew, so its first write is that of the new one.
    lost = {"before rotate 1", "before rotate 1 (late)", "after rotate 1", "before store 2", "after store 2"}
    lost |= {"before record 3"} | ({"before store 1"} if len(point.kills) > 1 else set())
    assert rotated.rotations(point) == 1 + sum(str(kill) in lost for kill in point.kills)


@pytest.fixture(name="listed", scope="module")
def _listed(stage: Stage) -> Stage:
    """The stage on which every list was played, each in a sandbox of its own."""
    stage.emulator.seed(sandboxes=[point.word for point in OF_LISTS])
    stage.play(OF_LISTS, seconds=150)
    return stage


@pytest.mark.parametrize("point", OF_LISTS, ids=str)
def test_a_list_that_was_killed_is_mended_by_the_retry(listed: Stage, point: Point) -> None:
    """Each source is there once, its valid secret is stored, the XComs name them all, and the book is closed."""
    assert listed.task(point).tries == 1 + len(point.kills)
    live = {source["name"]: source["data_source_id"] for source in listed.live(point)}
    assert sorted(live) == list(NAMES)
    assert len(listed.live(point)) == len(NAMES)
    xcoms = listed.xcoms(point)
    assert xcoms["return_value"] == [live[name] for name in NAMES]
    assert xcoms["stored_as"] == [f"copass_webhook_secret_{live[name]}" for name in NAMES]
    for source_id, key in zip(xcoms["return_value"], xcoms["stored_as"], strict=True):
        secret = listed.home.variable(key)
        assert secret is not None
        assert listed.emulator.verify_secret(source_id, secret)
    name = book_name(point.word)
    book = book_from_text(listed.home.variable(name) or "", name=name)
    assert book.holder is None
    assert {record.source_id for record in book.records.values() if isinstance(record, Closed)} == set(live.values())


@pytest.mark.parametrize("point", OF_LISTS, ids=str)
def test_no_post_of_a_list_is_repeated_that_had_an_effect(listed: Stage, point: Point) -> None:
    """Three requests for three sources, and one more where the first was killed before it took effect."""
    lost = point.kills == (Kill("before", "POST", 2),)
    assert listed.posts(point) == len(NAMES) + lost


@pytest.fixture(name="played_twice", scope="module")
def _played_twice(stage: Stage) -> Stage:
    """The stage on which every point of the long list was played."""
    stage.play(LONG_LIST, seconds=400)
    return stage


@pytest.mark.slow
@pytest.mark.parametrize("point", LONG_LIST, ids=str)
def test_killed_again_and_again_the_last_retry_mends_it(played_twice: Stage, point: Point) -> None:
    """A retry that is killed itself leaves what the next one can go on from."""
    check_mended(played_twice, point)
