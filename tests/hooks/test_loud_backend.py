"""The token and a secret are read from a secrets backend whose client is loud: no log holds them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from airflow_provider_copass.airflow_compat import find_connection
from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.hooks import CopassHook
from tests.harness.secrets_backends import forget_secrets_backends
from tests.hooks.loud_backend import CANARY, HEARD


@pytest.fixture(autouse=True)
def _debug(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The backend is configured, and its client's logger is at DEBUG."""
    forget_secrets_backends()
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "tests.hooks.loud_backend.LoudBackend")
    caplog.set_level(logging.DEBUG, "")
    caplog.set_level(logging.DEBUG, HEARD.name)
    yield
    forget_secrets_backends()


def test_the_token_of_a_connection_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client's logger is suppressed while the hook reads it, and restored afterwards."""
    assert CopassHook("loud").connection.settings.token == CANARY
    assert CANARY not in caplog.text
    assert HEARD.level == logging.DEBUG


def test_a_command_does_not_log_it_either(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """``check`` finds the connection as Airflow's own commands do."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    found = find_connection("loud")
    assert found is not None
    assert found.password == CANARY
    assert CANARY not in caplog.text


def test_a_variable_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It may be a secret."""
    assert AirflowVariables().read(["copass_secret"]) == {"copass_secret": CANARY}
    assert CANARY not in caplog.text
