"""``make lists``: how long lists of sources take on a real Airflow, and what of that is calls for Variables.

A LocalExecutor on SQLite. Each list is registered twice: new, and in place. Then two lists that overlap run beside
fifteen tasks of one source each.
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.emulator import Emulator
from tests.harness.processes import CHECKOUT

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "lists.py"
ROUNDS = ("new", "in place")


def measured(home: AirflowHome, dag_id: str) -> list[dict[str, Any]]:
    """Return what the runs of a DAG measured, in their order."""
    files = sorted((home.path / "measured").glob(f"{dag_id}.*.json"), key=lambda file: int(file.name.split(".")[-2]))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def main() -> int:
    """Measure, and print a table.

    :return: the exit code: 1 if a source is there twice.
    """
    print(f"Airflow {'.'.join(map(str, AIRFLOW_VERSION))}, LocalExecutor, SQLite; seconds of the operator's execute")
    print("| list | run | seconds | Variable calls | a source | seconds in them | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="copass-lists-") as folder, Emulator(Path(folder)) as emulator:
        home = AirflowHome(Path(folder) / "home", connections={"copass_default": emulator.connection()})
        shutil.copy(FILE, home.dags)
        home.migrate()
        with Airflow(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            for dag_id in ("polling_100", "realtime_100", "polling_1000"):
                for _ in ROUNDS:
                    airflow.wait_run(dag_id, airflow.trigger(dag_id), seconds=1800)
                for run, each in zip(ROUNDS, measured(home, dag_id), strict=True):
                    per_source = each["calls"] / each["sources"]
                    print(
                        f"| {dag_id} | {run} | {each['seconds']:.1f} | {each['calls']} | {per_source:.2f} "
                        f"| {each['call_seconds']:.1f} | {each['peak']:.0f} |",
                        flush=True,
                    )
            run_id = airflow.trigger("together")
            airflow.wait_run("together", run_id, seconds=900)
            tries = Counter(task.tries for task in airflow.tasks("together", run_id))
        names = Counter((source["provider"], source["name"]) for source in emulator.sources() if not source["deleted"])
        seconds = [f"{each['seconds']:.1f}" for each in measured(home, "together")]
    twice = [name for name, count in names.items() if count > 1]
    print(
        f"\nTwo lists of 100 that share 50, beside 15 single tasks: {', '.join(seconds)} s; tries {dict(tries)}; "
        f"{len(names)} sources in all, {len(twice)} of them twice."
    )
    return int(bool(twice))


if __name__ == "__main__":
    sys.exit(main())
