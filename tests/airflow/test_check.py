"""The command ``check`` in a real Airflow: what is stored in its database is found, from either command line."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.harness.airflow_home import AIRFLOW_VERSION, AirflowHome
from tests.harness.emulator import Emulator
from tests.hooks.connections import as_json, as_uri

pytestmark = pytest.mark.airflow

AWKWARD = "olk_a/b%c@d:e+f"
EXTRA = {"sandbox_id": "sb_demo"}


@pytest.fixture(name="stored", scope="module")
def _stored(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AirflowHome, Emulator]]:
    """An Airflow that tests no connections, as by default, with a good one and a bad one in its database."""
    folder = tmp_path_factory.mktemp("check")
    with Emulator(folder, token=AWKWARD) as emulator:
        home = AirflowHome(folder / "home", settings={"CORE__TEST_CONNECTION": "Disabled"})
        home.copy_database(migrated)
        add(home, "as_json", "--conn-json", as_json(password=AWKWARD, host=emulator.url, extra=EXTRA))
        add(home, "copass_default", *in_pieces(emulator, emulator.token))
        yield home, emulator


def add(home: AirflowHome, conn_id: str, *given: str) -> None:
    """Store a connection in Airflow's database."""
    home.airflow("connections", "add", conn_id, *given)


def in_pieces(emulator: Emulator, token: str) -> tuple[str, ...]:
    """Return the options that give a connection piece by piece."""
    pieces = ("--conn-type", "copass", "--conn-host", emulator.url, "--conn-password", token)
    return (*pieces, "--conn-extra", json.dumps(EXTRA))


def commands() -> list[tuple[str, ...]]:
    """Return how the command can be typed with this Airflow."""
    typed = [(sys.executable, "-m", "airflow_provider_copass", "check")]
    if AIRFLOW_VERSION >= (3, 2):
        typed.append((sys.executable, "-m", "airflow", "copass", "check"))
    return typed


@pytest.mark.parametrize("command", commands(), ids=lambda command: command[2])
def test_a_stored_connection_is_checked(stored: tuple[AirflowHome, Emulator], command: tuple[str, ...]) -> None:
    """Airflow's own test is switched off; the command finds the connection, and its standard output is one line."""
    home, emulator = stored
    done = home.run(*command)
    assert done.stdout == (
        f"copass_default: Reached {emulator.url}. The API key is accepted, and sandbox 'sb_demo' holds 0 sources.\n"
    )


@pytest.mark.deep
@pytest.mark.parametrize("command", commands(), ids=lambda command: command[2])
def test_a_stored_connection_that_does_not_work_is_exit_code_1(
    stored: tuple[AirflowHome, Emulator], command: tuple[str, ...]
) -> None:
    """A script can tell by the exit code, a person by the line."""
    home, emulator = stored
    conn_id = f"other_{command[2]}"
    add(home, conn_id, *in_pieces(emulator, "olk_wrong/%@:+"))
    done = home.run(*command, "--conn-id", conn_id, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{conn_id}: Reached ")
    assert "does not accept the token (401)" in done.stdout
    assert "olk_wrong" not in done.stdout + done.stderr


def test_an_awkward_token_arrives(stored: tuple[AirflowHome, Emulator]) -> None:
    """Slash, percent, at, colon and plus survive Airflow's database, and the API accepts what it is sent."""
    home, _ = stored
    done = home.run(*commands()[0], "--conn-id", "as_json")
    assert "The API key is accepted" in done.stdout


@pytest.mark.deep
def test_an_awkward_token_arrives_if_it_was_stored_as_a_uri(stored: tuple[AirflowHome, Emulator]) -> None:
    """The same, quoted by our own rules for a URI."""
    home, emulator = stored
    add(home, "as_uri", "--conn-uri", as_uri(password=AWKWARD, host=emulator.url, extra=EXTRA))
    done = home.run(*commands()[0], "--conn-id", "as_uri")
    assert "The API key is accepted" in done.stdout


def test_a_connection_that_is_not_there(stored: tuple[AirflowHome, Emulator]) -> None:
    """It is said so, by name, and where was looked."""
    home, _ = stored
    done = home.run(*commands()[0], "--conn-id", "nowhere", check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("There is no Airflow connection 'nowhere' in the environment")


@pytest.mark.parametrize(
    "fernet",
    [Fernet.generate_key().decode(), pytest.param("", marks=pytest.mark.deep)],
    ids=["another key", "no key"],
)
def test_a_connection_that_cannot_be_decrypted_is_not_missing(
    stored: tuple[AirflowHome, Emulator], tmp_path: Path, fernet: str
) -> None:
    """Airflow says that there is no such connection; it is there, and was stored with another Fernet key."""
    home, _ = stored
    other = AirflowHome(tmp_path / "home", settings={"CORE__FERNET_KEY": fernet})
    other.copy_database(home)
    done = other.run(*commands()[0], check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "Airflow connection 'copass_default' is in Airflow's database, but cannot be decrypted ("
    )
    assert "[core] fernet_key" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_secrets_backend_that_fails_is_no_missing_connection(
    stored: tuple[AirflowHome, Emulator], tmp_path: Path
) -> None:
    """Airflow passes over one that raises; what it might have held is not known."""
    home, _ = stored
    backend = "tests.airflow.failing_backend.FailingBackend"
    other = AirflowHome(tmp_path / "home", keys=home.keys, settings={"SECRETS__BACKEND": backend})
    other.copy_database(home)
    done = other.run(*commands()[0], "--conn-id", "nowhere", check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "The secrets backend FailingBackend cannot be asked for Airflow connection 'nowhere' ("
    )
    assert "canary" not in done.stdout + done.stderr
