"""What the tests of the commands share: a process that the command may change, and Airflow's database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_copass.__main__ import main
from airflow_provider_copass.emulator import Emulator
from tests.harness.airflow_database import AirflowDatabase, airflow_database
from tests.hooks.connections import ENVIRONMENT, of


class Done(NamedTuple):
    """What a command has left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what the command does to its process, which is about to end."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(name="account")
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An empty account that the default connection leads to; nothing is tried twice."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1, timeout=5))
    return emulator


@pytest.fixture(name="database")
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowDatabase]:
    """An empty metadata database."""
    with airflow_database(tmp_path / "airflow.db", monkeypatch) as database:
        yield database


@pytest.fixture(name="run")
def _run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command."""

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Done(code, *capfd.readouterr())

    return run


def one_line_of(done: Done) -> str:
    """Return the one line that a failure is."""
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    return done.err
