"""What an error tracker sees of a hook that fails: neither token, nor secret, nor a value of ``adapter_config``."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout
from pydantic import SecretStr

from airflow_provider_copass import _tracebacks
from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.api import CopassServerError
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.secret_stores import SecretOwner, SecretStore
from airflow_provider_copass.secret_stores.backend import BackendStore
from airflow_provider_copass.secret_stores.variable import VariableStore
from tests.harness.sockets import open_to
from tests.harness.trackers import InterruptedAt, Recorded, frames_of, record, recorded
from tests.hooks.connections import ENVIRONMENT, as_json, of, unusable

SETTING = "adapter_value_canary"
SECRET = "olk_webhook_secret_canary_"
PASSWORD = "proxy_password_canary"
TOKEN = "olk_token_canary"
CANARIES = (SETTING, SECRET, PASSWORD, TOKEN)
CONFIG = {"auth": {"access": SETTING}}

Call = Callable[[CopassHook], object]
CALLS: dict[str, Call] = {
    "register_source": lambda hook: hook.register_source(
        provider="slack", name="n", ingestion_mode="realtime", adapter_config=CONFIG
    ),
    "update_source": lambda hook: hook.update_source("ds_1", adapter_config=CONFIG),
    "list_sources": lambda hook: hook.list_sources(),
    "get_source": lambda hook: hook.get_source("ds_1"),
    "rotate_webhook_secret": lambda hook: hook.rotate_webhook_secret("ds_1"),
    "pause_source": lambda hook: hook.pause_source("ds_1"),
    "resume_source": lambda hook: hook.resume_source("ds_1"),
    "disconnect_source": lambda hook: hook.disconnect_source("ds_1"),
    "pull_source": lambda hook: hook.pull_source("ds_1"),
    "ingest_text": lambda hook: hook.ingest_text(text=f"a text with {SETTING}"),
    "get_job": lambda hook: hook.get_job("job_1"),
    "purge_source": lambda hook: hook.purge_source("ds_1"),
    "delete_source": lambda hook: hook.delete_source("ds_1"),
}
DOORS: dict[str, Call] = {
    **CALLS,
    "connection": lambda hook: hook.connection,
    "sandbox_id": lambda hook: hook.sandbox_id,
    "get_conn": lambda hook: hook.get_conn(),
}


ASYNCHRONOUS = ("get_async_conn", "read_connection")


@pytest.fixture(name="hook")
def _hook(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> CopassHook:
    """A hook that sends nothing twice, to an account whose secrets are recognised."""
    monkeypatch.setattr("airflow_provider_copass.emulator.source._SECRET_PREFIX", SECRET)
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1, timeout=5))
    emulator.seed([{"data_source_id": "ds_1", "provider": "slack", "name": "m", "ingestion_mode": "realtime"}])
    return CopassHook()


def check(seen: Recorded, name: str, *more: str) -> None:
    """Nothing that must not be seen is seen; of this package there is one frame, named after the method."""
    seen.check(*CANARIES, *more)
    assert seen.own_frames == [name]


def test_every_method_is_in_the_table() -> None:
    """A new one is tested as well."""
    own = {name for name, member in vars(CopassHook).items() if callable(member) and not name.startswith("_")}
    assert own - set(DOORS) == {"close", "aclose", "test_connection", *ASYNCHRONOUS}


@pytest.mark.parametrize("action", [{"status": 422}, {"status": 503}, "drop", {"html": 200}], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails(hook: CopassHook, emulator: Emulator, name: str, action: Any) -> None:
    """Whether the server refuses it, fails, breaks off or answers with something else."""
    if isinstance(action, dict) and "status" in action:
        action = {**action, "body": {"detail": [{"loc": ["body", SETTING], "input": CONFIG}], "t": emulator.token}}
    emulator.add_fault(operation="*", action=action, times=None)
    seen = record(lambda: CALLS[name](hook))
    if seen is None:
        # What a deletion answers is not read.
        assert (name, action) == ("delete_source", {"html": 200})
        return
    check(seen, name, emulator.token)


CONNECTIONS = {
    **unusable(password=PASSWORD),
    "a proxy and plain http": {"extra": {"proxy": f"http://user:{PASSWORD}@proxy:3128"}},
    "no IPv4 address": {"host": "https://10.0.0.999"},
    "a token with a space": {"password": f"{TOKEN} {TOKEN}"},
}


@pytest.mark.parametrize("case", CONNECTIONS)
@pytest.mark.parametrize("name", ["get_conn", "list_sources", "register_source", *ASYNCHRONOUS])
def test_a_connection_that_cannot_work(monkeypatch: pytest.MonkeyPatch, name: str, case: str) -> None:
    """The token and the proxy's password were read by then."""
    usual = {"host": "http://127.0.0.1:9", "password": TOKEN, "extra": {"sandbox_id": "sb", "max_attempts": 1}}
    monkeypatch.setenv(ENVIRONMENT, as_json(**{**usual, **CONNECTIONS[case]}))
    hook = CopassHook()
    seen = record(lambda: asyncio.run(getattr(hook, name)()) if name in ASYNCHRONOUS else DOORS[name](hook))
    if seen is None:
        # These are looked at when the client is opened.
        assert name == "read_connection"
        assert case in {"no such ca_bundle", "a ca_bundle without certificates", "no IPv4 address"}
        return
    check(seen, name)


