"""Sources that a real Airflow hands to the operators in forms of its own."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import FinishedRun, run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "sources_given.py"


@dataclass
class Ran:
    """The run, and the account that it registered in."""

    emulator: Emulator
    run: FinishedRun

    def names(self) -> set[str]:
        """Return the names of the sources that there are."""
        return {source["name"] for source in self.emulator.sources()}


@pytest.fixture(name="ran", scope="module")
def _ran(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with Emulator() as emulator:
        connection = json.loads(connection_to(emulator))
        home = AirflowHome(tmp_path_factory.mktemp("given") / "home", connections={"copass_default": connection})
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        [run] = run_dag(home, home.dags / FILE.name, "sources_given")
        yield Ran(emulator, run)


@pytest.mark.parametrize(
    ("task", "names"), [("mapped", {"a", "b"}), ("joined", {"c", "d"}), ("changed", {"e renamed"})]
)
def test_the_output_of_a_mapped_task_is_a_list(ran: Ran, task: str, names: set[str]) -> None:
    """Also joined with another's, or changed by ``map``; Airflow reads each entry when it is asked for."""
    assert ran.run.tasks[task] == "success"
    assert names <= ran.names()


def test_the_output_of_a_mapped_task_may_be_within_a_field(ran: Ran) -> None:
    """It is sent as the list that it is."""
    [sent] = [each["body"] for each in ran.emulator.requests("register") if each["body"]["name"] == "f"]
    assert sent["adapter_config"] == {"channels": ["C1", "C2"]}


def test_what_is_no_json_is_refused_in_our_words(ran: Ran) -> None:
    """A date out of a database, say: Airflow, which stores the rendered list, does not break on it before."""
    assert ran.run.tasks["no_json"] == "failed"
    assert "sources[0] ('slack'): name must be a string" in ran.run.printed
