"""Where the connection of an operator leads to: an emulated account, or nowhere."""

from __future__ import annotations

import pytest

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
