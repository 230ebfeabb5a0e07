"""The operators on a source that is there, against an emulated account: the least requests, and nothing by mistake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset
from lazy_object_proxy import Proxy

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassConnectionLostError, CopassServerError, EntryBusyError
from airflow_provider_copass.operators import (
    DeleteSourceOperator,
    DisconnectSourceOperator,
    PauseSourceOperator,
    PullSourceOperator,
    ResumeSourceOperator,
    RotateWebhookSecretOperator,
)
from airflow_provider_copass.registration import Owner, Timing
from airflow_provider_copass.registration.record import Open, name_of, to_text
from tests.hooks.connections import ENVIRONMENT, of
from tests.operators.test_register_source import InMemory, Memory, TaskInstance, Texts

READS = {"list", "get"}


@pytest.fixture(name="account")
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulated account that the default connection leads to, with one source in it."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1, timeout=5))
    monkeypatch.setattr(InMemory, "records", Texts())
    emulator.seed([{"provider": "slack", "name": "chat", "ingestion_mode": "realtime"}])
    return emulator


class InMemoryDelete(DeleteSourceOperator):
    """The operator, with its records in memory and no long waits."""

    _records = InMemory._records
    _timing = InMemory._timing

    @property
    def records(self) -> Texts:
        """Where they are."""
        return InMemory.records


class InMemoryRotate(RotateWebhookSecretOperator):
    """The operator, with its records in memory and no long waits."""

    _records = InMemory._records
    _timing = InMemory._timing

    @property
    def records(self) -> Texts:
        """Where they are."""
        return InMemory.records


def the_source(account: Emulator) -> str:
    """Return the id of the first source."""
    return str(account.sources()[0]["data_source_id"])


def execute(kind: type[Any], *, run_id: str = "run", try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute an operator once; return its result and what it pushed."""
    ti = TaskInstance(run_id, try_number)
    named = {} if "data_source_id" in fields else {"provider": "slack", "name": "chat"}
    operator = kind(task_id="act", **{**named, **fields})
    return operator.execute({"ti": ti}), ti.pushed


def writes(account: Emulator) -> list[str]:
    """Return the operations that came in and change something."""
    return [request["operation"] for request in account.requests() if request["operation"] not in READS]


@dataclass
class Event:
    """What Airflow lets a task say of an outlet's event."""

    extra: dict[str, Any]


class Events(dict[str, Event]):
    """The events of a task's outlets; of what has none, Airflow says so in this way."""

    def __getitem__(self, outlet: Any) -> Event:
        if not isinstance(outlet, Asset):
            raise TypeError
        return super().__getitem__(outlet.uri)


ACTS: list[tuple[type[Any], dict[str, Any], str, str]] = [
    (PauseSourceOperator, {}, "pause", "paused"),
    (ResumeSourceOperator, {}, "resume", "active"),
    (DisconnectSourceOperator, {"stop_for_good": True}, "disconnect", "disconnected"),
]


@pytest.mark.parametrize(("kind", "fields", "operation", "status"), ACTS, ids=[act[2] for act in ACTS])
@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_the_status_changes_once(
    account: Emulator, kind: type[Any], fields: dict[str, Any], operation: str, status: str, *, by_id: bool
) -> None:
    """Two requests the first time; the second run reads and changes nothing, and both return the id."""
    source_id = the_source(account)
    account.set_source(source_id, status="paused" if operation == "resume" else "active")
    named = {"data_source_id": source_id} if by_id else {}
    assert execute(kind, **fields, **named)[0] == source_id
    assert account.sources()[0]["status"] == status
    again, _ = execute(kind, **fields, **named)
    # A disconnected source is not a live one of its name any more.
    assert again == (source_id if by_id or operation != "disconnect" else None)
    assert writes(account) == [operation]
    assert len(account.requests()) == 3


@pytest.mark.parametrize(("kind", "fields", "operation", "status"), ACTS, ids=[act[2] for act in ACTS])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_mended_by_the_retry(
    account: Emulator, kind: type[Any], fields: dict[str, Any], operation: str, status: str, *, when: str
) -> None:
    """It looks first, and sends again only what had no effect."""
    source_id = the_source(account)
    account.set_source(source_id, status="paused" if operation == "resume" else "active")
    account.add_fault(operation=operation, when=when, action={"status": 503})
    with pytest.raises(CopassServerError):
        execute(kind, **fields, data_source_id=source_id)
    execute(kind, try_number=2, **fields, data_source_id=source_id)
    assert account.sources()[0]["status"] == status
    assert writes(account) == [operation] * (2 if when == "before" else 1)


