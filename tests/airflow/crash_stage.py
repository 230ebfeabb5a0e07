"""The stage of the crash matrix: an Airflow whose tasks are killed where a test says, and an emulated account."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from airflow_provider_copass.registration.journal import Completed, entry_name, from_text
from airflow_provider_copass.registration.spec import Identity
from tests.airflow.crash_points import KILLED, LISTED, PREPARED, REQUESTS, ROTATED, TIMED_OUT, Kill, Marks, Point
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.processes import CHECKOUT, NotReadyError, wait_for

SANDBOX = "sb_demo"
FILE = CHECKOUT / "tests" / "airflow" / "dags" / "crashes.py"
PARALLELISM = 12
"""How many tasks run at once."""


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
    """An Airflow and an emulated account, on which many runs are played at once.

    :param stored: what the store holds under a key.
    """

    def __init__(
        self, emulator: Emulator, airflow: Airflow | ServedAirflow2, stored: Callable[[str], str | None]
    ) -> None:
        self.emulator = emulator
        self.stored = stored
        self.airflow = airflow
        self.home = airflow.home
        self.marks = Marks(airflow.home.path)
        self.played: dict[Point, Killing] = {}
        self.before: dict[Point, str] = {}
        """The secret that was valid before a point's task rotated it."""

    def prepare(self, points: Sequence[Point], *, seconds: float) -> None:
        """Register a source for each of these points, whose tasks rotate its secret."""
        self.airflow.request("PATCH", f"dags/{PREPARED}", json={"is_paused": False})
        runs = {self.airflow.trigger(PREPARED, {"word": point.word}) for point in points}
        wait_for(
            lambda: not self._unfinished(runs),
            "the sources",
            seconds=seconds,
            interval=0.5,
            alive=self.airflow.processes,
        )
        for point in points:
            [source] = self.live(point)
            self.before[point] = self.stored(self.key(point)) or ""
            assert self.emulator.verify_secret(source["data_source_id"], self.before[point])

    def key(self, point: Point) -> str:
        """Return the key of the secret of a point's source."""
        [source] = self.live(point)
        return f"copass_webhook_secret_{source['data_source_id']}"

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
            wait_for(over, "every task to be killed where it should be", seconds=seconds, alive=self.airflow.processes)
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
        killing.run_id = self.airflow.trigger(point.dag_id, {"word": point.word})
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
        """Tell whether a try is where it is to be killed."""
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

    def check_tries(self, point: Point) -> None:
        """Check that a point's task ran once more than it was killed, and succeeded at last.

        Airflow 2.11 may count a killed try twice, for its scheduler sees the dead process and the missing heartbeat,
        and may take a later try for the dead one when that has succeeded already. The run's state then tells.

        :raises AssertionError: where it was not killed as planned, or did not succeed at last; with its last log.
        """
        killing = self.played[point]
        [task] = self.airflow.tasks(point.dag_id, killing.run_id)
        log = self.airflow.task_log(point.dag_id, killing.run_id, task)
        assert killing.done == list(point.kills), f"was killed {killing.done}, is {task.state}\n{log}"
        run = self.airflow.request("GET", f"dags/{point.dag_id}/dagRuns/{killing.run_id}")
        assert (task.state if AIRFLOW_3 else run["state"]) == "success", log
        tries, expected = self.marks.begun(point.word), 1 + sum(kill.ends_the_try for kill in point.kills)
        assert tries == expected or (not AIRFLOW_3 and tries > expected), f"{tries} tries in place of {expected}\n{log}"

    def xcoms(self, point: Point) -> dict[str, Any]:
        """Return the XComs of a point's task."""
        return self.home.xcoms(point.dag_id, self.played[point].run_id, point.task_id)[-1]


@contextmanager
def opened(
    folder: Path,
    migrated: AirflowHome,
    settings: Mapping[str, str] | None = None,
    stored: Callable[[str], str | None] | None = None,
) -> Iterator[Stage]:
    """Start an Airflow and an emulated account, and end them.

    :param folder: for its home.
    :param migrated: a home whose database is copied.
    :param settings: further ones of Airflow; with a secrets backend among them, secrets go there.
    :param stored: what the store holds under a key; that of Airflow's Variables by default.
    """
    with Emulator() as emulator:
        # A request that is held must not end by itself.
        connection = json.loads(connection_to(emulator, timeout=300))
        own = {
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "CORE__PARALLELISM": str(PARALLELISM),
            # Tasks that start at the same moment make Airflow's API server and SQLite wait for each other.
            "SCHEDULER__MAX_TIS_PER_QUERY": "1",
        }
        home = AirflowHome(
            folder / "home", connections={"copass_default": connection}, settings={**own, **(settings or {})}
        )
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        with Airflow(home) if AIRFLOW_3 else ServedAirflow2(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            yield Stage(emulator, airflow, stored or home.variable)


def check_stored(stage: Stage, point: Point) -> str:
    """Check that the secret is stored and valid, and that the entry is completed; return the key."""
    [source] = stage.live(point)
    source_id = source["data_source_id"]
    secret = stage.stored(stage.key(point))
    assert secret is not None
    assert stage.emulator.verify_secret(source_id, secret)

    name = entry_name(Identity(SANDBOX, point.word, "Crashed"))
    entry = from_text(stage.home.variable(name), name=name)
    assert isinstance(entry, Completed)
    assert (entry.source_id, entry.key) == (source_id, stage.key(point))
    return entry.key


def check_mended(stage: Stage, point: Point) -> None:
    """Check all that is promised of a task that has succeeded, however often it was killed."""
    stage.check_tries(point)
    [source] = stage.live(point)
    source_id = source["data_source_id"]
    key = check_stored(stage, point)

    xcoms = stage.xcoms(point)
    assert set(xcoms) == {"return_value", "data_source_id", "source", "stored_as"}
    assert (xcoms["return_value"], xcoms["data_source_id"], xcoms["stored_as"]) == (source_id, source_id, key)
    assert xcoms["source"]["data_source_id"] == source_id
