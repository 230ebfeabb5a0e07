"""Airflow's own metrics: what is counted where they are on, and that nothing is sent where they are off."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.cluster.stage import DAGS
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.statsd import StatsdSink

# No cluster is needed, but its environment has what Airflow sends metrics by.
pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

FILE = DAGS / "metrics.py"
ENDS = dict.fromkeys(["created", "unchanged", "updated", "listed", "end"], "success")
ENDS |= dict.fromkeys(["failed", "doubled"], "failed")


def play(folder: Path, settings: Mapping[str, str]) -> None:
    """Run the DAG with such settings, in an account with two live sources of one name."""
    with Emulator() as emulator:
        emulator.seed([{"provider": "custom", "name": "Double"}] * 2)
        connection = json.loads(connection_to(emulator))
        home = AirflowHome(folder / "home", connections={"copass_default": connection}, settings=settings)
        shutil.copy(FILE, home.dags)
        home.migrate()
        # No `dag.test`: Airflow 3 turns its metrics on where a scheduler has started the task.
        with Airflow(home) if AIRFLOW_3 else ServedAirflow2(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            tasks = airflow.wait_run("metrics", airflow.trigger("metrics"))
        assert {task.task_id: task.state for task in tasks} == ENDS


def test_what_is_counted(tmp_path: Path) -> None:
    """Each registration by how it ended, each secret of an answer, each source beside another one of its name."""
    with StatsdSink() as sink:
        play(tmp_path, sink.settings)
    ours = {name.partition(".copass.")[2]: number for name, number in sink.counters.items() if ".copass." in name}
    assert ours == {
        "registrations.created": 2,
        "registrations.unchanged": 2,
        "registrations.updated": 1,
        "registrations.failed": 2,
        "secrets.minted": 1,
        "duplicates.seen": 1,
    }


def test_where_metrics_are_off_nothing_is_sent(tmp_path: Path) -> None:
    """And the tasks end as they do with them."""
    with StatsdSink() as sink:
        play(tmp_path, {**sink.settings, "METRICS__STATSD_ON": "False"})
    assert sink.names == set()