@pytest.mark.parametrize("kind", [DisconnectSourceOperator, InMemoryDelete])
@pytest.mark.parametrize("said", [{}, {"data_source_id": "x"}])
def test_nothing_is_destroyed_by_mistake(account: Emulator, kind: type[Any], said: dict[str, Any]) -> None:
    """Refused before any request, naming the parameter to say it with."""
    with pytest.raises(AirflowFailException, match="_for_good=True"):
        execute(kind, **said)
    assert account.requests() == []


@pytest.mark.parametrize(
    "named",
    [{"data_source_id": "x", "provider": "slack", "name": "chat"}, {"provider": "slack", "name": None}, {"name": ""}],
)
def test_a_source_is_named_in_one_way(account: Emulator, named: dict[str, Any]) -> None:
    """Neither in both nor in half of one."""
    operator = PauseSourceOperator(task_id="act", **named)
    with pytest.raises(AirflowFailException, match="either by data_source_id, or by provider and name"):
        operator.execute({"ti": TaskInstance("run", 1)})  # type: ignore[typeddict-item]
    assert account.requests() == []


@pytest.mark.parametrize("kind", [PauseSourceOperator, InMemoryDelete])
def test_a_name_that_is_rendered_to_a_number_is_the_source_s(account: Emulator, kind: type[Any]) -> None:
    """As it was when the source was registered: what deletes it does not take it for gone."""
    [source_id] = account.seed([{"provider": "slack", "name": "20240101"}])
    fields = {"remove_for_good": True} if kind is InMemoryDelete else {}
    with DAG("native", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True):
        operator = kind(task_id="act", provider="slack", name="{{ ds_nodash }}", **fields)
    operator.render_template_fields({"ds_nodash": "20240101"})
    assert operator.execute({"ti": TaskInstance("run", 1)}) == source_id
    assert len(writes(account)) == 1


def test_an_id_that_is_rendered_to_a_number_is_looked_up(account: Emulator) -> None:
    """By its digits, and the message that there is none shows them."""
    with pytest.raises(AirflowFailException, match="There is no live source 42 "):
        execute(PauseSourceOperator, data_source_id=42)


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ({"data_source_id": 1.5}, "data_source_id must be a text"),
        ({"data_source_id": False}, "data_source_id must be a text"),
        ({"provider": ["slack"], "name": "chat"}, "provider must be a non-empty text"),
        ({"provider": "slack", "name": True}, "name must be a text"),
    ],
)
def test_what_names_no_source_is_refused(account: Emulator, named: dict[str, Any], rule: str) -> None:
    """Before any request, by the rule that it breaks, and not as a source that is not there."""
    with pytest.raises(AirflowFailException, match=rule):
        execute(InMemoryDelete, remove_for_good=True, **named)
    assert account.requests() == []


@pytest.mark.parametrize("named", [{"data_source_id": "no-such-id"}, {"provider": "slack", "name": "other"}])
def test_a_source_that_is_not_there_is_told(account: Emulator, named: dict[str, Any]) -> None:
    """The task fails at once, and the message names it."""
    with pytest.raises(AirflowFailException, match="There is no live"):
        execute(PauseSourceOperator, **named)
    assert writes(account) == []


def test_several_sources_of_a_name_are_told_apart_by_id(account: Emulator) -> None:
    """The message lists them, and none is touched."""
    account.seed([{"provider": "slack", "name": "chat"}])
    with pytest.raises(AirflowFailException, match="Name the one that is meant by its data_source_id"):
        execute(PauseSourceOperator)
    assert writes(account) == []


def test_a_sandbox_that_is_not_there_is_no_absence(account: Emulator) -> None:
    """A source of it is not taken for deleted."""
    with pytest.raises(AirflowFailException, match="404"):
        execute(InMemoryDelete, data_source_id="x", sandbox_id="sb_none", remove_for_good=True)


def test_a_pull_returns_its_job(account: Emulator) -> None:
    """With what was asked for; the retry says that there may be two."""
    job, _ = execute(PullSourceOperator, since="2026-01-01T00:00:00Z", vault_only=True)
    assert job
    [pull] = account.requests(operation="pull")
    assert pull["body"] == {"since": "2026-01-01T00:00:00Z", "vault_only": True}


