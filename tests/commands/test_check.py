"""The command ``check``: one line and an exit code, for whichever connection it finds."""

from __future__ import annotations

import pytest

from airflow_provider_copass.__main__ import main
from airflow_provider_copass.emulator import Emulator
from tests.hooks.connections import ENVIRONMENT, as_json, of


def test_a_connection_that_works_is_one_line(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The default connection is tested, the line is that of Test Connection, and the exit code is 0."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator))
    main(["check"])
    assert capfd.readouterr() == (
        f"copass_default: Reached {emulator.url}. The API key is accepted, and sandbox 'sb_demo' holds 0 sources.\n",
        "",
    )


def test_a_connection_that_does_not_work_is_one_line_and_exit_code_1(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The connection that is named is tested; its token is not shown."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", as_json(password="olk_canary", host=emulator.url))
    with pytest.raises(SystemExit) as ended:
        main(["check", "--conn-id", "other"])
    assert ended.value.code == 1
    out, err = capfd.readouterr()
    assert out.startswith(f"other: Reached {emulator.url}, but it does not accept the token (401).")
    assert (out.count("\n"), err) == (1, "")
    assert "canary" not in out


def test_a_database_that_cannot_be_read_is_no_missing_connection(capfd: pytest.CaptureFixture[str]) -> None:
    """Airflow says that there is no such connection; there is no database here, and that is said."""
    with pytest.raises(SystemExit) as ended:
        main(["check", "--conn-id", "nowhere"])
    assert ended.value.code == 1
    out, err = capfd.readouterr()
    assert out.startswith("Airflow's database, where Airflow connection 'nowhere' may be, cannot be read (")
    assert "[database] sql_alchemy_conn" in out
    assert (out.count("\n"), err) == (1, "")


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
def test_a_variable_that_airflow_cannot_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], unreadable: str
) -> None:
    """It is said to be there, and what may be wrong with it; it may hold a token, so nothing of it is shown."""
    monkeypatch.setenv(ENVIRONMENT, unreadable)
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 1
    out, err = capfd.readouterr()
    assert out.startswith(f"The environment variable {ENVIRONMENT} is set, but Airflow cannot read a connection in it.")
    assert "percent-encoded" in out
    assert (out.count("\n"), err) == (1, "")
    assert "canary" not in out


def test_the_password_of_another_service_is_not_sent(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connection of another type is refused before any call, by the hook's own rule."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", of(emulator).replace('"copass"', '"http"'))
    with pytest.raises(SystemExit) as ended:
        main(["check", "--conn-id", "other"])
    assert ended.value.code == 1
    out = capfd.readouterr().out
    assert out.startswith("other: conn_type must be copass, or empty")
    assert out.count("\n") == 1
    assert emulator.requests() == []


def test_a_connection_without_a_type_is_tested(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A task accepts it, so the command does."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator).replace('"copass"', '""'))
    main(["check"])
    assert capfd.readouterr().out.startswith(f"copass_default: Reached {emulator.url}. The API key is accepted")


def test_a_proxy_of_the_environment_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is one line like any other, and no traceback with the proxy's password."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://me:canary@127.0.0.1:1080")
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_x", host="copass.invalid"))
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 1
    out, err = capfd.readouterr()
    assert out.startswith("copass_default: Proxy: The environment's proxy cannot be used: HTTPS_PROXY")
    assert (out.count("\n"), err) == (1, "")
    assert "canary" not in out


@pytest.mark.parametrize("asked", [["--help"], ["check", "--help"], ["--version"]])
def test_it_explains_itself(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help is an answer, not a failure."""
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 0
    assert capsys.readouterr().out


def test_no_command_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is shown, and the exit code is the one of a mistake in a command."""
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage: python -m airflow_provider_copass" in capsys.readouterr().err