@pytest.mark.parametrize("name", [*DOORS, "test_connection"])
def test_an_unexpected_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hook: CopassHook, name: str
) -> None:
    """It keeps its type; the log says where it was raised."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    for owner, attribute in ((httpx.Client, "send"), (httpx.Client, "__init__")):
        monkeypatch.setattr(owner, attribute, fail)
    if name in {"connection", "sandbox_id"}:
        monkeypatch.setattr(CopassHook, "get_connection", fail)
    seen = recorded(lambda: (DOORS | {"test_connection": lambda hook: hook.test_connection()})[name](hook))
    assert type(seen.error) is RuntimeError
    check(seen, name)
    [line] = [each.getMessage() for each in caplog.records if "RuntimeError" in each.getMessage()]
    assert "hooks/test_frames.py:" in line
    assert "boom" not in line


# A socket that is opened at that very line is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["register_source", "rotate_webhook_secret", "update_source", "test_connection"])
def test_a_timeout_at_any_line(hook: CopassHook, emulator: Emulator, name: str) -> None:
    """Airflow raises it from a signal, in the middle of anything."""
    call = (DOORS | {"test_connection": lambda hook: hook.test_connection()})[name]
    with InterruptedAt(0, AirflowTaskTimeout()) as counted:
        call(hook)
    points = 24
    reached = 0
    for number in range(1, points + 1):

        def interrupted(at: int = number * counted.lines // (points + 1)) -> None:
            with InterruptedAt(at, AirflowTaskTimeout("timed out")):
                call(CopassHook())

        seen = record(interrupted)
        if seen is None:
            continue
        reached += 1
        assert type(seen.error) is AirflowTaskTimeout
        seen.check(*CANARIES, emulator.token)
        assert [frame.f_code.co_name for frame in frames_of(seen.error)][-1] in {name, "__init__"}
    assert reached > points // 2
    del seen
    # Here, and not in the next test.
    gc.collect()


def test_a_timeout_as_a_door_is_entered(hook: CopassHook) -> None:
    """A signal's handler raises as soon as the door is marked as passed: its frame shows no argument either."""

    def raise_once_passed(frame: FrameType, *_: object) -> Any:
        if frame.f_code.co_filename == _tracebacks.__file__ and _tracebacks._DEPTH.get():
            raise AirflowTaskTimeout("timed out")
        return raise_once_passed

    def interrupted() -> None:
        tracing = sys.gettrace()
        sys.settrace(raise_once_passed)
        try:
            hook.list_sources()
        finally:
            sys.settrace(tracing)

    *_, door = frames_of(recorded(interrupted).error)
    assert door.f_code.co_name == "list_sources"
    assert "args" not in door.f_locals


def test_the_caller_s_own_error_is_still_the_context(hook: CopassHook, emulator: Emulator) -> None:
    """An error of the user's that is being handled is still the context: it is the user's own."""
    emulator.add_fault(operation="list", action={"status": 503}, times=None)
    try:
        {}["mine"]
    except KeyError:
        with pytest.raises(CopassServerError) as failed:
            hook.list_sources()
    assert isinstance(failed.value.__context__, KeyError)


class _Raising:
    """A secrets backend, or anything else, that raises what it was given."""

    def __getattr__(self, name: str) -> Any:
        def fail(*given: object, **named: object) -> None:
            raise OSError(f"{name} {given} {named}")

        return fail


def _variables() -> SecretStore:
    return VariableStore(AirflowVariables(backends=[_Raising()], sleep=lambda _: None))


STORES: dict[str, Callable[[], SecretStore]] = {"variable": _variables, "backend": lambda: BackendStore(_Raising())}


@pytest.mark.parametrize("act", ["read", "write", "remove"])
@pytest.mark.parametrize("kind", STORES)
def test_a_store_that_does_not_work(monkeypatch: pytest.MonkeyPatch, kind: str, act: str) -> None:
    """For those who use a store by itself."""

    def fail(key: str, value: str = "") -> None:
        raise OSError(f"{key} {value}")

    monkeypatch.setattr("airflow_provider_copass.airflow_variables.set_variable", fail)
    monkeypatch.setattr("airflow_provider_copass.airflow_variables.remove_variable", fail)
    store = STORES[kind]()
    given = ("key", SecretStr(SECRET), SecretOwner("ds", "sb", "slack")) if act == "write" else ("key",)
    check(recorded(lambda: getattr(store, act)(*given)), act)


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_hook_that_is_collected_leaves_no_socket_open(emulator: Emulator, hook: CopassHook, is_closed: bool) -> None:
    """Python warns of an open one, and a test suite may have every warning be an error."""
    del hook
    port = httpx.URL(emulator.url).port or 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        hook = CopassHook()
        hook.list_sources()
        assert open_to(port) == 1
        cycle = [hook]
        cycle.append(cycle)  # type: ignore[arg-type]
        if is_closed:
            hook.close()
        del hook, cycle
        gc.collect()
        assert open_to(port) == 0
    assert [str(each.message) for each in warned if issubclass(each.category, ResourceWarning)] == []


def test_a_hook_is_a_context_manager(emulator: Emulator, hook: CopassHook) -> None:
    """Its end closes the connections."""
    port = httpx.URL(emulator.url).port or 0
    with hook as same:
        assert same is hook
        hook.list_sources()
        assert open_to(port) == 1
    assert open_to(port) == 0
