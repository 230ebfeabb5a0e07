"""What an error tracker sees of an operator that fails: neither token, nor secret, nor ``adapter_config`` value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.operators import (
    DeleteSourceOperator,
    DisconnectSourceOperator,
    IngestTextOperator,
    PauseSourceOperator,
    PullSourceOperator,
    RegisterSourceOperator,
    RegisterSourcesOperator,
    ResumeSourceOperator,
    RotateWebhookSecretOperator,
    UpdateSourceOperator,
)
from airflow_provider_copass.operators._redaction import DeferredRedacted
from airflow_provider_copass.registration.driver import Driver
from tests.harness.trackers import InterruptedAt, record, recorded
from tests.hooks.connections import ENVIRONMENT, as_json, of, unusable
from tests.operators.conftest import TimedOutAfter
from tests.operators.in_memory import InMemory, MemoryJournal, MemoryStore, TaskInstance, connect, memory_operator

SETTING = "adapter_value_canary"
SECRET = "olk_webhook_secret_canary_"
PROXY_PASSWORD = "proxy_password_canary"
TOKEN = "olk_token_canary"
CONFIG = {"channel": "c", "auth": {"access": SETTING}}
NAMED = {"provider": "slack", "name": "n"}
CANARIES = (SETTING, SECRET, PROXY_PASSWORD, TOKEN)


def _in_memory(kind: type, **fields: Any) -> Callable[[], Any]:
    """Return a factory of an operator whose journal is in memory."""
    return lambda: memory_operator(kind)(task_id="task", **fields)


STORE = MemoryStore()
OPERATORS: dict[str, tuple[Callable[[], Any], str]] = {
    "register": (
        _in_memory(
            RegisterSourceOperator,
            provider="slack",
            name="new",
            ingestion_mode="realtime",
            adapter_config=CONFIG,
            secret_store=STORE,
        ),
        "register",
    ),
    "register a list": (
        _in_memory(
            RegisterSourcesOperator,
            sources=[{"provider": "slack", "name": "new", "ingestion_mode": "realtime", "adapter_config": CONFIG}],
            secret_store=STORE,
        ),
        "register",
    ),
    "update": (_in_memory(UpdateSourceOperator, **NAMED, adapter_config={**CONFIG, "channel": "new"}), "update"),
    "rotate": (_in_memory(RotateWebhookSecretOperator, **NAMED, secret_store=STORE), "rotate"),
    "pause": (_in_memory(PauseSourceOperator, **NAMED), "pause"),
    "resume": (_in_memory(ResumeSourceOperator, **NAMED), "resume"),
    "disconnect": (_in_memory(DisconnectSourceOperator, **NAMED), "disconnect"),
    "delete": (_in_memory(DeleteSourceOperator, **NAMED, purge_knowledge=True), "delete"),
    "pull": (_in_memory(PullSourceOperator, **NAMED), "pull"),
    "ingest": (_in_memory(IngestTextOperator, **NAMED, text=SETTING), "ingest"),
    "ingest a list": (_in_memory(IngestTextOperator, **NAMED, text=[SETTING] * 3), "ingest"),
}
"""How to make each operator, and its own write; each works on a source whose settings hold the canary, which is a text
to ingest as well."""


@pytest.fixture(autouse=True)
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An account whose secrets are recognised, with one source."""
    monkeypatch.setattr("airflow_provider_copass.emulator.source._SECRET_PREFIX", SECRET)
    connect(emulator, monkeypatch)
    STORE.held.clear()
    STORE.works = True
    seed(emulator, "active")
    return emulator


def seed(emulator: Emulator, status: str) -> None:
    """Put the source there that most of the operators work on."""
    emulator.seed([{**NAMED, "ingestion_mode": "realtime", "status": status, "adapter_config": CONFIG}])


def execute(name: str, task: Any = None) -> None:
    """Execute an operator as Airflow does: its frame holds the operator and the context."""
    task = task or OPERATORS[name][0]()
    context: Any = {"ti": TaskInstance(), "task": task}
    task.execute(context=context)


