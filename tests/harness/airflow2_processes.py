"""The scheduler of an Airflow 2 with its tasks as processes, as far as a test needs one."""

import os
import sqlite3
from contextlib import closing
from types import TracebackType
from typing import Self

from tests.harness.airflow_home import AirflowHome
from tests.harness.airflow_processes import TaskOutcome
from tests.harness.processes import Process, end_all, wait_for

_FINISHED = {"success", "failed"}


class Airflow2:
    """A scheduler with the LocalExecutor, for a ``with`` block.

    :param home: a migrated home that holds its DAG files already.
    """

    def __init__(self, home: AirflowHome) -> None:
        self.home = home
        home.settings["CORE__EXECUTOR"] = "LocalExecutor"
        home.settings.setdefault("CORE__PARALLELISM", "4")
        # Two schedulers that write to one SQLite get in each other's way.
        home.settings["SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION"] = "False"
        home.settings.setdefault("SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.2")
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        self.home.airflow("dags", "reserialize")
        # Airflow 2 refuses this executor on SQLite, where many writers wait for each other; these few tasks do not.
        environment = {**self.home.environment, "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1"}
        command = self.home.command("scheduler", "--skip-serve-logs")
        self.processes.append(Process("scheduler", command, environment=environment, folder=self.home.outputs))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_all(self.processes)

    def trigger(self, dag_id: str) -> str:
        """Start a run by hand and return its id."""
        run_id = f"by_hand_{os.urandom(4).hex()}"
        self.home.airflow("dags", "trigger", dag_id, "--run-id", run_id)
        return run_id

    def wait_run(self, dag_id: str, run_id: str, *, seconds: float = 120) -> list[TaskOutcome]:
        """Wait until a run is over, in whichever state, and return its tasks.

        :raises NotReadyError: when the time is up.
        """

        def is_over() -> bool:
            [(state,)] = self._rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
            return state in _FINISHED

        wait_for(is_over, f"the end of the run {run_id} of {dag_id}", seconds=seconds, alive=self.processes)
        query = "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?"
        return sorted(
            (
                TaskOutcome(task, index, state or "none", tries)
                for task, index, state, tries in self._rows(query, dag_id, run_id)
            ),
            key=str,
        )

    def _rows(self, query: str, *parameters: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"{self.home.database.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, parameters).fetchall()
