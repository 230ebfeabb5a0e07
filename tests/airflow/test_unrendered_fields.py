"""A task that fails while it is rendered: neither its log nor its callback gets to see what may be a credential."""

import json
import shutil
from collections.abc import Iterator

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.airflow.dags import unrendered
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import FinishedRun, run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "unrendered.py"


@pytest.fixture(name="ran", scope="module")
def _ran(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedRun]:
    with Emulator() as emulator:
        connection = json.loads(connection_to(emulator))
        home = AirflowHome(tmp_path_factory.mktemp("unrendered") / "home", connections={"copass_default": connection})
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        [run] = run_dag(home, home.dags / FILE.name, "unrendered")
        yield run


def test_no_value_is_in_the_log(ran: FinishedRun) -> None:
    """Though Airflow logs the template that it cannot render, and what the failure says, which may be a value."""
    assert {state for task, state in ran.tasks.items() if task != "configs"} == {"failed"}
    assert "Exception rendering Jinja template" in ran.printed
    assert "canary" not in ran.printed


@pytest.mark.parametrize("field", ["adapter_config", "sources"])
def test_the_log_says_which_field_failed_and_how(ran: FinishedRun, field: str) -> None:
    """By its name and the kind of the failure."""
    assert f"{field} cannot be rendered (UndefinedError)" in ran.printed


def test_a_callback_sees_the_shape(ran: FinishedRun) -> None:
    """Whether the field itself failed, one before it, or one behind it, which leaves it rendered."""
    told = [line for line in ran.printed.splitlines() if unrendered.CALLED_BACK in line]
    assert len(told) == 4
    assert all('"bot": "***"' in line for line in told)
