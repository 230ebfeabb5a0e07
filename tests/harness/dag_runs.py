"""Run a DAG of a file to its end, some times in a row, without a scheduler: in a child process of its own.

As a command, ``python -m tests.harness.dag_runs FILE DAG_ID TIMES CONF``, it is what :func:`run_dag` starts in the
home's environment. Masking does not work this way, so it is not for what is said about logs.
"""

import importlib
import json
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow_provider_copass
from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.own_words import WARNINGS

_MARK = "run: "


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
    :param times: how many runs, one after the other, all in the same child process.
    :param conf: what each run is given as its parameters.
    :raises CommandFailedError: when the child fails, e.g. because the file has no such DAG.
    """
    if home.dags not in file.parents:
        # Airflow 3 would say that the DAG is not serialized, which tells nobody what is wrong.
        raise ValueError(f"{file} does not lie below {home.dags}, where this home has its DAGs")
    command = [sys.executable, "-m", "tests.harness.dag_runs", str(file), dag_id, str(times), json.dumps(conf or {})]
    done = home.run(*command, seconds=600)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    printed = done.stdout + done.stderr
    return [FinishedRun(**json.loads(line.removeprefix(_MARK)), printed=printed) for line in lines]


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


def main(file: str, dag_id: str, times: str, conf: str) -> None:
    """Run the DAG, and print a line for each run beside whatever Airflow prints."""
    # First the class: on its import, Airflow sets filters and a way of showing warnings of its own.
    read = dag_bag_class()
    warned = Warned(file)
    warned.start()
    warned.reading = True
    bag = read(file)
    warned.reading = False
    if dag_id not in bag.dags:
        sys.exit(f"{file} defines no DAG {dag_id}: {bag.import_errors or sorted(bag.dags)}")
    for _ in range(int(times)):
        run = bag.dags[dag_id].test(run_conf=json.loads(conf))
        tasks = {
            each.task_id if each.map_index < 0 else f"{each.task_id}[{each.map_index}]": str(each.state)
            for each in run.get_task_instances()
        }
        told = {"run_id": run.run_id, "state": str(run.state), "tasks": tasks, "warned": warned.take()}
        print(f"\n{_MARK}{json.dumps(told)}", flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    main(*sys.argv[1:])
