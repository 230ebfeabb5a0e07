"""What an error tracker sees of a client that fails: neither token, nor secret, nor ``adapter_config`` value."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from airflow_provider_copass.api import AsyncCopassClient, ClientSettings, CopassClient, calls
from airflow_provider_copass.errors import CopassInputError
from tests.api.scripted import FLAVOURS, SOURCE, TOKEN, Script, ScriptedClient
from tests.harness.trackers import Recorded, recorded

SETTING = "adapter_value_canary"
SECRET = "olk_webhook_secret_canary"
PASSWORD = "proxy_password_canary"
CONFIG = {"auth": {"access": SETTING}}
CANARIES = (SETTING, SECRET, PASSWORD, TOKEN)


def check(seen: Recorded, name: str) -> None:
    """Nothing that must not be seen is seen; of this package there is one frame, named after what was called."""
    seen.check(*CANARIES)
    assert seen.own_frames == [name]


class _Interrupted(BaseException):
    """What a signal raises."""


def _raise(kind: type[BaseException]) -> Callable[[httpx.Request], httpx.Response]:
    def step(request: httpx.Request) -> httpx.Response:
        raise kind("boom")

    return step


def _refused() -> httpx.ConnectError:
    error = httpx.ConnectError(f"no connection by {PASSWORD}")
    error.__cause__ = ssl.SSLCertVerificationError(PASSWORD)
    return error


ECHO = {"detail": [{"loc": ["body", SETTING], "input": CONFIG}], "webhook_signing_secret": SECRET, "token": TOKEN}
STEPS: dict[str, Any] = {
    **{f"{status}": httpx.Response(status, json=ECHO) for status in (302, 400, 401, 403, 404, 409, 422, 429, 500, 503)},
    "HTML": httpx.Response(200, text=f"<p>{SECRET}"),
    "no id": httpx.Response(200, json={**SOURCE, "data_source_id": None, "webhook_signing_secret": SECRET}),
    "a secret that is a number": httpx.Response(200, json={**SOURCE, "webhook_signing_secret": [SECRET]}),
    "a timeout": httpx.ReadTimeout(SECRET),
    "a lost connection": httpx.RemoteProtocolError(SECRET),
    "no connection": _refused(),
    "a proxy's refusal": httpx.ProxyError(PASSWORD),
    "an unexpected error": _raise(RuntimeError),
    "a signal": _raise(_Interrupted),
    "Ctrl-C": _raise(KeyboardInterrupt),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("case", STEPS)
def test_a_call_that_fails(flavour: str, case: str) -> None:
    """For whatever reason, and by either client."""
    client = ScriptedClient(flavour, Script(STEPS[case]), max_attempts=2)
    call = calls.register_source("sb_1", provider="slack", name="n", ingestion_mode="realtime", adapter_config=CONFIG)
    try:
        seen = recorded(lambda: client.send(call))
    finally:
        client.close()
    check(seen, "send")


def test_a_cancelled_call() -> None:
    """The asynchronous one is cancelled as any other; it stays a cancellation, and nothing is logged."""

    async def cancelled() -> None:
        async def hang(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(60)
            raise AssertionError

        call = calls.register_source("sb_1", provider="slack", name="n", adapter_config=CONFIG)
        async with AsyncCopassClient(ClientSettings(token=TOKEN), transport=httpx.MockTransport(hang)) as client:
            task = asyncio.create_task(client.send(call))
            await asyncio.sleep(0.05)
            task.cancel()
            await task

    seen = recorded(lambda: asyncio.run(cancelled()))
    assert isinstance(seen.error, asyncio.CancelledError)
    seen.check(*CANARIES)
    assert "CancelledError" not in seen.shown["logs with their frames"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_the_caller_s_own_check_raises_is_the_caller_s(flavour: str) -> None:
    """``before_attempt`` may raise anything; it gets to the caller as it is."""

    class MineError(Exception):
        pass

    def check() -> None:
        raise MineError("stop")

    client = ScriptedClient(flavour, Script(httpx.Response(200, json=SOURCE)))
    try:
        with pytest.raises(MineError, match="stop"):
            client.send(calls.get_source("sb_1", "ds_1"), before_attempt=check)
    finally:
        client.close()


SETTINGS: dict[str, dict[str, Any]] = {
    "a token with a space": {"token": f"{TOKEN} x"},
    "no such ca_bundle": {"ca_bundle": "/no/such/file"},
    "a proxy that is no URL": {"proxy": f"user:{PASSWORD}@proxy"},
    "plain http": {"base_url": "http://api.example"},
    "credentials in the host": {"base_url": f"https://u:{PASSWORD}@api.example"},
    "a timeout of words": {"timeout": PASSWORD},
    "no attempt": {"max_attempts": 0},
}
OPENED: dict[str, dict[str, Any]] = {
    "a ca_bundle without certificates": {"ca_bundle": __file__},
    "a host that httpx cannot read": {"base_url": "https://10.0.0.999"},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_are_refused(case: str) -> None:
    """The token is one of the arguments."""
    seen = recorded(lambda: ClientSettings(**{"token": TOKEN, **SETTINGS[case]}))
    assert isinstance(seen.error, CopassInputError)
    check(seen, "__init__")


@pytest.mark.parametrize("kind", [CopassClient, AsyncCopassClient])
@pytest.mark.parametrize("case", OPENED)
def test_a_client_that_cannot_be_made(kind: type[CopassClient | AsyncCopassClient], case: str) -> None:
    """The token is in a header by then."""
    settings = ClientSettings(**{"token": TOKEN, **OPENED[case]})
    check(recorded(lambda: kind(settings)), "__init__")


@pytest.mark.parametrize("kind", [CopassClient, AsyncCopassClient])
def test_an_environment_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, kind: type[CopassClient | AsyncCopassClient]
) -> None:
    """Its proxy may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://u:{PASSWORD}@proxy")
    settings = ClientSettings(token=TOKEN)
    check(recorded(lambda: kind(settings)), "__init__")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("register_source", lambda: calls.register_source("sb", provider="", name="n", adapter_config=CONFIG)),
        ("register_source", lambda: calls.register_source("a/b", provider="s", name="n", adapter_config=CONFIG)),
        ("update_source", lambda: calls.update_source("sb", "ds", {"name": "", "adapter_config": CONFIG})),
        ("pull_source", lambda: calls.pull_source("sb", "ds", since=SETTING)),
    ],
)
def test_a_call_that_is_refused(name: str, call: Callable[[], object]) -> None:
    """Before any request."""
    seen = recorded(call)
    assert isinstance(seen.error, CopassInputError)
    check(seen, name)


def test_a_door_is_what_it_leads_to() -> None:
    """A decorated method keeps its name, its words and its parameters."""
    assert CopassClient.send.__name__ == "send"
    assert "Send one call" in (CopassClient.send.__doc__ or "")
    assert asyncio.iscoroutinefunction(AsyncCopassClient.send)
    assert not asyncio.iscoroutinefunction(CopassClient.send)
