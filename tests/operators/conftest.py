"""What surrounds an operator: where its connection leads to, its log, and Airflow's timeout."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_copass.emulator import Emulator
from tests.hooks.connections import ENVIRONMENT, as_json
from tests.operators.in_memory import connect

TimedOutAfter = Callable[[Callable[[], object]], AbstractContextManager[None]]


@pytest.fixture(name="account")
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An empty emulated account that the default connection leads to."""
    return connect(emulator, monkeypatch)


@pytest.fixture(name="no_account")
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection with a sandbox; anyone who sends a request with it fails, unless there is an account, too."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_x", extra={"sandbox_id": "sb_demo"}))


@pytest.fixture(name="timed_out_after")
def _timed_out_after() -> Iterator[TimedOutAfter]:
    """Airflow's timeout, by SIGALRM as in a task: for a ``with`` block, a moment after a call has returned."""

    def ring(number: int, frame: object) -> None:
        raise AirflowTaskTimeout("timed out")

    @contextmanager
    def timed_out_after(heard: Callable[[], object]) -> Iterator[None]:
        def wait_and_ring() -> None:
            heard()
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGALRM)

        clock = Thread(target=wait_and_ring)
        clock.start()
        yield
        clock.join()

    before = signal.signal(signal.SIGALRM, ring)
    yield timed_out_after
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
