"""The stage of the tests with a triggerer: a real Airflow, and an emulated account whose sources sync when told."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow, TaskOutcome
from tests.harness.emulator import made_up_token
from tests.harness.ports import free_port
from tests.harness.processes import wait_for

SYNCED = "2026-02-01T00:00:00+00:00"
INTERVAL = 2.0


@dataclass
class Stage:
    """A real Airflow with a triggerer, and the emulated account behind its connection.

    :param dag_id: the DAG whose mapped task ``wait`` waits for the sources that a run is given.
    :param interval: seconds between two of its looks.
    :param tokens: those that the connection has had.
    """

    airflow: Any
    home: AirflowHome
    emulator: Emulator
    dag_id: str = "waits"
    interval: float = INTERVAL
    tokens: list[str] = field(default_factory=list)

    def seed(self, count: int) -> list[str]:
        """Let some sources exist that have never synced."""
        return self.emulator.seed([{"provider": "custom", "name": f"{time.time()} {index}"} for index in range(count)])

    def wait_for_all(self, ids: list[str]) -> str:
        """Start a run whose tasks wait for these sources, and return it once all of them are deferred."""
        run_id: str = self.airflow.trigger(self.dag_id, {"ids": ids})
        self.until(
            lambda: self.states(run_id).count("deferred") == len(ids), f"{len(ids)} deferred tasks", 60 + 6 * len(ids)
        )
        return run_id

    def states(self, run_id: str) -> list[str]:
        """Return the state of each task that waits, in the order of their sources."""
        return [task.state for task in self.tasks(run_id)]

    def tasks(self, run_id: str) -> list[TaskOutcome]:
        """Return the tasks that wait, in the order of their sources."""
        query = "SELECT state, try_number, map_index FROM task_instance WHERE dag_id = ? AND run_id = ? AND task_id = ?"
        rows = self.home.rows(f"{query} ORDER BY map_index", self.dag_id, run_id, "wait")
        return [TaskOutcome("wait", index, state or "none", tries) for state, tries, index in rows if index >= 0]

    def ended(self, run_id: str, seconds: float = 300) -> list[str]:
        """Return the states of the tasks that wait, once all of them have ended."""
        final = {"success", "failed", "skipped", "upstream_failed", "removed"}
        self.until(lambda: set(self.states(run_id)) <= final, "the end of all waits", seconds)
        return self.states(run_id)

    def logs(self, run_id: str) -> dict[int, str]:
        """Return the log of each task that waits, by its map index."""
        return {task.map_index: self.airflow.task_log(self.dag_id, run_id, task) for task in self.tasks(run_id)}

    def sync(self, ids: list[str], when: str = SYNCED) -> None:
        """Let sources have synced."""
        for source_id in ids:
            self.emulator.set_source(source_id, last_sync_at=when)

    def looks(self, sandbox_id: str = "sb_demo") -> list[str]:
        """Return the operation of each request that looks into a sandbox."""
        return [
            each["operation"]
            for each in self.emulator.requests()
            if each["operation"] in {"list", "get"} and each["path_params"]["sandbox_id"] == sandbox_id
        ]

    def look_more(self, sandbox_id: str, count: int = 8) -> None:
        """Wait for so many looks more."""
        before = len(self.looks(sandbox_id))
        self.until(lambda: len(self.looks(sandbox_id)) >= before + count, f"{count} looks into {sandbox_id}", 600)

    def renew_token(self) -> None:
        """Store another token in the connection; then let an emulator with the same sources accept that one only."""
        kept = ("data_source_id", "provider", "name", "sandbox_id")
        rows = [{key: row[key] for key in kept} for row in self.emulator.sources()]
        renewed = Emulator(made_up_token(), port=int(self.emulator.url.rpartition(":")[2]), any_sandbox=True)
        connection = {**json.loads(connection_to(self.emulator, max_attempts=1)), "password": renewed.token}
        # By a file: of a command Airflow keeps words in its audit log.
        stored = self.home.path / "renewed.json"
        stored.write_text(json.dumps({"copass_default": connection}))
        self.home.airflow("connections", "import", "--overwrite", str(stored))
        stored.unlink()
        self.emulator.stop()
        renewed.start()
        renewed.seed(rows)
        self.emulator = renewed
        self.tokens.append(renewed.token)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
        """Wait for something."""
        return wait_for(condition, what, seconds=seconds, interval=0.3, alive=self.airflow.processes)

    def quiet(self) -> None:
        """Wait until nobody looks any more: as long as two rounds without a request."""

        def nobody() -> bool:
            before = len(self.looks())
            time.sleep(2.5 * self.interval)
            return len(self.looks()) == before

        self.until(nobody, "the end of every poll")


@contextmanager
def staged(
    folder: Path,
    migrated: AirflowHome,
    files: list[Path],
    *,
    dag_id: str = "waits",
    interval: float = INTERVAL,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start an account and an Airflow with a triggerer, for a ``with`` block.

    :param folder: a folder for the home.
    :param migrated: whose database is taken over.
    :param files: the DAG files.
    :param dag_id: as of :class:`Stage`.
    :param interval: as of :class:`Stage`.
    :param settings: of Airflow.
    """
    with Emulator(port=free_port(), any_sandbox=True) as emulator:
        home = AirflowHome(folder / "home", settings=settings)
        for file in files:
            shutil.copy(file, home.dags)
        home.copy_database(migrated)
        stored = json.loads(connection_to(emulator, max_attempts=1))
        home.airflow("connections", "add", "copass_default", "--conn-json", json.dumps(stored))
        stage: Stage | None = None
        try:
            with Airflow(home, triggerer=True) if AIRFLOW_3 else ServedAirflow2(home, triggerer=True) as airflow:
                airflow.wait_healthy()
                airflow.wait_dags([file.name for file in files])
                stage = Stage(airflow, home, emulator, dag_id, interval, [emulator.token])
                yield stage
        finally:
            if stage is not None:
                # That of a renewed token.
                stage.emulator.stop()
