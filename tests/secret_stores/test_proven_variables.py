"""Absence of a Variable is believed only where it is proven: seen through a real Airflow with a backend that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_copass.airflow_variables import PROBE
from tests.harness.airflow_home import AIRFLOW_VERSION
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT

READ = """
import traceback
from airflow_provider_copass.airflow_variables import ProvenVariables
try:
    print("READ", repr(ProvenVariables().read("copass_record_x")))
except Exception as error:
    print("RAISED", type(error).__name__, error.is_final)
    traceback.print_exc()
"""

COUNT = """
from airflow_provider_copass.airflow_variables import ProvenVariables
from tests.secret_stores.folder_backend import FolderBackend
ProvenVariables().read("copass_record_x")
first = FolderBackend.made
for _ in range(3):
    ProvenVariables().read("copass_record_x")
print("READ", FolderBackend.made - first)
"""

FORK = """
import os
from airflow_provider_copass.airflow_compat import variable_backends
before = variable_backends()[0]
assert before is variable_backends()[0]
if not os.fork():
    print("READ", before is variable_backends()[0], flush=True)
    os._exit(0)
os.wait()
"""


def read_in(folder: Path, home: Path, program: str = READ) -> str:
    """Read a Variable in a child whose Airflow has the folder as its secrets backend."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **clean_environment(),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__SECRETS__BACKEND": "tests.secret_stores.folder_backend.FolderBackend",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
            "TEST_FOLDER": str(folder),
        },
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "canary" not in done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("READ", "RAISED"))]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A backend that holds the probe, as after the first registration of a deployment."""
    folder = tmp_path / "variables"
    folder.mkdir()
    (folder / PROBE).write_text("here")
    return folder


def test_a_variable_that_is_there_is_read(folder: Path, tmp_path: Path) -> None:
    """It needs no proof."""
    (folder / "copass_record_x").write_text("text")
    assert read_in(folder, tmp_path / "home") == "READ 'text'"


def test_a_backend_that_raises_is_no_absence(folder: Path, tmp_path: Path) -> None:
    """Airflow's own readers swallow what a backend raises and go on: here it is an error that Airflow retries."""
    (folder / "down").touch()
    assert read_in(folder, tmp_path / "home") == "RAISED JournalError False"


def test_an_empty_answer_is_no_absence_while_the_probe_is_missing_too(folder: Path, tmp_path: Path) -> None:
    """A backend that knows nothing of what is known to be there is not believed."""
    (folder / "empty").touch()
    assert read_in(folder, tmp_path / "home") == "RAISED JournalError False"


def test_a_secrets_backend_is_made_once_for_all_reads(folder: Path, tmp_path: Path) -> None:
    """One of Vault's logs in when it is made, and 3.1 and 3.2 make one for each read."""
    (folder / "copass_record_x").write_text("text")
    assert read_in(folder, tmp_path / "home", COUNT) == "READ 0"


@pytest.mark.skipif(AIRFLOW_VERSION not in {(3, 1), (3, 2)}, reason="elsewhere Airflow itself keeps the backends")
def test_a_secrets_backend_is_not_shared_with_a_forked_process(folder: Path, tmp_path: Path) -> None:
    """Two processes that write to one connection would read each other's answers."""
    assert read_in(folder, tmp_path / "home", FORK) == "READ False"
