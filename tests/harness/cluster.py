"""A cluster on one machine, for Airflow 2.11 and 3.x: PostgreSQL, Redis, Celery workers as hosts of their own.

Two schedulers, the API server, a dag-processor (Airflow 3), and triggerers where they are asked for, on loopback alone.
Schedulers, dag-processor and triggerers are supervised: each starts again when it ends by itself, for instance because
the database went away. A worker that is killed stays dead until it is started again.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome, Keys
from tests.harness.airflow_processes import Airflow, TaskOutcome, read_log
from tests.harness.database_servers import Postgres, Redis
from tests.harness.hosts import on_host, supervised
from tests.harness.ports import is_free
from tests.harness.processes import Process, wait_for

WORKERS = ("worker-a", "worker-b")
CONCURRENCY = 4
"""How many tasks a worker runs at once."""
VISIBILITY = 30
"""Seconds after which Redis gives a message that was not acknowledged to another worker."""
_FIRST_PORT = 18_000
_PORTS_END = 32_000  # below those that connections of this machine get

_SETTINGS = {
    "CELERY__OPERATION_TIMEOUT": "10",
    "CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
    "CELERY__WORKER_ENABLE_REMOTE_CONTROL": "True",
    "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(VISIBILITY),
    "CORE__EXECUTOR": "CeleryExecutor",
    "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
    "CORE__PARALLELISM": "16",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "3",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "600",
    "SCHEDULER__USE_JOB_SCHEDULE": "False",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "3",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
# The names that Airflow 2 has for some of them.
_SETTINGS_2 = {
    "SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
    "SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
    "SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "3",
}


def _low_ports(count: int) -> list[int]:
    """Return free ports that no outgoing connection of this machine takes meanwhile."""
    free = (port for port in range(_FIRST_PORT, _PORTS_END) if is_free(port))
    return [next(free) for _ in range(count)]


class ClusterHome(AirflowHome):
    """The home that schedulers and servers share, with PostgreSQL as its database.

    :param postgres: the database.
    :param redis: the broker.
    """

    def __init__(
        self, path: Path, postgres: Postgres, redis: Redis, *, settings: Mapping[str, str], **given: Any
    ) -> None:
        super().__init__(path, **given)
        for name in ("DATABASE__SQL_ALCHEMY_CONNECT_ARGS", "DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC"):
            # SQLite's.
            del self.settings[name]
        self.postgres = postgres
        where = postgres.dsn.replace("postgresql://", "postgresql+psycopg2://")
        self.settings.update(
            {
                "CELERY__BROKER_URL": redis.url,
                # With the driver's name: another one is the default of SQLAlchemy 2.1.
                "CELERY__RESULT_BACKEND": f"db+{where}",
                "DATABASE__SQL_ALCHEMY_CONN": where,
                **_SETTINGS,
                **({} if AIRFLOW_3 else _SETTINGS_2),
                **settings,
            }
        )

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Return what a query of the metadata database answers; each parameter stands as ``?`` in it."""
        with closing(psycopg2.connect(self.postgres.dsn)) as database, database.cursor() as cursor:
            # As texts, as SQLite has them.
            for register in (psycopg2.extras.register_default_json, psycopg2.extras.register_default_jsonb):
                register(cursor, loads=str)
            cursor.execute(query.replace("?", "%s"), parameters)
            return [
                tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
                for row in cursor.fetchall()
            ]


