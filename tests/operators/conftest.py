"""What surrounds an operator: where its connection leads to, its log, and Airflow's timeout."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_copass.emulator import Emulator
from tests.hooks.connections import ENVIRONMENT, as_json
from tests.operators.in_memory import connect


@pytest.fixture(name="account")
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An empty emulated account that the default connection leads to."""
    return connect(emulator, monkeypatch)


@pytest.fixture(name="no_account")
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection with a sandbox; anyone who sends a request with it fails, unless there is an account, too."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_x", extra={"sandbox_id": "sb_demo"}))


@pytest.fixture(name="alarm")
def _alarm() -> Iterator[Callable[[], None]]:
    """Airflow's timeout, by SIGALRM as in a task, when it is asked for."""

    def ring(number: int, frame: object) -> None:
        raise AirflowTaskTimeout("timed out")

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda: os.kill(os.getpid(), signal.SIGALRM)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(name="logged")
def _logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was logged since the last look, at any level, wherever this Airflow writes it."""
    caplog.set_level("DEBUG")

    def look() -> str:
        captured = capfd.readouterr()
        text = f"{caplog.text}{captured.out}{captured.err}"
        caplog.clear()
        return text

    return look
