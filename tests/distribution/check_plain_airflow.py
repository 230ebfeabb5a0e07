"""The wheel in an Airflow that has nothing else of ours: neither tests, nor an extra, nor a checkout."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_copass import __version__
from tests.harness.airflow_home import AirflowHome
from tests.harness.emulator import Emulator, fingerprint
from tests.harness.processes import CHECKOUT

EXAMPLE = "example_copass_register_source"
# These need no Variable and no source beforehand.
OTHERS = ("example_copass_source_lifecycle", "example_copass_ephemeral_source")
PARSE = (
    "import json, sys; from airflow.dag_processing.dagbag import DagBag; bag = DagBag(sys.argv[1]);"
    " print(json.dumps({'dags': sorted(bag.dags), 'errors': bag.import_errors}))"
)


@dataclass
class Plain:
    """That Airflow, in a home of its own, and the account that its connection leads to."""

    environment: Path
    home: AirflowHome
    emulator: Emulator

    def run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of that environment, which finds nothing of ours by its import path."""
        return self.home.run("env", "-u", "PYTHONPATH", str(self.environment / "bin" / program), *arguments)


@pytest.fixture(name="airflow", scope="module")
def _airflow(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    folder = tmp_path_factory.mktemp("plain")
    with Emulator(folder) as emulator:
        home = AirflowHome(
            folder / "home",
            dags=CHECKOUT / "example_dags",
            connections={"copass_default": emulator.connection()},
        )
        airflow = Plain(plain, home, emulator)
        airflow.run("airflow", "db", "migrate")
        yield airflow


def test_it_has_nothing_of_our_tests(airflow: Plain) -> None:
    """What only our tests need is not there, so that nothing of it can be missed."""
    for name in ("pytest", "hypothesis", "copass_core"):
        done = airflow.run("python", "-c", f"import importlib.util; print(importlib.util.find_spec({name!r}))")
        assert done.stdout.strip() == "None"


def test_airflow_lists_the_provider(airflow: Plain) -> None:
    """``airflow providers list`` shows it with its version, and says nothing else."""
    done = airflow.run("airflow", "providers", "list", "--output", "json")
    assert {row["package_name"]: row["version"] for row in json.loads(done.stdout)}[
        "airflow-provider-copass"
    ] == __version__
    assert done.stderr == ""


def test_the_example_dag_runs(airflow: Plain) -> None:
    """``airflow dags test`` succeeds: both sources are there, and the secret lies where the XCom says."""
    airflow.run("airflow", "dags", "test", EXAMPLE)
    sources = {source["ingestion_mode"]: source for source in airflow.emulator.sources()}
    assert sorted(sources) == ["polling", "realtime"]
    source_id = sources["realtime"]["data_source_id"]
    value = airflow.home.variable(f"copass_webhook_secret_{source_id}")
    assert value is not None
    assert airflow.emulator.secret_is_valid(source_id, sha256=fingerprint(value))


def test_every_example_is_parsed_without_an_error(airflow: Plain) -> None:
    """None of them needs more than the wheel and Airflow."""
    done = airflow.run("python", "-c", PARSE, str(airflow.home.dags))
    parsed = json.loads(done.stdout.splitlines()[-1])
    assert parsed["errors"] == {}
    assert len(parsed["dags"]) == len(list(airflow.home.dags.glob("*.py")))


@pytest.mark.parametrize("dag_id", OTHERS)
def test_another_example_runs(airflow: Plain, dag_id: str) -> None:
    """``airflow dags test`` ends with exit code 1 where a task fails."""
    airflow.run("airflow", "dags", "test", dag_id)
