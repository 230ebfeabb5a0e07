"""What Airflow keeps of a rendered ``adapter_config``: its shape, in however many ways a task can be written."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.harness import leak_search
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import FinishedRun, run_dag
from tests.harness.processes import CHECKOUT

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "rendered.py"
CREDENTIAL = "xoxb-canary/31%41:rendered"
# Variables are masked by key: this one's key does not look like a secret's, on purpose.
VARIABLE = "copass_test_credential"
SHAPE = {"channels": ["***"], "auth": {"api_key": "***", "pin": "***"}}


@dataclass
class Ran:
    """The run, and what Airflow keeps of it."""

    emulator: Emulator
    home: AirflowHome
    run: FinishedRun

    def rendered(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return the rendered fields of each task instance."""
        query = "SELECT task_id, map_index, rendered_fields FROM rendered_task_instance_fields"
        with closing(sqlite3.connect(f"{self.home.database.as_uri()}?mode=ro", uri=True)) as database:
            return {(task, index): json.loads(fields) for task, index, fields in database.execute(query)}


@pytest.fixture(name="ran", scope="module")
def _ran(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with Emulator() as emulator:
        connection = json.loads(connection_to(emulator))
        home = AirflowHome(tmp_path_factory.mktemp("rendered") / "home", connections={"copass_default": connection})
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        # Not by ``variables set``: Airflow's audit log keeps a value whose key does not look like a secret's.
        file = tmp_path_factory.mktemp("variables") / "variables.json"
        file.write_text(json.dumps({VARIABLE: CREDENTIAL}), encoding="utf-8")
        home.airflow("variables", "import", str(file))
        [run] = run_dag(home, home.dags / FILE.name, "rendered")
        yield Ran(emulator, home, run)


def test_the_api_gets_every_value(ran: Ran) -> None:
    """What is hidden from Airflow is sent as it was rendered."""
    assert ran.run.state == "success"
    sent = {request["body"]["name"]: request["body"]["adapter_config"] for request in ran.emulator.requests("register")}
    config = {"channels": ["C1"], "auth": {"api_key": CREDENTIAL, "pin": "12345"}}
    assert sent == {
        "object": config,
        "text": {"api_key": CREDENTIAL},
        "m1": config,
        "m2": config,
        "own": {"mapped_key": CREDENTIAL},
    }


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        (("as_object", -1), SHAPE),
        (("as_text", -1), {"api_key": "***"}),
        (("mapped", 0), SHAPE),
        (("mapped", 1), SHAPE),
        (("mapped_config", 0), {"mapped_key": "***"}),
    ],
    ids=str,
)
def test_airflow_keeps_the_shape(ran: Ran, task: tuple[str, int], shape: dict[str, Any]) -> None:
    """Every key is there to be seen, and no value, whatever its key is called."""
    kept = ran.rendered()[task]["adapter_config"]
    assert (json.loads(kept) if isinstance(kept, str) else kept) == shape


def test_the_other_fields_are_kept_as_they_are(ran: Ran) -> None:
    """Only what may hold a credential is hidden."""
    kept = ran.rendered()["as_object", -1]
    assert (kept["name"], kept["provider"]) == ("object", "slack")


def test_the_credential_is_nowhere_in_airflow_s_home(ran: Ran) -> None:
    """Neither in a column of the database nor in a task's log, in whichever form."""
    outcome = leak_search.search([ran.home.path], {"the credential": CREDENTIAL})
    assert not outcome.leaks
    assert leak_search.search([ran.home.database], {"the landmark": "copass_test_credential"}).leaks
