"""A whole Airflow 3 in processes of its own, and what a test asks of its REST API."""

import json
import os
import signal
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from tests.harness.airflow_home import AirflowHome, served_at
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.processes import NotReadyError, Process, end_all, wait_for
from tests.harness.sessions import living

_FINISHED = {"success", "failed"}
# What each process of Airflow is called in the answer of the health check.
_COMPONENTS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


@dataclass(frozen=True)
class TaskOutcome:
    """One task instance of a finished run.

    :param map_index: -1 for a task that is not mapped.
    :param tries: how many tries it took; 0 when it never ran.
    """

    task_id: str
    map_index: int
    state: str
    tries: int

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Read a task instance as the REST API tells it, on 2.11 and 3.x alike."""
        return cls(told["task_id"], told["map_index"], told["state"] or "none", told["try_number"])

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class RunFailedError(Exception):
    """A DAG run ended in another state than success.

    :param tail: the last lines of the log of the task that failed first.
    """

    def __init__(self, what: str, tail: str) -> None:
        super().__init__(what)
        self.tail = tail

    def __str__(self) -> str:
        return f"{self.args[0]}\n{self.tail}"


def kill(processes: list[Process], name: str) -> None:
    """End a process and all that it has started with SIGKILL, and take it out of the list.

    :param processes: where it is.
    :param name: its name.
    """
    [process] = [each for each in processes if each.name == name]
    processes.remove(process)
    for pid in living([process.pid]):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end_all([process])


def patient(send: Callable[[], httpx.Response], alive: Sequence[Process]) -> httpx.Response:
    """Send a request until it is answered without a server error: on SQLite one that waits too long gets a 500.

    :param send: sends it; it may be sent twice.
    :param alive: the processes that answer.
    :raises NotReadyError: where the server fails for a minute.
    """

    def answer() -> httpx.Response | None:
        response = send()
        return None if response.is_server_error else response

    return wait_for(answer, "an answer that is no server error", seconds=60, interval=0.5, alive=alive)


class Airflow:
    """Api-server, scheduler and dag-processor (and a triggerer) of a migrated home, for a ``with`` block.

    Entering starts the processes and returns at once; :meth:`wait_healthy` waits for them.

    :param home: where it lives. Its settings are extended by those that this needs.
    :param port: of the api-server; a free one by default.
    :param triggerer: also start a triggerer, which deferred tasks need.
    """

    def __init__(self, home: AirflowHome, *, port: int | None = None, triggerer: bool = False) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        home.settings.update(served_at(self.port))
        # How fast a test goes, not how well an installation does.
        home.settings.setdefault("CORE__PARALLELISM", "4")
        home.settings.setdefault("DAG_PROCESSOR__REFRESH_INTERVAL", "10")
        home.settings.setdefault("SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.2")
        self._commands: dict[str, tuple[str, ...]] = {
            "api-server": (),
            # Logs are read from the folder; their own server would listen on every interface.
            "scheduler": ("--skip-serve-logs",),
            "dag-processor": (),
            **({"triggerer": ("--skip-serve-logs",)} if triggerer else {}),
        }
        self.processes: list[Process] = []
        self._api = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def start(self, name: str) -> None:
        """Start one of its processes, such as a triggerer that was killed."""
        command = self.home.command(name, *self._commands[name])
        self.processes.append(Process(name, command, environment=self.home.environment, folder=self.home.outputs))

    def kill(self, name: str) -> None:
        """End one of its processes, and all that it has started, with SIGKILL."""
        kill(self.processes, name)

    def __enter__(self) -> Self:
        try:
            for name in self._commands:
                self.start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process."""
        self._api.close()
        end_all(self.processes)

    def wait_healthy(self, *, seconds: float = 300) -> None:
        """Wait until the API answers and every process has reported itself.

        :raises NotReadyError: when one of them ends or the time is up.
        """
        # Of several the health check tells one.
        kinds = {name.rstrip("-0123456789") for name in self._commands}
        expected = [_COMPONENTS[kind] for kind in kinds if kind in _COMPONENTS]

        def healthy() -> bool:
            try:
                answer = self._api.get("/api/v2/monitor/health")
                components = answer.json() if answer.is_success else {}
            except httpx.TransportError:
                return False
            return all(components.get(name, {}).get("status") == "healthy" for name in expected)

        wait_for(healthy, "a healthy Airflow", seconds=seconds, interval=0.2, alive=self.processes)
        token = self._api.get("/auth/token").raise_for_status().json()["access_token"]
        self._api.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> Any:
        """Send a request to the REST API and return its JSON.

        :param path: what follows ``/api/v2/``.
        :param missing_ok: return None for a 404.
        :param options: as of ``httpx.Client.request``.
        :raises httpx.HTTPStatusError: for an answer that is no success.
        :raises NotReadyError: where the server fails for a minute.
        """
        response = patient(lambda: self._api.request(method, f"/api/v2/{path}", **options), self.processes)
        if missing_ok and response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        return response.json() if response.content else None

    def put_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Store a connection, in the place of one of the same id.

        :param connection: as the REST API takes it, but for its id; ``extra`` is a JSON string.
        """
        body = {**connection, "connection_id": conn_id}
        if self.request("GET", f"connections/{conn_id}", missing_ok=True) is None:
            self.request("POST", "connections", json=body)
        else:
            self.request("PATCH", f"connections/{conn_id}", json=body)

    def wait_dags(self, files: Collection[str], *, seconds: float = 300) -> list[str]:
        """Wait until the dag-processor has read each of these files, and return the ids of their DAGs.

        :param files: names below the home's folder of DAGs.
        :raises NotReadyError: when the time is up, with the import errors that there are.
        """

        def parsed() -> list[str] | None:
            found = [dag for dag in self.request("GET", "dags")["dags"] if dag["relative_fileloc"] in files]
            complete = {dag["relative_fileloc"] for dag in found} == set(files)
            return sorted(dag["dag_id"] for dag in found) if complete else None

        try:
            what = f"the DAGs of {', '.join(files)}"
            return wait_for(parsed, what, seconds=seconds, alive=self.processes)
        except NotReadyError as error:
            broken = self.request("GET", "importErrors")["import_errors"]
            tail = "\n".join(f"{each['filename']}: {each['stack_trace']}" for each in broken)
            raise NotReadyError(error.what, tail or error.tail) from None

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand and return its id.

        :param conf: its parameters.
        """
        # An id of our own: a request that is sent twice makes one run.
        run_id = f"manual_{uuid.uuid4().hex}"
        body = {"logical_date": None, "conf": conf or {}, "dag_run_id": run_id}
        try:
            self.request("POST", f"dags/{dag_id}/dagRuns", json=body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
        return run_id

    def wait_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        seconds: float = 600,
        progress: Callable[[list[TaskOutcome]], None] = lambda tasks: None,
    ) -> list[TaskOutcome]:
        """Wait until a run is over and return its tasks.

        :param progress: told now and then how the tasks stand.
        :raises RunFailedError: when it did not succeed, with the log of a task that failed.
        :raises NotReadyError: when the time is up.
        """
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}"

        def finished() -> str | None:
            state: str = self.request("GET", path)["state"]
            progress(self.tasks(dag_id, run_id))
            return state if state in _FINISHED else None

        what = f"the end of the run {run_id} of {dag_id}"
        state = wait_for(finished, what, seconds=seconds, interval=0.3, alive=self.processes)
        tasks = self.tasks(dag_id, run_id)
        if state != "success":
            failed = [task for task in tasks if task.state == "failed"]
            told = ", ".join(f"{task} {task.state}" for task in tasks)
            if failed:
                source, log = f"the log of {failed[0]}", self.task_log(dag_id, run_id, failed[0])
            else:
                source, log = "the scheduler's output", self.processes[1].text()
            raise RunFailedError(f"the run {state}: {told}; below, {source}", "\n".join(log.splitlines()[-30:]))
        return tasks

    def tasks(self, dag_id: str, run_id: str) -> list[TaskOutcome]:
        """Return the task instances of a run."""
        found = self.request("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances")
        outcomes = map(TaskOutcome.read, found["task_instances"])
        return sorted(outcomes, key=lambda task: (task.task_id, task.map_index))

    def xcoms(self, dag_id: str, run_id: str, task: TaskOutcome) -> dict[str, Any]:
        """Return every XCom of one task instance by key, as a value."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task.task_id}/xcomEntries"
        index = {"map_index": task.map_index}
        entries = self.request("GET", path, params=index)["xcom_entries"]
        return {
            entry["key"]: self.request("GET", f"{path}/{quote(entry['key'])}", params={**index, "deserialize": True})[
                "value"
            ]
            for entry in entries
        }

    def task_log(self, dag_id: str, run_id: str, task: TaskOutcome) -> str:
        """Return the log of a task instance's last try, as a person reads it."""
        return read_log(self.home.logs, dag_id, run_id, task)


def read_log(logs: Path, dag_id: str, run_id: str, task: TaskOutcome) -> str:
    """Return the log of a task instance's last try, as a person reads it; what its trigger logged comes at the end."""
    folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task.task_id}"
    if task.map_index >= 0:
        folder /= f"map_index={task.map_index}"
    tries = sorted(folder.glob("attempt=*.log"), key=lambda path: path.stat().st_mtime)
    if not tries:
        return ""
    # A trigger's is named after that of the task: attempt=1.log.trigger.2.log.
    last = tries[-1].name.partition(".")[0]
    files = sorted(folder.glob(f"{last}.log*"), key=lambda path: len(path.name))
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    return "\n".join(_readable(line) for line in text.splitlines())


def _readable(line: str) -> str:
    """Turn a line of a task log, which is a JSON object, into what a person reads."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if not isinstance(told, dict):
        return line
    text = f"{str(told.get('level', '')).upper():8}{told.get('event', '')}"
    for error in told.get("error_detail") or ():
        text += f"\n        {error.get('exc_type')}: {error.get('exc_value')}"
    return text
