"""Run a DAG of a file to its end, some times in a row, without a scheduler, in a child process.

As a command, ``python -m tests.harness.dag_runs``, it is the child, in the home's environment: it does what the lines
of its standard input say. Masking does not work this way, so it is not for what is said about logs.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import airflow_provider_copass
from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome, CommandFailedError
from tests.harness.own_words import WARNINGS
from tests.harness.processes import CHECKOUT

_MARK = "run: "
_DONE = "done: "
_OF_ENVIRONMENT = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")


@dataclass(frozen=True)
class FinishedRun:
    """A DAG run that is over.

    :param tasks: the state of each task instance, under ``TASK_ID`` or ``TASK_ID[MAP_INDEX]``.
    :param warned: each warning that was given while this package, or the DAG file, was doing something: during the
        run, and for the first one also while the file was read.
    :param printed: what the child process printed, the tasks' logs included: that of all its runs, and unmasked.
    """

    run_id: str
    state: str
    tasks: dict[str, str]
    warned: list[str]
    printed: str


def run_dag(
    home: AirflowHome, file: Path, dag_id: str, *, times: int = 1, conf: Mapping[str, object] | None = None
) -> list[FinishedRun]:
    """Run a DAG in a migrated home and return its runs, whatever their state.

    :param file: the file that defines the DAG, below the home's folder of DAGs.
    :param times: how many runs, one after the other.
    :param conf: what each run is given as its parameters.
    :raises CommandFailedError: when the child fails, e.g. because the file has no such DAG.
    """
    with DagRunner(home) as runner:
        return runner.run(file, dag_id, times=times, conf=conf)


class DagRunner:
    """A child process in which an Airflow stays imported, so that each further DAG starts in no time.

    :param home: the home; its database and logs may be those of an empty one between two runs, see :meth:`reset`.
    """

    def __init__(self, home: AirflowHome) -> None:
        self._home = home

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.dag_runs"],
            env=self._home.environment,
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()

    def run(
        self, file: Path, dag_id: str, *, times: int = 1, conf: Mapping[str, object] | None = None
    ) -> list[FinishedRun]:
        """Run a DAG; the parameters, the result and the error are those of :func:`run_dag`."""
        if self._home.dags not in file.parents:
            # Airflow 3 would say that the DAG is not serialized, which tells nobody what is wrong.
            raise ValueError(f"{file} does not lie below {self._home.dags}, where this home has its DAGs")
        # The connections and Variables that the home has by now.
        given = {key: text for key, text in self._home.environment.items() if key.startswith(_OF_ENVIRONMENT)}
        printed = self._tell(file=str(file), dag_id=dag_id, times=times, conf=dict(conf or {}), environment=given)
        lines = [line for line in printed.splitlines() if line.startswith(_MARK)]
        return [FinishedRun(**json.loads(line.removeprefix(_MARK)), printed=printed) for line in lines]

    def reset(self, migrated: AirflowHome) -> None:
        """Empty the database and the logs.

        :param migrated: a home with an empty database.
        """
        self._tell(close=True)
        self._home.copy_database(migrated)
        shutil.rmtree(self._home.logs, ignore_errors=True)

    def _tell(self, **order: object) -> str:
        """Give an order, and return what the child printed until it was done.

        :raises CommandFailedError: when it ended instead.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        lines: list[str] = []
        for line in self._child.stdout:
            if line.startswith(_DONE):
                return "".join(lines)
            lines.append(line)
        code = self._child.wait()
        done = subprocess.CompletedProcess(self._child.args, code, "".join(lines), "")
        raise CommandFailedError("python -m tests.harness.dag_runs", done)


def dag_bag_class() -> Any:
    """Return Airflow's class for what it reads from a DAG file, or from a folder of them."""
    # Airflow 3.2 moved it.
    module = "airflow.dag_processing.dagbag" if AIRFLOW_VERSION >= (3, 2) else "airflow.models.dagbag"
    return importlib.import_module(module).DagBag


class Warned:
    """Collects the warnings that come of our own code, directly or by what it calls.

    :param file: the DAG file, which is ours as well.
    """

    reading = False
    """The file is being read, so whatever comes is of it: Airflow holds warnings back then, and gives them later."""

    def __init__(self, file: str) -> None:
        self._ours = (str(Path(airflow_provider_copass.__file__).parent), str(Path(file).resolve()))
        self._told: list[str] = []

    def start(self) -> None:
        """Have every warning come by here from now on, and each time."""
        warnings.simplefilter("always")
        warnings.showwarning = self._look

    def _look(self, message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        stack = [frame.filename for frame in traceback.extract_stack()]
        ours = self.reading or any(name.startswith(self._ours) for name in [filename, *stack])
        if ours and not any(re.match(own.message, str(message)) for own in WARNINGS):
            self._told.append(f"{filename}:{lineno}: {category.__name__}: {message}")

    def take(self) -> list[str]:
        """Return what has come since the last time."""
        told, self._told = self._told, []
        return told


def main() -> None:
    """Do what each line of the standard input says, and print a line for each run beside whatever Airflow prints."""
    # First the class: on its import, Airflow sets filters and a way of showing warnings of its own.
    read = dag_bag_class()
    from airflow import settings

    for line in sys.stdin:
        order = json.loads(line)
        if order.get("close"):
            # The file that the database is in is about to be replaced.
            settings.Session.remove()
            settings.engine.dispose()
        else:
            _run(read, **order)
        print(f"\n{_DONE}", flush=True)  # noqa: T201 - read by the parent


def _run(
    read: Any, *, file: str, dag_id: str, times: int, conf: dict[str, object], environment: dict[str, str]
) -> None:
    """Run the DAG."""
    for key in [key for key in os.environ if key.startswith(_OF_ENVIRONMENT)]:
        del os.environ[key]
    os.environ.update(environment)
    warned = Warned(file)
    warned.start()
    warned.reading = True
    bag = read(file)
    warned.reading = False
    if dag_id not in bag.dags:
        sys.exit(f"{file} defines no DAG {dag_id}: {bag.import_errors or sorted(bag.dags)}")
    for _ in range(times):
        run = bag.dags[dag_id].test(run_conf=conf)
        tasks = {
            each.task_id if each.map_index < 0 else f"{each.task_id}[{each.map_index}]": str(each.state)
            for each in run.get_task_instances()
        }
        told = {"run_id": run.run_id, "state": str(run.state), "tasks": tasks, "warned": warned.take()}
        print(f"\n{_MARK}{json.dumps(told)}", flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    main()
