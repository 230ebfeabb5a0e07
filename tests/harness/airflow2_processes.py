"""The scheduler of an Airflow 2 with its tasks as processes, and what a test asks of its REST API."""

import os
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from tests.harness.airflow_home import AirflowHome
from tests.harness.airflow_processes import TaskOutcome, kill, patient, read_log
from tests.harness.processes import Process, end_all, wait_for
from tests.harness.web_server import WebServer

_FINISHED = {"success", "failed"}


class Airflow2:
    """A scheduler with the LocalExecutor, for a ``with`` block.

    :param home: a migrated home that holds its DAG files already.
    :param triggerer: also start a triggerer, which deferred tasks need.
    """

    def __init__(self, home: AirflowHome, *, triggerer: bool = False) -> None:
        self.home = home
        self._names = ("scheduler", "triggerer") if triggerer else ("scheduler",)
        home.settings["CORE__EXECUTOR"] = "LocalExecutor"
        home.settings.setdefault("CORE__PARALLELISM", "4")
        # Two schedulers that write to one SQLite get in each other's way.
        home.settings["SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION"] = "False"
        home.settings.setdefault("SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.2")
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        self.home.airflow("dags", "reserialize")
        for name in self._names:
            self.start(name)
        return self

    def start(self, name: str) -> None:
        """Start one of its processes, such as a triggerer that was killed."""
        command = self.home.command(name, "--skip-serve-logs")
        self.processes.append(Process(name, command, environment=self.home.environment, folder=self.home.outputs))

    def kill(self, name: str) -> None:
        """End one of its processes, and all that it has started, with SIGKILL."""
        kill(self.processes, name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_all(self.processes)

    def trigger(self, dag_id: str) -> str:
        """Start a run by hand and return its id."""
        run_id = f"by_hand_{os.urandom(4).hex()}"
        self.home.airflow("dags", "trigger", dag_id, "--run-id", run_id)
        return run_id

    def wait_run(self, dag_id: str, run_id: str, *, seconds: float = 600) -> list[TaskOutcome]:
        """Wait until a run is over, in whichever state, and return its tasks.

        :raises NotReadyError: when the time is up.
        """

        def is_over() -> bool:
            [(state,)] = self.home.rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", dag_id, run_id)
            return state in _FINISHED

        wait_for(is_over, f"the end of the run {run_id} of {dag_id}", seconds=seconds, alive=self.processes)
        query = "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?"
        return sorted(
            (
                TaskOutcome(task, index, state or "none", tries)
                for task, index, state, tries in self.home.rows(query, dag_id, run_id)
            ),
            key=str,
        )


class ServedAirflow2(Airflow2):
    """The same with the web server, so that a test speaks to it as to an Airflow 3.

    :param port: of the web server; a free one by default.
    """

    def __init__(self, home: AirflowHome, *, port: int | None = None, triggerer: bool = False) -> None:
        super().__init__(home, triggerer=triggerer)
        self._server = WebServer(home, port=port)
        self.url = self._server.url
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self._server)
            self._api = opening.enter_context(httpx.Client(base_url=self._server.url, timeout=60, trust_env=False))
            super().__enter__()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            super().__exit__(kind, error, trace)

    def wait_healthy(self) -> None:
        """Return: it was waited for when it was started."""

    def wait_dags(self, files: Collection[str]) -> list[str]:
        """Return the ids of the DAGs of these files: they were read before the scheduler began."""
        dags = self.request("GET", "dags")["dags"]
        return sorted(dag["dag_id"] for dag in dags if Path(dag["fileloc"]).name in files)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request to the REST API and return its JSON.

        :param path: what follows ``/api/v1/``.
        :param options: as of ``httpx.Client.request``.
        :raises httpx.HTTPStatusError: for an answer that is no success.
        """
        response = patient(lambda: self._api.request(method, f"/api/v1/{path}", **options), self.processes)
        response.raise_for_status()
        return response.json()

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run by hand and return its id.

        :param conf: its parameters.
        """
        run_id = f"by_hand_{os.urandom(4).hex()}"
        try:
            self.request("POST", f"dags/{dag_id}/dagRuns", json={"conf": conf or {}, "dag_run_id": run_id})
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
        return run_id

    def tasks(self, dag_id: str, run_id: str) -> list[TaskOutcome]:
        """Return the task instances of a run."""
        found = self.request("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances")
        return [TaskOutcome.read(each) for each in found["task_instances"]]

    def task_log(self, dag_id: str, run_id: str, task: TaskOutcome) -> str:
        """Return the log of a task instance's last try."""
        return read_log(self.home.logs, dag_id, run_id, task)