def check(seen: Any, emulator: Emulator) -> None:
    """Nothing that must not be seen is seen, and the traceback is the operator's door alone."""
    seen.check(*CANARIES, emulator.token)
    assert seen.own_frames == ["execute"]
    assert (seen.error.__cause__, seen.error.__context__) == (None, None)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *((name, status) for name in OPERATORS for status in (404, 409, 422, 503)),
        *(("register", status) for status in (302, 400, 401, 403, 429, 500)),
    ],
)
def test_a_refusal(emulator: Emulator, name: str, status: int) -> None:
    """Of the operator's own write, with an answer that echoes what was sent."""
    body = {"detail": [{"loc": ["body", SETTING], "input": CONFIG}], "token": emulator.token}
    emulator.add_fault(operation=OPERATORS[name][1], action={"status": status, "body": body}, times=None)
    if name == "resume":
        emulator.set_source(emulator.sources()[0]["data_source_id"], status="paused")
    seen = record(lambda: execute(name))
    if seen is None:
        # To delete or disconnect what is gone is success.
        assert (name, status) in {("delete", 404), ("disconnect", 404), ("disconnect", 409)}
        return
    check(seen, emulator)


ANYWHERE: dict[str, Callable[[Emulator], object]] = {
    "503 at once": lambda emulator: emulator.add_fault(operation="*", action={"status": 503}, times=None),
    "lost": lambda emulator: emulator.add_fault(operation="*", action="drop", times=None),
    "html": lambda emulator: emulator.add_fault(operation="*", action={"html": 502}, times=None),
}


@pytest.mark.parametrize("failure", ANYWHERE)
@pytest.mark.parametrize("name", OPERATORS)
def test_a_failure_of_the_first_call(emulator: Emulator, name: str, failure: str) -> None:
    """Whatever the operator asks first."""
    ANYWHERE[failure](emulator)
    check(recorded(lambda: execute(name)), emulator)


