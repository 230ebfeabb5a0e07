"""Every test of a sensor has an emulated account behind its connection."""

from __future__ import annotations

import pytest

from airflow_provider_copass.emulator import Emulator
from tests.harness.short_waits import shorten
from tests.hooks.connections import ENVIRONMENT, of


@pytest.fixture(autouse=True)
def _connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection leads there; a call is sent once, and the first round of a watch and its event come soon."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1))
    shorten(monkeypatch)
