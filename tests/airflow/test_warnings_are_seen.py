"""What the other tests say of warnings rests on this: a warning inside of a real Airflow is seen."""

import shutil
from pathlib import Path

import pytest

from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "warns.py"


def test_a_warning_is_told_with_the_run_that_gave_it(migrated: AirflowHome, tmp_path: Path) -> None:
    """That of the file once, that of the task in each run, whatever Airflow's own filters are."""
    home = AirflowHome(tmp_path / "home")
    home.copy_database(migrated)
    shutil.copy(FILE, home.dags)
    told = [
        [line.partition(" ")[2] for line in run.warned]
        for run in run_dag(home, home.dags / FILE.name, "warns", times=2)
    ]
    assert told == [["UserWarning: read", "DeprecationWarning: run"], ["DeprecationWarning: run"]]
