"""Waits that are over soon: the seconds that a real one takes are no part of what a test shows."""

from __future__ import annotations

import pytest

from airflow_provider_copass.triggers import wait
from airflow_provider_copass.waiting import watch


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first round of a watch, each further one, and the event of a trigger come soon."""
    # A user has no reason to choose them, so they are no parameters.
    monkeypatch.setattr(watch, "_GATHERING", 0.05)
    monkeypatch.setattr(watch, "_SHORTEST", 0.01)
    monkeypatch.setattr(wait, "_SHORTEST", 0)
