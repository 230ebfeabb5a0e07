"""The commands ``sources``, ``plan`` and ``entries`` in a real Airflow: both command lines say the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_copass.registration.journal import Completed, entry_name, to_text
from airflow_provider_copass.registration.spec import Identity
from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.emulator import Emulator

pytestmark = pytest.mark.airflow

KEY = entry_name(Identity("sb_demo", "slack", "chat"))
OTHER = entry_name(Identity("sb_demo", "slack", "other"))
DOORS = [("airflow_provider_copass",), ("airflow", "copass")][: 2 if AIRFLOW_VERSION >= (3, 2) else 1]


@pytest.fixture(name="home", scope="module")
def _home(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """An Airflow with a connection, a manifest and two entries in its journal."""
    folder = tmp_path_factory.mktemp("commands")
    with Emulator(folder) as emulator:
        home = AirflowHome(folder / "home", keys=migrated.keys, connections={"copass_default": emulator.connection()})
        home.copy_database(migrated)
        (folder / "home" / "sources.yaml").write_text("- {provider: slack, name: chat}\n", encoding="utf-8")
        entries = folder / "entries.json"
        entries.write_text(json.dumps({key: to_text(Completed("src-1")) for key in (KEY, OTHER)}), encoding="utf-8")
        home.airflow("variables", "import", str(entries))
        yield home


def typed(home: AirflowHome, door: tuple[str, ...], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Type a command."""
    return home.run(sys.executable, "-m", *door, *arguments, check=False)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(("sources", "-o", "json"), 0, marks=pytest.mark.deep),
        pytest.param(("sources", "--sandbox-id", "../other"), 1, marks=pytest.mark.deep),
        (("plan", "{home}/sources.yaml", "--detailed-exitcode"), 3),
        pytest.param(("entries",), 0, marks=pytest.mark.deep),
        pytest.param(("entries", "--forget", "no such key", "--yes"), 1, marks=pytest.mark.deep),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_both_command_lines_say_the_same(home: AirflowHome, command: tuple[str, ...], code: int) -> None:
    """The same output, of the command alone, and the same exit code."""
    arguments = [each.format(home=home.path) for each in command]
    ended = [typed(home, door, *arguments) for door in DOORS]
    assert [each.returncode for each in ended] == [code] * len(DOORS)
    assert len({each.stdout for each in ended}) == 1
    # Airflow 3.1 tells there which parts of alembic it has loaded.
    told = [[line for line in each.stderr.splitlines() if "[alembic." not in line] for each in ended]
    last_lines = {lines[-1] if lines else "" for lines in told}
    assert len(last_lines) == 1
    assert (last_lines == {""}) == (code != 1)
    assert "Traceback" not in ended[-1].stderr


def test_the_journal_is_that_of_the_deployment(home: AirflowHome) -> None:
    """What Airflow has stored, encrypted, is listed; and one entry of it can be forgotten by each door."""
    listed = json.loads(typed(home, DOORS[0], "entries", "-o", "json").stdout)
    assert {row["key"]: row["state"] for row in listed} == {KEY: "completed", OTHER: "completed"}
    for door, key in zip(DOORS, (OTHER, KEY), strict=False):
        assert typed(home, door, "entries", "--forget", key, "--yes").stdout.startswith(f"Forgot {key}. ")
        assert home.variable(key) is None


@pytest.mark.deep
def test_another_fernet_key_leaves_the_output_whole(home: AirflowHome, tmp_path: Path, migrated: AirflowHome) -> None:
    """Airflow logs an error for each Variable that it cannot decrypt; the command's output is JSON all the same."""
    home.airflow("variables", "set", OTHER, to_text(Completed("src-1")))
    other = AirflowHome(tmp_path / "home")
    other.copy_database(home)
    for door in DOORS:
        [row] = [row for row in json.loads(typed(other, door, "entries", "-o", "json").stdout) if row["key"] == OTHER]
        assert row["state"] == "unreadable"
