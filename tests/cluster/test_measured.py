"""What a registration takes on a cluster, beside the LocalExecutor with SQLite on the same machine."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.pytest_plugin import connection_to
from tests.cluster.stage import DAGS, opened
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow
from tests.harness.processes import wait_for

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.cluster,
    pytest.mark.deep,
    pytest.mark.skipif(not AIRFLOW_3, reason="an Airflow 2 has no server that its tasks ask"),
]

FILE = DAGS / "measured.py"
COUNT = 16
TELL = Callable[[str, object], None]


def measure(airflow: Any, emulator: Emulator, gate: Path) -> dict[str, Any]:
    """Play both DAGs and return what they took."""
    before = airflow.processes[0].text().count("path=/execution/variables/")
    run_id = airflow.trigger("measured")
    airflow.wait_run("measured", run_id, seconds=600)
    calls = airflow.processes[0].text().count("path=/execution/variables/") - before
    seconds = {
        task: [xcoms["seconds"] for xcoms in airflow.home.xcoms("measured", run_id, task).values()]
        for task in ("new", "again")
    }
    posts = len(emulator.requests("register"))
    gate.mkdir()
    run_id = airflow.trigger("at_once", {"gate": str(gate)})
    wait_for(lambda: len(list(gate.glob("*.waits"))) == COUNT, "sixteen tasks at the gate", seconds=600)
    (gate / "open").touch()
    tasks = airflow.wait_run("at_once", run_id, seconds=600)
    assert [(task.state, task.tries) for task in tasks] == [("success", 1)] * COUNT
    assert len(emulator.requests("register")) - posts == 1
    at_once = [xcoms["seconds"] for xcoms in airflow.home.xcoms("at_once", run_id, "register").values()]
    return {
        "new, median s": median(seconds["new"]),
        "in place, median s": median(seconds["again"]),
        "Variable calls of a new one and one in place": calls / 6,
        "sixteen at once, slowest s": max(at_once),
    }


def test_a_cluster_costs_no_multiple_of_one_machine(tmp_path: Path, record_testsuite_property: TELL) -> None:
    """A registration takes less than three times as long; sixteen at once send one POST on either."""
    with Emulator() as emulator:
        connection = json.loads(connection_to(emulator, timeout=120))
        home = AirflowHome(
            tmp_path / "home", connections={"copass_default": connection}, settings={"CORE__PARALLELISM": str(COUNT)}
        )
        shutil.copy(FILE, home.dags)
        home.migrate()
        with Airflow(home) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            local = measure(airflow, emulator, tmp_path / "gate-local")
    with opened(tmp_path, [FILE], settings={"CELERY__WORKER_CONCURRENCY": "8"}) as stage:
        cluster = measure(stage.cluster, stage.emulator, tmp_path / "gate-cluster")
    for name, value in local.items():
        record_testsuite_property(name, f"local {value:.2f}, cluster {cluster[name]:.2f}")
    assert cluster["new, median s"] < 3 * local["new, median s"]
    assert cluster["Variable calls of a new one and one in place"] <= 20 + 2