def test_no_answer_in_time(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gives up."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1, timeout=0.2))
    emulator.add_fault(operation="*", action={"delay": 1}, times=None)
    check(recorded(lambda: execute("register")), emulator)


CONNECTIONS = {
    **unusable(password=PROXY_PASSWORD),
    "refused": {"host": "http://127.0.0.1:9"},
    "a proxy that refuses": {
        "host": "https://api.example",
        "extra": {
            "sandbox_id": "sb_demo",
            "max_attempts": 1,
            "timeout": 2,
            "proxy": f"http://u:{PROXY_PASSWORD}@127.0.0.1:9",
        },
    },
    "no sandbox": {"extra": {}},
}


@pytest.mark.parametrize("case", CONNECTIONS)
@pytest.mark.parametrize("name", ["register", "pause"])
def test_a_connection_that_cannot_work(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str, case: str
) -> None:
    """The token was read by then."""
    usual = {"host": emulator.url, "password": TOKEN, "extra": {"sandbox_id": "sb_demo", "max_attempts": 1}}
    monkeypatch.setenv(ENVIRONMENT, as_json(**{**usual, **CONNECTIONS[case]}))
    check(recorded(lambda: execute(name)), emulator)


@pytest.mark.parametrize("name", ["register", "register a list", "rotate"])
def test_a_store_that_does_not_work(emulator: Emulator, name: str) -> None:
    """What it raises shows the secret."""
    STORE.works = False
    check(recorded(lambda: execute(name)), emulator)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", OPERATORS)
def test_an_unexpected_error(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    kind: type[BaseException],
) -> None:
    """It keeps its type; the log says where it was raised, since its traceback is gone."""

    def fail(*_: object, **__: object) -> None:
        raise kind("boom")

    monkeypatch.setattr(httpx.Client, "send", fail)
    seen = recorded(lambda: execute(name))
    assert type(seen.error) is kind
    check(seen, emulator)
    [line] = [each.getMessage() for each in caplog.records if kind.__name__ in each.getMessage()]
    assert "test_frames.py:" in line
    assert "api/client.py:" in line
    assert "boom" not in line


def test_a_journal_that_raises_what_it_was_given(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of exceptions, a group and notes are left behind too."""

    class Broken(MemoryJournal):
        def write(self, name: str, text: str, *, within: float = 0) -> None:
            secret = SECRET
            error = ExceptionGroup("several", [RuntimeError("one")])
            error.add_note(secret)
            raise error from ValueError(secret)

    monkeypatch.setattr(InMemory, "journal", Broken())
    seen = recorded(lambda: execute("register"))
    assert isinstance(seen.error, ExceptionGroup)
    check(seen, emulator)


# A socket that is opened at that very line is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", OPERATORS)
def test_a_task_s_timeout_at_any_line(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Airflow's timeout is raised by a signal, so at any line; it stays what it is, and shows nothing."""
    status = "paused" if name == "resume" else "active"
    emulator.set_source(emulator.sources()[0]["data_source_id"], status=status)
    # Made when the DAG is parsed, which no task's timeout interrupts.
    tasks = [OPERATORS[name][0]() for _ in range(33)]
    with InterruptedAt(0, AirflowTaskTimeout()) as counted:
        execute(name, tasks[0])
    points = 32 if "register" in name else 12
    reached = 0
    for number in range(1, points + 1):
        emulator.reset()
        seed(emulator, status)
        monkeypatch.setattr(InMemory, "journal", MemoryJournal())
        STORE.held.clear()
        at = number * counted.lines // (points + 1)

        def interrupted(at: int = at, task: Any = tasks[number]) -> None:
            with InterruptedAt(at, AirflowTaskTimeout("timed out")):
                execute(name, task)

        seen = record(interrupted)
        if seen is None:
            continue
        reached += 1
        # A text that may have been taken is not ingested again by a retry.
        final = {AirflowFailException} if "ingest" in name else set()
        assert type(seen.error) in {AirflowTaskTimeout, *final}
        check(seen, emulator)
    assert reached > points // 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_task_s_timeout_while_the_answer_is_awaited(
    emulator: Emulator, timed_out_after: TimedOutAfter, when: str
) -> None:
    """By a signal, in the middle of the HTTP client."""
    emulator.add_fault(operation="register", when=when, action={"delay": 3}, times=None)
    with timed_out_after(lambda: emulator.requests("register", wait=20)):
        seen = recorded(lambda: execute("register"))
    assert type(seen.error) is AirflowTaskTimeout
    check(seen, emulator)


@pytest.mark.parametrize("kind", [RuntimeError, AirflowTaskTimeout])
def test_a_field_that_cannot_be_rendered(emulator: Emulator, kind: type[BaseException]) -> None:
    """Jinja's frames hold what it has rendered so far."""

    def render(value: Any, context: object, jinja_env: object) -> object:
        rendered = str(value)
        raise kind(rendered[:0])

    field = DeferredRedacted("adapter_config", CONFIG, render)
    seen = recorded(lambda: field({}, None))  # type: ignore[typeddict-item]
    seen.check(*CANARIES)
    assert isinstance(seen.error, CopassError if kind is RuntimeError else kind)


@pytest.mark.parametrize(
    ("name", "context"), [*((name, {}) for name in OPERATORS), ("pause", {"ti": None}), ("pause", None)]
)
def test_a_context_without_a_task_instance(emulator: Emulator, name: str, context: Any) -> None:
    """It is refused in words, before any request: the message says what is missing."""
    with pytest.raises(AirflowFailException, match=r"task instance.*context\[\"ti\"\]"):
        OPERATORS[name][0]().execute(context)
    assert emulator.requests() == []


def test_the_frames_were_there_to_be_seen(emulator: Emulator) -> None:
    """Without a door the canary is seen: the trackers work."""
    task = OPERATORS["register"][0]()

    def steps() -> Any:
        config = task.adapter_config
        raise RuntimeError(len(config))
        yield

    def driven() -> None:
        Driver(None).run([steps()])  # type: ignore[arg-type]

    seen = recorded(driven)
    for tracker in ("sentry", "rich", "locals"):
        assert SETTING in seen.shown[tracker]
