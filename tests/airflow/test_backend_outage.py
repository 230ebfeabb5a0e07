"""A secrets backend that is down while a real Airflow runs the task: nothing is concluded from what cannot be read."""

import json
import shutil
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "outage.py"


def test_an_outage_makes_nothing_and_the_next_run_goes_on(
    emulator: Emulator, migrated: AirflowHome, tmp_path: Path
) -> None:
    """Down before the first run, and again after it: no POST, no rotation, a task that fails; and then all is well."""
    folder = tmp_path / "variables"
    folder.mkdir()
    connection = json.loads(connection_to(emulator))
    backend = "tests.secret_stores.folder_backend.FolderBackend"
    home = AirflowHome(
        tmp_path / "home",
        connections={"copass_default": connection},
        settings={
            "SECRETS__BACKEND": backend,
            "SECRETS__BACKEND_KWARGS": f'{{"folder": "{folder}"}}',
        },
    )
    shutil.copy(FILE, home.dags)
    home.copy_database(migrated)

    def run() -> tuple[str, int, int]:
        [run] = run_dag(home, home.dags / FILE.name, "outage")
        operations = [request["operation"] for request in emulator.requests()]
        return run.state, operations.count("register"), operations.count("rotate")

    (folder / "down").touch()
    assert run() == ("failed", 0, 0)
    (folder / "down").unlink()
    assert run() == ("success", 1, 0)
    (folder / "down").touch()
    assert run() == ("failed", 1, 0)
    (folder / "down").unlink()
    assert run() == ("success", 1, 0)
