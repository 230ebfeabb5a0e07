"""``docs/testing-your-dags.md`` keeps its word: the project that it shows is set up and tested."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from tests.docs import pages
from tests.harness.airflow_home import AIRFLOW_VERSION
from tests.harness.environment import clean_environment

PAGE = pages.CHECKOUT / "docs" / "testing-your-dags.md"
TEST = "test_support_channel.py"
OLDER = re.compile(r"from (\S+) import DagBag  # before Airflow 3\.2: (\S+)")


def shown() -> dict[str, str]:
    """Return the files that the page shows, by their names."""
    python = [snippet for snippet in pages.snippets(PAGE) if snippet.language.startswith("python ")]
    return {snippet.language.removeprefix("python "): snippet.text for snippet in python}


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    """The user's project, as the page has it, with the README's DAG."""
    [dag] = [snippet.text for snippet in pages.snippets(pages.README) if snippet.language == "python"]
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "support_channel.py").write_text(dag, encoding="utf-8")
    for name, text in shown().items():
        if AIRFLOW_VERSION < (3, 2):
            # What the page tells the user of an older Airflow to write.
            text = OLDER.sub(r"from \2 import DagBag", text)  # noqa: PLW2901 - the same text, for this Airflow
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run_tests(project: Path, *options: str, exported: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the project's tests as the page says, in an environment that knows nothing of ours.

    :param exported: what the user's shell has set.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    environment = {**clean_environment(), "TMPDIR": str(project.parent), **(exported or {})}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=180
    )


def test_the_user_s_test_is_ten_lines_long() -> None:
    """It asks for the fixture, and that is all it takes."""
    assert len(shown()[TEST].splitlines()) == 10
    assert "copass_emulator" in shown()[TEST]


@pytest.mark.airflow
@pytest.mark.deep
def test_the_project_s_tests_pass_in_an_airflow_of_their_own(project: Path, tmp_path: Path) -> None:
    """Each test that is shown does; and once more with what the first left in Airflow, as the page says.

    The user's shell is set up for another Airflow, of which nothing is read and nothing made.
    """
    (project / "test_support_channel_again.py").write_text((project / TEST).read_text())
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    exported = {
        "AIRFLOW_HOME": str(foreign),
        "AIRFLOW_CONFIG": str(foreign / "airflow.cfg"),
        "AIRFLOW__CORE__FERNET_KEY": "of another Airflow, and none at all",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{foreign / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(foreign / "logs"),
        # Nothing on it but what a shell has.
        "PATH": os.defpath,
    }
    done = run_tests(project, exported=exported)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert list(foreign.iterdir()) == []


@pytest.mark.airflow
@pytest.mark.slow
def test_the_user_s_test_fails_where_the_dag_does_something_else(project: Path) -> None:
    """It is the DAG that is tested: with another source in it, the test is red."""
    dag = project / "dags" / "support_channel.py"
    dag.write_text(dag.read_text().replace('name="Support channel"', 'name="Another channel"'))
    done = run_tests(project, TEST)
    assert done.returncode == 1
    assert "'Another channel' == 'Support channel'" in done.stdout


def test_every_method_that_the_page_names_is_one_of_the_emulator() -> None:
    """The table shows calls as they are written."""
    named = re.findall(r"^\| `(\w+)\(", PAGE.read_text(), re.MULTILINE)
    assert named
    assert [name for name in named if not callable(getattr(Emulator, name, None))] == []


@pytest.mark.parametrize(
    "call", re.findall(r"^\| `((?:add_fault|seed|requests|sources)\(.*\))`", PAGE.read_text(), re.MULTILINE)
)
def test_every_call_that_the_page_shows_works(copass_emulator: Emulator, call: str) -> None:
    """As it is written there."""
    assert eval(f"copass_emulator.{call}", {"copass_emulator": copass_emulator}) is not None


def test_the_plugin_can_be_switched_off_as_the_page_says(project: Path) -> None:
    """The fixture is not there then."""
    assert "`-p no:copass`" in PAGE.read_text()
    (project / "conftest.py").unlink()
    done = run_tests(project, "-p", "no:copass", "--fixtures", "test_another_connection.py")
    assert "copass_emulator" not in done.stdout