@pytest.mark.parametrize(
    ("since", "sent"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01 00:00:00+02:00", "2026-01-01T00:00:00+02:00"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (Proxy(lambda: datetime(2026, 1, 1, tzinfo=UTC)), "2026-01-01T00:00:00+00:00"),
    ],
    ids=range(4),
)
def test_a_pull_begins_where_it_is_told_to(account: Emulator, since: Any, sent: str) -> None:
    """A moment, or one as text, in the form that the API reads; Airflow's own have a space in their text."""
    execute(PullSourceOperator, since=since)
    assert account.requests(operation="pull")[0]["body"] == {"since": sent}


@pytest.mark.parametrize("since", [None, "None", "", Proxy(lambda: None)], ids=range(4))
def test_a_pull_since_nothing_is_one_of_everything(account: Emulator, since: Any) -> None:
    """What a template makes of the end of the last run, where there was none: rendered to text, or natively."""
    assert execute(PullSourceOperator, since=since)[0]
    assert account.requests(operation="pull")[0]["body"] == {}


@pytest.mark.parametrize(
    "since",
    [5, True, date(2026, 1, 1), datetime(2026, 1, 1), "2026-01-01", "2026-01-01T00:00:00", "yesterday", "canary"],  # noqa: DTZ001 - without an offset
)
def test_a_pull_since_what_is_no_moment_is_refused(account: Emulator, since: Any) -> None:
    """Before any request, by its name, with the rule: a moment without an offset is another one elsewhere."""
    with pytest.raises(AirflowFailException, match="since must be a date and time with its offset from UTC") as refused:
        execute(PullSourceOperator, since=since)
    assert account.requests() == []
    assert "canary" not in str(refused.value)


def test_a_deleted_source_leaves_nothing_behind(account: Emulator) -> None:
    """Source, secret and record are gone; a second run finds nothing and sends no write; a registration begins anew."""
    account.set_source(the_source(account), deleted=True)
    store = Memory()
    fields = {"name": "chat", "provider": "slack", "ingestion_mode": "realtime"}
    made, _ = execute(InMemory, **fields, secret_store=store)
    assert (len(store.held), len(InMemory.records)) == (1, 1)
    options = {"remove_for_good": True, "remove_secret": True, "secret_store": store}
    assert execute(InMemoryDelete, **options)[0] == made
    assert (store.held, InMemory.records) == ({}, {})
    assert execute(InMemoryDelete, **options)[0] is None
    assert writes(account) == ["register", "delete"]
    again, _ = execute(InMemory, **fields, secret_store=store)
    assert again != made


def test_the_secret_before_a_rotation_goes_as_well(account: Emulator) -> None:
    """It was kept under a second key."""
    store = Memory()
    execute(InMemoryRotate, secret_store=store)
    execute(InMemoryRotate, secret_store=store, run_id="run 2", keep_previous=True)
    assert len(store.held) == 2
    execute(InMemoryDelete, remove_for_good=True, remove_secret=True, secret_store=store)
    assert (store.held, InMemory.records) == ({}, {})


def open_record(*, ago: float) -> str:
    """Leave an open record of another task, and return its name."""
    name = name_of("sb_demo", "slack", "chat")
    InMemory.records[name] = to_text(Open("mark", Owner("other", 1), datetime.now(UTC).timestamp() - ago))
    return name


def test_a_source_that_is_being_registered_is_not_deleted(account: Emulator) -> None:
    """The error is one that Airflow retries."""
    name = open_record(ago=1)
    with pytest.raises(EntryBusyError, match=name):
        execute(InMemoryDelete, remove_for_good=True)
    assert writes(account) == []


def test_a_dead_task_s_record_does_not_keep_a_source_alive(account: Emulator) -> None:
    """It is removed with the source."""
    open_record(ago=Timing().takeover_after + 1)
    execute(InMemoryDelete, remove_for_good=True)
    assert (writes(account), InMemory.records) == (["delete"], {})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["purge", "delete"])
def test_a_lost_answer_to_a_deletion_is_mended_by_the_retry(account: Emulator, operation: str, when: str) -> None:
    """By id the retry of one that had its effect finds nothing more to do."""
    account.add_fault(operation=operation, when=when, action={"drop": True})
    options = {"remove_for_good": True, "purge_knowledge": True, "data_source_id": the_source(account)}
    with pytest.raises(CopassConnectionLostError):
        execute(InMemoryDelete, **options)
    execute(InMemoryDelete, try_number=2, **options)
    assert account.sources()[0]["deleted"]
    assert account.requests(operation="delete")


def test_a_source_s_knowledge_is_purged_first_where_asked_for(account: Emulator) -> None:
    """And kept where not."""
    execute(InMemoryDelete, remove_for_good=True, purge_knowledge=True)
    assert writes(account) == ["purge", "delete"]


