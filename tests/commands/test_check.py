"""The command ``check``: one line and an exit code, for whichever connection it finds."""

from __future__ import annotations

import pytest

from airflow_provider_copass.emulator import Emulator
from tests.commands.conftest import Done, Run
from tests.hooks.connections import ENVIRONMENT, as_json, of


def said_of(done: Done, code: int) -> str:
    """Return the one line of a command's answer."""
    assert (done.code, done.out.count("\n"), done.err) == (code, 1, "")
    assert "canary" not in done.out
    return done.out


def test_a_connection_that_works_is_one_line(account: Emulator, run: Run) -> None:
    """The default connection is tested, the line is that of Test Connection, and the exit code is 0."""
    said = f"Reached {account.url}. The API key is accepted, and sandbox 'sb_demo' holds 0 sources."
    assert run("check") == (0, f"copass_default: {said}\n", "")


def test_a_connection_that_does_not_work_is_one_line_and_exit_code_1(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """The connection that is named is tested; its token is not shown."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", as_json(password="olk_canary", host=emulator.url))
    said = said_of(run("check", "--conn-id", "other"), 1)
    assert said.startswith(f"other: Reached {emulator.url}, but it does not accept the token (401).")


def test_a_database_that_cannot_be_read_is_no_missing_connection(run: Run) -> None:
    """Airflow says that there is no such connection; there is no database here, and that is said."""
    said = said_of(run("check", "--conn-id", "nowhere"), 1)
    assert said.startswith("Airflow's database, where Airflow connection 'nowhere' may be, cannot be read (")
    assert "[database] sql_alchemy_conn" in said


@pytest.mark.parametrize(
    "unreadable",
    [
        '{"conn_type": "copass", "password": "olk_canary',
        '{"conn_type": "copass", "passwort": "olk_canary"}',
        "copass://:olk_a/canary@api.copass.id/https",
        "copass://:olk_canary%2@:b%zz:c/",
        "olk_canary",
        '["olk_canary"]',
    ],
)
def test_a_variable_that_airflow_cannot_read(monkeypatch: pytest.MonkeyPatch, run: Run, unreadable: str) -> None:
    """It is said to be there, and what may be wrong with it; it may hold a token, so nothing of it is shown."""
    monkeypatch.setenv(ENVIRONMENT, unreadable)
    said = said_of(run("check"), 1)
    assert said.startswith(
        f"The environment variable {ENVIRONMENT} is set, but Airflow cannot read a connection in it."
    )
    assert "percent-encoded" in said


def test_the_password_of_another_service_is_not_sent(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """A connection of another type is refused before any call, by the hook's own rule."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", of(emulator).replace('"copass"', '"http"'))
    said = said_of(run("check", "--conn-id", "other"), 1)
    assert said.startswith("other: conn_type must be copass, or empty")
    assert emulator.requests() == []


def test_a_connection_without_a_type_is_tested(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """A task accepts it, so the command does."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator).replace('"copass"', '""'))
    said = said_of(run("check"), 0)
    assert said.startswith(f"copass_default: Reached {emulator.url}. The API key is accepted")


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_it_explains_itself(run: Run, asked: str) -> None:
    """Help is an answer, not a failure."""
    done = run(asked)
    assert done.out
    assert (done.code, done.err) == (0, "")


def test_no_command_is_a_mistake(run: Run) -> None:
    """The usage is shown, and the exit code is the one of a mistake in a command."""
    done = run()
    assert done.code == 2
    assert "usage: python -m airflow_provider_copass" in done.err