class _Cluster:
    """What both majors' clusters share: how each process is started."""

    home: ClusterHome
    processes: list[Process]

    def _prepare(self, schedulers: int, triggerers: int, workers: Sequence[str]) -> None:
        self.workers = tuple(workers)
        self.schedulers = tuple(f"scheduler-{number + 1}" for number in range(schedulers))
        self.triggerers = tuple(f"triggerer-{number + 1}" for number in range(triggerers))
        self.shared_logs = False
        self.clock_offsets: dict[str, int] = {}
        """Seconds by which the clock of a worker is ahead, at its next start."""
        self.worker_environment: dict[str, dict[str, str]] = {}
        self.host_names: dict[str, str] = {}
        """Other names of hosts than those of their workers."""

    def start(self, name: str) -> None:
        """Start one of the processes, for the first time or again."""
        if name.startswith("worker"):
            self._start_worker(name)
            return
        what = "scheduler" if name in self.schedulers else "triggerer" if name in self.triggerers else name
        quiet = ["--skip-serve-logs"] if what in {"scheduler", "triggerer"} else []
        command = self.home.command(what, *quiet)
        self._process(name, command if what == "api-server" else supervised(command), self.home.environment)

    def _start_worker(self, name: str) -> None:
        own = self.home.path.parent / name
        for folder in ("home", "tmp", "logs"):
            (own / folder).mkdir(parents=True, exist_ok=True)
        environment = {**self.home.environment, "AIRFLOW_HOME": str(own / "home"), "TMPDIR": str(own / "tmp")}
        # Root, as which Celery warns of itself.
        environment["C_FORCE_ROOT"] = "1"
        if not self.shared_logs:
            environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(own / "logs")
        environment.update(self.worker_environment.get(name, {}))
        queues = f"default,{name}"
        command = self.home.command(
            "celery", "worker", "--celery-hostname", name, "-q", queues, "--skip-serve-logs",
            "--pid", str(own / "worker.pid"), "--without-gossip",
        )  # fmt: skip
        (own / "worker.pid").unlink(missing_ok=True)
        host = self.host_names.get(name, name)
        self._process(name, on_host(host, command, clock_offset=self.clock_offsets.get(name, 0)), environment)

    def _process(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.processes.append(Process(name, command, environment=environment, folder=self.home.outputs))

    def wait_worker(self, name: str, *, seconds: float = 180, times: int = 1) -> None:
        """Wait until a worker says that it takes tasks.

        :param times: how often it has been started by then.
        """
        [process] = [each for each in self.processes if each.name == name]
        wait_for(
            lambda: process.text().count(f"{name} ready.") >= times,
            f"a ready {name}",
            seconds=seconds,
            interval=0.5,
            alive=[process],
        )

    def restart_worker(self, name: str) -> None:
        """Start a worker again that was killed, and wait until it takes tasks."""
        times = (self.home.outputs / f"{name}.out").read_text(errors="replace").count(f"{name} ready.") + 1
        self.start(name)
        self.wait_worker(name, times=times)

    def log_of(self, dag_id: str, run_id: str, task: TaskOutcome) -> str:
        """Return the logs of a task instance's last try on each host."""
        homes = [self.home.logs, *(self.home.path.parent / name / "logs" for name in self.workers)]
        texts = {logs.parent.name: read_log(logs, dag_id, run_id, task) for logs in homes}
        return "\n".join(f"[{host}]\n{text}" for host, text in texts.items() if text)


class Cluster3(_Cluster, Airflow):
    """Airflow 3."""

    def __init__(
        self, home: ClusterHome, port: int, *, schedulers: int, triggerers: int, workers: Sequence[str]
    ) -> None:
        Airflow.__init__(self, home, port=port)
        self._prepare(schedulers, triggerers, workers)
        self._commands = dict.fromkeys(
            ["api-server", *self.schedulers, "dag-processor", *self.triggerers, *workers], ()
        )

    def wait_healthy(self, *, seconds: float = 300) -> None:
        """Wait until every process has reported itself."""
        Airflow.wait_healthy(self, seconds=seconds)
        for name in self.workers:
            self.wait_worker(name)

    def task_log(self, dag_id: str, run_id: str, task: TaskOutcome) -> str:
        """Return the log of a task instance's last try, from whichever host wrote one."""
        return self.log_of(dag_id, run_id, task)


class Cluster2(_Cluster, ServedAirflow2):
    """Airflow 2.11."""

    def __init__(
        self, home: ClusterHome, port: int, *, schedulers: int, triggerers: int, workers: Sequence[str]
    ) -> None:
        ServedAirflow2.__init__(self, home, port=port)
        self._prepare(schedulers, triggerers, workers)
        home.settings["CORE__EXECUTOR"] = "CeleryExecutor"
        home.settings["SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION"] = "True"
        self._names = (*self.schedulers, *self.triggerers, *workers)

    def wait_healthy(self) -> None:
        """Wait until the workers take tasks; the web server was waited for."""
        for name in self.workers:
            self.wait_worker(name)

    def task_log(self, dag_id: str, run_id: str, task: TaskOutcome) -> str:
        """Return the log of a task instance's last try, from whichever host wrote one."""
        return self.log_of(dag_id, run_id, task)


Cluster = Cluster3 | Cluster2


@contextmanager
def opened(
    folder: Path,
    *,
    files: Collection[Path] = (),
    dags: Path | None = None,
    connections: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    schedulers: int = 2,
    triggerers: int = 0,
    workers: Sequence[str] = WORKERS,
    port: int | None = None,
    shared_logs: bool = False,
) -> Iterator[tuple[Cluster, Redis]]:
    """Start a cluster, and end all of it.

    :param folder: for all that it writes.
    :param files: DAG files, copied into its folder of DAGs.
    :param dags: instead, a folder of DAG files.
    :param connections: Airflow connections by id, put into the database.
    :param settings: further settings, as ``SECTION__KEY``.
    :param variables: Variables, by the environment.
    :param shared_logs: let all hosts write into one folder of logs, so that the API server shows them.
    """
    of_airflow, of_postgres, of_redis = _low_ports(3)
    with ExitStack() as opening:
        outputs = folder / "servers"
        outputs.mkdir(parents=True)
        postgres = opening.enter_context(Postgres(outputs, of_postgres))
        redis = opening.enter_context(Redis(outputs, of_redis))
        home = ClusterHome(
            folder / "home", postgres, redis, settings=settings or {}, dags=dags, keys=Keys(), variables=variables
        )
        for file in files:
            (home.dags / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        home.migrate()
        keep_connections(home, folder / "connections.json", connections or {})
        kind = Cluster3 if AIRFLOW_3 else Cluster2
        cluster = kind(home, port or of_airflow, schedulers=schedulers, triggerers=triggerers, workers=workers)
        cluster.shared_logs = shared_logs
        opening.enter_context(cluster)
        cluster.wait_healthy()
        yield cluster, redis


def keep_connections(home: AirflowHome, file: Path, connections: Mapping[str, Mapping[str, Any]]) -> None:
    """Put connections into the database, by a file: of a command's words Airflow keeps a log."""
    if connections:
        file.write_text(json.dumps(connections), encoding="utf-8")
        home.airflow("connections", "import", "--overwrite", str(file))
        file.unlink()
