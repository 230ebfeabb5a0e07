"""What the environment of a worker makes impossible fails a task at once, in words that name it."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.hooks.connections import ENVIRONMENT, as_json
from tests.operators.in_memory import register_once


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "socks5://me:canary@127.0.0.1:1080"), ("HTTPS_PROXY", "ftp://me:canary@127.0.0.1")],
)
def test_a_proxy_that_cannot_be_used_fails_at_once(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """Trying again would end the same; the proxy's password is in neither the message nor a cause."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_x", host="copass.invalid", extra={"sandbox_id": "sb_demo"}))
    with pytest.raises(AirflowFailException, match="The environment's proxy cannot be used") as failed:
        register_once()
    assert "canary" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
