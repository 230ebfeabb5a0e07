"""Both command lines are made of one description, which costs a start of ``airflow`` next to nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_copass.commands.airflow_cli import get_commands
from airflow_provider_copass.commands.description import COMMANDS
from tests.commands.conftest import Run
from tests.harness.environment import clean_environment

LINES = [
    ["check", "--conn-id", "x"],
    ["sources"],
    ["sources", "--conn-id", "x", "--sandbox-id", "sb", "-o", "json"],
    ["plan", "m.yaml"],
    ["plan", "m.yaml", "--if-exists", "update", "--on-missing-secret", "rotate", "--detailed-exitcode"],
    ["plan", "m.yaml", "--secret-store", "backend", "--store-as", "k_{data_source_id}", "--output", "json"],
    ["entries", "--conn-id", "x"],
    ["entries", "--forget", "k", "-y"],
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_both_doors_read_a_line_alike(monkeypatch: pytest.MonkeyPatch, line: list[str]) -> None:
    """Airflow's parser gives a command the same arguments as ours does."""
    [group] = get_commands()
    [action] = [each for each in group.subcommands if each.name == line[0]]
    airflows = argparse.ArgumentParser()
    for argument in action.args:
        argument.add_to_parser(airflows)
    given: list[Any] = []
    [command] = [each for each in COMMANDS if each.name == line[0]]
    monkeypatch.setattr(command.run, given.append)
    from airflow_provider_copass.__main__ import main

    main(line)
    [ours] = given
    assert {name: value for name, value in vars(ours).items() if name != "run"} == vars(airflows.parse_args(line[1:]))


def test_airflow_s_door_has_every_command() -> None:
    """Under the same names, with the same help."""
    [group] = get_commands()
    assert group.name == "copass"
    shown = [(each.name, each.help, each.description) for each in group.subcommands]
    assert shown == [(each.name, each.help, each.description) for each in COMMANDS]


def test_airflow_s_door_leads_to_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is imported only when it is called."""
    [group] = get_commands()
    called: list[Any] = []
    for command, action in zip(COMMANDS, group.subcommands, strict=True):
        monkeypatch.setattr(command.run, called.append)
        action.func(command.name)
    assert called == [command.name for command in COMMANDS]


LISTS_WHAT_IS_NEW = """
import sys
from airflow.cli import cli_config
before = set(sys.modules)
from airflow_provider_copass.commands.airflow_cli import get_commands
get_commands()
print(*sorted(name for name in set(sys.modules) - before if name.startswith("airflow_provider_copass")))
"""


def test_a_start_of_airflow_imports_nothing_heavy() -> None:
    """Of this package the description and the one place of Airflow's names; neither the hook nor an operator."""
    done = subprocess.run(
        [sys.executable, "-c", LISTS_WHAT_IS_NEW], env=clean_environment(), check=True, capture_output=True, text=True
    )
    assert set(done.stdout.splitlines()[-1].split()) - {"airflow_provider_copass"} == {
        "airflow_provider_copass.airflow_compat",
        "airflow_provider_copass.client_logs",
        "airflow_provider_copass.commands",
        "airflow_provider_copass.commands.airflow_cli",
        "airflow_provider_copass.commands.description",
    }


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_each_command_explains_itself(run: Run, command: str) -> None:
    """Help is an answer, not a failure."""
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"usage: python -m airflow_provider_copass {command}" in done.out


def test_what_is_unexpected_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kind and its place, and neither its text nor a traceback."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("airflow_provider_copass.commands.entries.read_stored", fail)
    done = run("entries")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("No entry was listed: an unexpected ZeroDivisionError was raised at ")
    assert "canary" not in done.err


@pytest.mark.parametrize("at", ["commands.entries.read_stored", "__main__.import_module"])
def test_who_interrupts_gets_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """The exit code is a shell's for it; so too during the import, which takes longer than the command itself."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"airflow_provider_copass.{at}", interrupt)
    assert run("entries") == (130, "", "")


def test_an_airflow_that_cannot_be_imported_is_one_line() -> None:
    """Its configuration is read then; a traceback would show the URL of its database, password included."""
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_copass", "check"],
        env={**clean_environment(), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:///canary.db"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "cannot be imported here (AirflowConfigException). 'airflow version' says why." in done.stderr
    assert "canary" not in done.stderr


def test_who_interrupts_the_import_gets_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes longer than the command itself."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("airflow_provider_copass.__main__.import_module", interrupt)
    assert run("check") == (130, "", "")
