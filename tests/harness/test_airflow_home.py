"""A private home is private, and what it says about the database can be relied on."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.harness.airflow_home import AirflowHome, CommandFailedError, Keys
from tests.harness.dag_runs import run_dag


def a_home(folder: Path, value: str, *, encrypted: bool) -> AirflowHome:
    """Return a home with one Variable, written the way Airflow does."""
    home = AirflowHome(folder)
    stored = Fernet(home.keys.fernet.encode()).encrypt(value.encode()).decode() if encrypted else value
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("CREATE TABLE variable (key, val, is_encrypted)")
        database.execute("INSERT INTO variable VALUES ('key', ?, ?)", (stored, encrypted))
        database.commit()
    return home


def test_a_stored_variable_is_decrypted(tmp_path: Path) -> None:
    """The value is what a task would read; a key that nobody wrote gives None."""
    home = a_home(tmp_path, "the value", encrypted=True)
    assert home.variable("key") == "the value"
    assert home.variable("another") is None


def test_a_variable_in_the_clear_is_an_error(tmp_path: Path) -> None:
    """A claim that a secret lies encrypted fails here when it does not."""
    with pytest.raises(ValueError, match="unencrypted"):
        a_home(tmp_path, "the value", encrypted=False).variable("key")


def test_the_surroundings_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set for their own Airflow, Copass, Python or proxy is not handed on."""
    for name in (
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW_CONN_COPASS_DEFAULT",
        "COPASS_API_KEY",
        "PYTHONWARNINGS",
        "http_proxy",
        "HTTPS_PROXY",
    ):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("AIRFLOW_HOME", "/theirs")

    environment = AirflowHome(tmp_path).environment

    assert "theirs" not in environment.values()
    assert environment["AIRFLOW_HOME"] == str(tmp_path)


def test_the_keys_of_a_home_that_is_used_again_stay(tmp_path: Path) -> None:
    """Keys are made once, and their file is for its owner alone."""
    keys = Keys.kept_in(tmp_path / "keys.json")
    assert Keys.kept_in(tmp_path / "keys.json") == keys
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert keys.fernet not in repr(keys)


def test_a_command_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    """An exit code other than 0 raises, with what the command wrote."""
    with pytest.raises(CommandFailedError, match="no such thing"):
        AirflowHome(tmp_path).run("sh", "-c", "echo no such thing; exit 1")


def test_a_dag_file_outside_of_the_home_is_refused(tmp_path: Path) -> None:
    """Airflow 3 would fail on it with a message that tells nobody why."""
    with pytest.raises(ValueError, match="does not lie below"):
        run_dag(AirflowHome(tmp_path / "home"), tmp_path / "dag.py", "dag")
