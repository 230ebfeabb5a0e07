"""Sixteen tasks of a real scheduler register the same source at the same moment."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from airflow_provider_copass.registration.journal import Completed, from_text
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow, TaskOutcome
from tests.harness.processes import CHECKOUT, wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "sixteen.py"
COUNT = 16


@dataclass
class Ran:
    """The run, once it is over."""

    emulator: Emulator
    home: AirflowHome
    tasks: list[TaskOutcome]
    xcoms: dict[int, dict[str, Any]]


@pytest.fixture(name="ran", scope="module")
def _ran(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with Emulator() as emulator:
        connection = json.loads(connection_to(emulator))
        home = AirflowHome(
            tmp_path_factory.mktemp("sixteen") / "home",
            connections={"copass_default": connection},
            # They may start one by one; they are let go together.
            settings={"CORE__PARALLELISM": str(COUNT), "SCHEDULER__MAX_TIS_PER_QUERY": "1"},
        )
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        with Airflow(home) if AIRFLOW_3 else ServedAirflow2(home) as airflow:
            airflow.wait_healthy()
            [dag_id] = airflow.wait_dags([FILE.name])
            run_id = airflow.trigger(dag_id)
            gate = home.path / "gate"
            wait_for(
                lambda: len(list(gate.glob("*.waits"))) == COUNT,
                "sixteen tasks at the gate",
                seconds=600,
                alive=airflow.processes,
            )
            (gate / "open").touch()
            tasks = airflow.wait_run(dag_id, run_id)
            yield Ran(emulator, home, tasks, home.xcoms(dag_id, run_id, "register"))


def test_all_succeed(ran: Ran) -> None:
    """All but the first wait for it; on a busy machine some leave the rest of that to Airflow's retry."""
    assert [task.state for task in ran.tasks] == ["success"] * COUNT
    # No try has failed for anything but the wait.
    failed = [path for path in ran.home.logs.rglob("attempt=*.log") if "EntryBusyError" in path.read_text()]
    assert len(failed) == sum(task.tries - 1 for task in ran.tasks)


def test_one_live_source_is_there(ran: Ran) -> None:
    """Whatever was sent, one source is left."""
    assert len([source for source in ran.emulator.sources() if not source["deleted"]]) == 1


def test_one_post_was_sent(ran: Ran) -> None:
    """The lease kept the others from sending theirs: no duplicate was created that had to be deleted."""
    operations = [request["operation"] for request in ran.emulator.requests()]
    assert (operations.count("register"), operations.count("rotate"), operations.count("delete")) == (1, 0, 0)


def test_all_tell_the_same_source_and_key(ran: Ran) -> None:
    """Every task's XComs name the one source, and the one key of its secret."""
    [source_id] = {source["data_source_id"] for source in ran.emulator.sources() if not source["deleted"]}
    assert [xcoms["return_value"] for xcoms in ran.xcoms.values()] == [source_id] * COUNT
    assert [xcoms["stored_as"] for xcoms in ran.xcoms.values()] == [f"copass_webhook_secret_{source_id}"] * COUNT


def test_the_stored_secret_is_the_valid_one(ran: Ran) -> None:
    """Nobody has overwritten it, and nobody has made it void."""
    secret = ran.home.variable(ran.xcoms[0]["stored_as"])
    assert secret is not None
    assert ran.emulator.verify_secret(ran.xcoms[0]["return_value"], secret)


def test_the_entry_is_completed(ran: Ran) -> None:
    """There is one entry, and nobody holds its lease."""
    [name] = [key for key in ran.home.variable_keys() if key.startswith("copass_entry_")]
    assert isinstance(from_text(ran.home.variable(name), name=name), Completed)
