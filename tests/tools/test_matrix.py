"""``make matrix`` tells what really ran, and with which Airflow."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT
from tests.tools.matrix.__main__ import _ALL, _QUICK

pytestmark = pytest.mark.slow

VERSION = importlib.metadata.version("apache-airflow")
OWN = "tests/operators/test_redaction.py"


def environment(folder: Path, version: str) -> None:
    """Make what looks like an environment of that version, and is the present one."""
    python = folder / f"airflow-{version}" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o700)


def matrix(folder: Path, *versions: str, tests: str) -> tuple[int, str]:
    """Run the command, and return its exit code and the table at its end."""
    command = [sys.executable, "-m", "tests.tools.matrix", *versions, "--environments", folder, "--tests", tests]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=clean_environment(), capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout[done.stdout.index("  Airflow") :]


def row(table: str, version: str) -> str:
    """Return a version's row, its columns set apart by one space."""
    [found] = re.findall(rf"^  {re.escape(version)} +\d.*$", table, re.MULTILINE)
    return " ".join(found.split())


def test_a_version_whose_tests_pass_is_ok(tmp_path: Path) -> None:
    """Its row counts them, by folder, and the command succeeds."""
    environment(tmp_path, VERSION)
    code, table = matrix(tmp_path, VERSION, tests=OWN)
    assert code == 0
    assert table.split()[:3] == ["Airflow", "passed", "operators"]
    assert re.fullmatch(rf"{re.escape(VERSION)} ([1-9]\d*) \1 0 0 \d+ ok", row(table, VERSION))


def test_an_environment_that_has_another_airflow_is_not_ok(tmp_path: Path) -> None:
    """What counts is the version that the tests themselves saw."""
    environment(tmp_path, "9.9.9")
    code, table = matrix(tmp_path, "9.9.9", tests=OWN)
    assert code == 1
    assert row(table, "9.9.9").endswith(f"ran with {VERSION} instead")


def test_what_fails_and_what_is_skipped_is_counted(tmp_path: Path) -> None:
    """A failure is in the row, and fails the command; a skipped test is counted below, by its reason."""
    environment(tmp_path, VERSION)
    file = tmp_path / "test_made_up.py"
    file.write_text(
        "import pytest\n"
        "@pytest.fixture(autouse=True, scope='session')\n"
        f"def said(record_testsuite_property): record_testsuite_property('apache-airflow', '{VERSION}')\n"
        "def test_passes(): pass\n"
        "def test_fails(): assert False\n"
        "@pytest.mark.skip(reason='too new')\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_skipped(n): pass\n"
    )
    code, table = matrix(tmp_path, VERSION, tests=str(file))
    assert code == 1
    assert re.search(r" 1 1 2 \d+ NOT ok \(exit code 1\)$", row(table, VERSION))
    assert f"  {VERSION} skipped 2: too new" in table.splitlines()


@pytest.mark.parametrize("target", ["matrix", "matrix-quick"])
def test_each_version_draws_the_connection_s_form(target: str) -> None:
    """Both rounds have that test, and get the browser that it would be skipped without."""
    [needs] = re.findall(rf"^{target}: (.*?) ##", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert "browser" in needs.split()
    for tests in (_ALL, _QUICK):
        assert {"tests/airflow", "tests/airflow/test_connection_form.py"} & set(tests)


def test_an_environment_that_cannot_run_tests_is_not_ok(tmp_path: Path) -> None:
    """One version that does not run fails the command, whatever the others do."""
    environment(tmp_path, VERSION)
    python = tmp_path / "airflow-9.9.9" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o700)
    code, table = matrix(tmp_path, VERSION, "9.9.9", tests=OWN)
    assert code == 1
    assert row(table, VERSION).endswith("ok")
    assert row(table, "9.9.9").endswith("did not run (exit code 3)")
