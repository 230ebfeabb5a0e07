"""The Variable store inside a real task, put through the contract of all secret stores."""

import shutil
from pathlib import Path

import pytest

from airflow_provider_copass.secret_stores.testing import SecretStoreContract
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "contract.py"


def test_the_variable_store_keeps_the_contract(tmp_path: Path) -> None:
    """Every test of it passes, in a task of a real Airflow; all of them were played."""
    home = AirflowHome(tmp_path / "home")
    shutil.copy(FILE, home.dags)
    home.migrate()
    [run] = run_dag(home, home.dags / FILE.name, "contract")
    assert run.state == "success"
    played = home.xcoms("contract", run.run_id, "play")[-1]["return_value"]
    assert set(played) == {name for name in dir(SecretStoreContract) if name.startswith("test_")}
