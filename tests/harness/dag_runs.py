"""Run a DAG of a file to its end, some times in a row, without a scheduler: in a child process of its own.

As a command, ``python -m tests.harness.dag_runs FILE DAG_ID TIMES``, it is what :func:`run_dag` starts in the home's
environment. Masking does not work this way, so it is not for what is said about logs.
"""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome

_MARK = "run: "


@dataclass(frozen=True)
class FinishedRun:
    """A DAG run that is over.

    :param tasks: the state of each task instance, under ``TASK_ID`` or ``TASK_ID[MAP_INDEX]``.
    """

    run_id: str
    state: str
    tasks: dict[str, str]


def run_dag(home: AirflowHome, file: Path, dag_id: str, *, times: int = 1) -> list[FinishedRun]:
    """Run a DAG in a migrated home and return its runs, whatever their state.

    :param file: the file that defines the DAG, below the home's folder of DAGs.
    :param times: how many runs, one after the other, all in the same child process.
    :raises CommandFailedError: when the child fails, e.g. because the file has no such DAG.
    """
    if home.dags not in file.parents:
        # Airflow 3 would say that the DAG is not serialized, which tells nobody what is wrong.
        raise ValueError(f"{file} does not lie below {home.dags}, where this home has its DAGs")
    command = [sys.executable, "-m", "tests.harness.dag_runs", str(file), dag_id, str(times)]
    done = home.run(*command, seconds=180)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    return [FinishedRun(**json.loads(line.removeprefix(_MARK))) for line in lines]


def dag_bag(path: str) -> Any:
    """Return what Airflow reads from a DAG file, or from a folder of them."""
    # Airflow 3.2 moved it.
    module = "airflow.dag_processing.dagbag" if AIRFLOW_VERSION >= (3, 2) else "airflow.models.dagbag"
    return importlib.import_module(module).DagBag(path)


def main(file: str, dag_id: str, times: str) -> None:
    """Run the DAG, and print a line for each run beside whatever Airflow prints."""
    bag = dag_bag(file)
    if dag_id not in bag.dags:
        sys.exit(f"{file} defines no DAG {dag_id}: {bag.import_errors or sorted(bag.dags)}")
    for _ in range(int(times)):
        run = bag.dags[dag_id].test()
        tasks = {
            each.task_id if each.map_index < 0 else f"{each.task_id}[{each.map_index}]": str(each.state)
            for each in run.get_task_instances()
        }
        told = {"run_id": run.run_id, "state": str(run.state), "tasks": tasks}
        print(f"\n{_MARK}{json.dumps(told)}", flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    main(*sys.argv[1:])