def test_another_source_s_secret_is_left(account: Emulator) -> None:
    """Where the store knows whose it is."""

    class Noting(Memory):
        def owner_of(self, key: str) -> str:
            return "another-source"

    store = Noting()
    store.held["fixed_secret"] = "canary"
    execute(InMemoryDelete, remove_for_good=True, remove_secret=True, secret_store=store, store_as="fixed_secret")
    assert store.held == {"fixed_secret": "canary"}


def test_a_rotated_secret_is_the_valid_one(account: Emulator) -> None:
    """It is stored under the key that is pushed; a retry of the same run rotates nothing, the next run does."""
    store = Memory()
    source_id, pushed = execute(InMemoryRotate, secret_store=store)
    assert account.verify_secret(source_id, store.held[pushed["stored_as"]])
    first = dict(store.held)
    assert execute(InMemoryRotate, secret_store=store, try_number=2)[1] == pushed
    assert store.held == first
    execute(InMemoryRotate, secret_store=store, run_id="run 2", keep_previous=True)
    assert writes(account) == ["rotate", "rotate"]
    assert store.held[f"{pushed['stored_as']}_previous"] == first[pushed["stored_as"]]
    assert account.verify_secret(source_id, store.held[pushed["stored_as"]])


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_a_rotation_is_a_look_and_a_rotation(account: Emulator, *, by_id: bool) -> None:
    """No more requests than these; a retry of the same run only looks."""
    named = {"data_source_id": the_source(account)} if by_id else {}
    store = Memory()
    look = "get" if by_id else "list"
    for try_number in (1, 2):
        execute(InMemoryRotate, secret_store=store, try_number=try_number, **named)
    assert [request["operation"] for request in account.requests()] == [look, "rotate", look]


def test_each_outlet_s_event_tells_where_the_new_secret_is(account: Emulator) -> None:
    """Its id and its key, and never the secret; what was said of the event already stays."""
    store = Memory()
    outlet = Asset("copass://chat/secret")
    operator = InMemoryRotate(
        task_id="act", provider="slack", name="chat", secret_store=store, outlets=[outlet, object()]
    )
    events = Events({outlet.uri: Event({"team": "support"})})
    source_id = operator.execute({"ti": TaskInstance("run", 1), "outlet_events": events})  # type: ignore[typeddict-item]
    [key] = store.held
    assert events[outlet].extra == {"team": "support", "data_source_id": source_id, "stored_as": key}


def test_an_outlet_that_refers_to_no_asset_fails_the_task_before_anything_is_rotated(account: Emulator) -> None:
    """Airflow looks such an outlet up when it is asked for its event, and its error leaves the old secret good."""

    class Lost(Events):
        def __getitem__(self, outlet: Any) -> Event:
            raise LookupError("no such asset")

    outlet = Asset("copass://chat/secret")
    operator = InMemoryRotate(task_id="act", provider="slack", name="chat", secret_store=Memory(), outlets=[outlet])
    with pytest.raises(LookupError, match="no such asset"):
        operator.execute({"ti": TaskInstance("run", 1), "outlet_events": Lost()})  # type: ignore[typeddict-item]
    assert writes(account) == []


def test_a_polled_source_has_no_secret_to_rotate(account: Emulator) -> None:
    """The message says what it is."""
    account.set_source(the_source(account), ingestion_mode="polling")
    with pytest.raises(AirflowFailException, match="only a realtime source has a webhook secret"):
        execute(InMemoryRotate, secret_store=Memory())
    assert writes(account) == []


@pytest.mark.parametrize(
    "kind", [PauseSourceOperator, PullSourceOperator, DeleteSourceOperator, RotateWebhookSecretOperator]
)
def test_what_names_the_source_is_templated(kind: type[Any]) -> None:
    """So that an earlier task's XCom can be given."""
    operator = kind(task_id="act", data_source_id="{{ ds }}", sandbox_id="{{ ds }}", copass_conn_id="{{ ds }}")
    operator.render_template_fields({"ds": "2026-01-01"})
    assert (operator.data_source_id, operator.sandbox_id, operator.copass_conn_id) == ("2026-01-01",) * 3


def test_a_secret_is_never_pushed(account: Emulator) -> None:
    """Neither by rotating nor by deleting."""
    store = Memory()
    result, pushed = execute(InMemoryRotate, secret_store=store)
    [secret] = store.held.values()
    assert secret not in f"{result}{pushed}"
