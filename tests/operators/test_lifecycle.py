"""The operators on a source that is there, against an emulated account: the least requests, and nothing by mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset
from lazy_object_proxy import Proxy

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassConnectionLostError, CopassServerError
from airflow_provider_copass.operators import (
    DeleteSourceOperator,
    DisconnectSourceOperator,
    PauseSourceOperator,
    PullSourceOperator,
    RegisterSourceOperator,
    ResumeSourceOperator,
    RotateWebhookSecretOperator,
)
from tests.operators.in_memory import MemoryStore, TaskInstance, execute_once, memory_operator

READS = {"list", "get"}
Register = memory_operator(RegisterSourceOperator)
Delete = memory_operator(DeleteSourceOperator)
Disconnect = memory_operator(DisconnectSourceOperator)
Pause = memory_operator(PauseSourceOperator)
Resume = memory_operator(ResumeSourceOperator)
Pull = memory_operator(PullSourceOperator)
Rotate = memory_operator(RotateWebhookSecretOperator)


@pytest.fixture(name="account")
def _account(account: Emulator) -> Emulator:
    """An emulated account that the default connection leads to, with one source in it."""
    account.seed([{"provider": "slack", "name": "chat", "ingestion_mode": "realtime"}])
    return account


def the_source(account: Emulator) -> str:
    """Return the id of the first source."""
    return str(account.sources()[0]["data_source_id"])


def execute(kind: type[Any], *, run_id: str = "run", try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute an operator once; return its result and what it pushed."""
    named = {} if "data_source_id" in fields else {"provider": "slack", "name": "chat"}
    return execute_once(kind(task_id=kind.__name__, **{**named, **fields}), run_id, try_number)


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


CHANGES: list[tuple[type[Any], str, str]] = [
    (Pause, "pause", "paused"),
    (Resume, "resume", "active"),
    (Disconnect, "disconnect", "disconnected"),
]


@pytest.mark.parametrize(("kind", "operation", "status"), CHANGES, ids=[change[1] for change in CHANGES])
@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_the_status_changes_once(
    account: Emulator, kind: type[Any], operation: str, status: str, *, by_id: bool
) -> None:
    """A look and a write the first time; the second run looks, changes nothing, and returns the id as well."""
    source_id = the_source(account)
    account.set_source(source_id, status="paused" if operation == "resume" else "active")
    named = {"data_source_id": source_id} if by_id else {}
    assert execute(kind, **named)[0] == source_id
    assert account.sources()[0]["status"] == status
    again, _ = execute(kind, run_id="run 2", **named)
    # A disconnected source is not a live one of its name any more.
    assert again == (source_id if by_id or operation != "disconnect" else None)
    look = "get" if by_id else "list"
    # An id does not tell which entry is to be leased, so what is ended by its id is looked at before that as well.
    looks = [look] * (2 if by_id and operation == "disconnect" else 1)
    assert [request["operation"] for request in account.requests()] == [*looks, operation, look]


@pytest.mark.parametrize(("kind", "operation", "status"), CHANGES, ids=[change[1] for change in CHANGES])
def test_what_the_server_calls_the_new_status_is_not_repeated(
    account: Emulator, logged: Callable[[], str], *, kind: type[Any], operation: str, status: str
) -> None:
    """Its words may be anything; the log says what was done."""
    source_id = the_source(account)
    account.set_source(source_id, status="paused" if operation == "resume" else "active")
    account.add_fault(operation=operation, action={"status": 200, "body": {"status": "canary"}}, times=1)
    execute(kind)
    said = logged()
    assert f"source {source_id}." in said
    assert "canary" not in said


@pytest.mark.parametrize(("kind", "operation", "status"), CHANGES, ids=[change[1] for change in CHANGES])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_retry_makes_up_for_a_lost_answer(
    account: Emulator, kind: type[Any], operation: str, status: str, *, when: str
) -> None:
    """It looks first, and sends again only what had no effect."""
    source_id = the_source(account)
    account.set_source(source_id, status="paused" if operation == "resume" else "active")
    account.add_fault(operation=operation, when=when, action={"status": 503})
    with pytest.raises(CopassServerError):
        execute(kind, data_source_id=source_id)
    execute(kind, try_number=2, data_source_id=source_id)
    assert account.sources()[0]["status"] == status
    assert writes(account) == [operation] * (2 if when == "before" else 1)


@pytest.mark.parametrize(
    ("given", "purged"), [(True, 1), ("True", 1), (" true\n", 1), ("FALSE", 0), ("false", 0), (False, 0)]
)
def test_a_source_s_knowledge_is_purged_first_where_asked_for(account: Emulator, given: object, purged: int) -> None:
    """And kept where not; in the words of Python and of JSON, as a template renders them."""
    execute(Delete, purge_knowledge=given)
    assert writes(account) == [*["purge"] * purged, "delete"]


@pytest.mark.parametrize(
    "named",
    [{"data_source_id": "x", "provider": "slack", "name": "chat"}, {"provider": "slack", "name": None}, {}],
)
def test_a_source_is_named_in_one_way(account: Emulator, named: dict[str, Any]) -> None:
    """Neither in both nor in half of one."""
    operator = Pause(task_id="task", **named)
    with pytest.raises(AirflowFailException, match="either by data_source_id, or by provider and name"):
        execute_once(operator)
    assert account.requests() == []


@pytest.mark.parametrize("kind", [Pause, Delete])
def test_a_name_that_is_rendered_to_a_number_is_the_source_s(account: Emulator, kind: type[Any]) -> None:
    """As it was when the source was registered: what deletes it does not take it for gone."""
    [source_id] = account.seed([{"provider": "slack", "name": "20240101"}])
    with DAG("native", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True):
        operator = kind(task_id="task", provider="slack", name="{{ ds_nodash }}")
    operator.render_template_fields({"ds_nodash": "20240101"})
    assert execute_once(operator)[0] == source_id
    assert len(writes(account)) == 1


def test_an_id_that_is_rendered_to_a_number_is_looked_up(account: Emulator) -> None:
    """By its digits, and the message that there is none shows them."""
    with pytest.raises(AirflowFailException, match="There is no live source 42 "):
        execute(Pause, data_source_id=42)


@pytest.mark.parametrize("named", [{"data_source_id": "no-such-id"}, {"provider": "slack", "name": "other"}])
def test_a_source_that_is_not_there_is_told(account: Emulator, named: dict[str, Any]) -> None:
    """The task fails at once, and the message names it."""
    with pytest.raises(AirflowFailException, match="There is no live"):
        execute(Pause, **named)
    assert writes(account) == []


def test_several_sources_of_a_name_are_told_apart_by_id(account: Emulator) -> None:
    """The message lists them, and none is touched."""
    account.seed([{"provider": "slack", "name": "chat"}])
    with pytest.raises(AirflowFailException, match="Name one by its data_source_id"):
        execute(Pause)
    assert writes(account) == []


def test_a_sandbox_that_is_not_there_is_no_absence(account: Emulator) -> None:
    """A source of it is not taken for deleted."""
    with pytest.raises(AirflowFailException, match="404"):
        execute(Delete, data_source_id="x", sandbox_id="sb_none")


def test_a_pull_returns_its_job(account: Emulator) -> None:
    """With what was asked for; the retry says that there may be two."""
    job, _ = execute(Pull, since="2026-01-01T00:00:00Z", vault_only=True)
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
        # What a template makes of the end of the last run, where there was none: rendered to text, or natively.
        *((nothing, None) for nothing in (None, "None", "", Proxy(lambda: None))),
    ],
    ids=range(8),
)
def test_a_pull_begins_where_it_is_told_to(account: Emulator, since: Any, sent: str | None) -> None:
    """A moment, or one as text, in the form that the API reads; Airflow's own have a space in their text."""
    assert execute(Pull, since=since)[0]
    assert account.requests(operation="pull")[0]["body"] == ({} if sent is None else {"since": sent})


@pytest.mark.parametrize(
    "since",
    [5, True, date(2026, 1, 1), datetime(2026, 1, 1), "2026-01-01", "2026-01-01T00:00:00", "yesterday", "canary"],  # noqa: DTZ001 - without an offset
)
def test_a_pull_since_what_is_no_moment_is_refused(account: Emulator, since: Any) -> None:
    """Before any request, by its name, with the rule: a moment without an offset is another one elsewhere."""
    with pytest.raises(AirflowFailException, match="since must be a date and time with its offset from UTC") as refused:
        execute(Pull, since=since)
    assert account.requests() == []
    assert "canary" not in str(refused.value)


def test_a_source_is_deleted_with_its_secret(account: Emulator) -> None:
    """A second run finds nothing and sends no write; a registration begins anew."""
    account.set_source(the_source(account), deleted=True)
    store = MemoryStore()
    fields = {"name": "chat", "provider": "slack", "ingestion_mode": "realtime"}
    source_id, _ = execute(Register, **fields, secret_store=store)
    assert len(store.held) == 1
    options = {"remove_secret": True, "secret_store": store}
    assert execute(Delete, **options)[0] == source_id
    assert store.held == {}
    assert execute(Delete, run_id="run 2", **options)[0] is None
    assert writes(account) == ["register", "delete"]
    again, _ = execute(Register, **fields, secret_store=store)
    assert again != source_id


def test_a_retry_does_not_delete_what_another_run_has_registered(account: Emulator) -> None:
    """The try before it had done its work, and was killed after that."""
    execute(Delete)
    again, _ = execute(Register, name="chat", provider="slack")
    execute(Delete, try_number=2)
    assert [source["data_source_id"] for source in account.sources() if not source["deleted"]] == [again]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["purge", "delete"])
def test_a_retry_makes_up_for_a_lost_answer_to_a_deletion(account: Emulator, operation: str, when: str) -> None:
    """By id: the retry looks first, and deletes only what still exists."""
    account.add_fault(operation=operation, when=when, action={"drop": True})
    options = {"purge_knowledge": "true", "data_source_id": the_source(account)}
    with pytest.raises(CopassConnectionLostError):
        execute(Delete, **options)
    execute(Delete, try_number=2, **options)
    assert account.sources()[0]["deleted"]
    assert account.requests(operation="delete")


def test_a_rotated_secret_is_the_valid_one(account: Emulator) -> None:
    """It is stored under the key that is pushed; a retry of the same run rotates nothing, the next run does."""
    store = MemoryStore()
    source_id, pushed = execute(Rotate, secret_store=store)
    assert account.verify_secret(source_id, store.held[pushed["stored_as"]])
    assert store.held[pushed["stored_as"]] not in f"{source_id}{pushed}"
    first = dict(store.held)
    assert execute(Rotate, secret_store=store, try_number=2)[1] == pushed
    assert store.held == first
    execute(Rotate, secret_store=store, run_id="run 2", keep_previous=True)
    assert writes(account) == ["rotate", "rotate"]
    assert store.held[f"{pushed['stored_as']}_previous"] == first[pushed["stored_as"]]
    assert account.verify_secret(source_id, store.held[pushed["stored_as"]])


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_a_rotation_is_two_looks_and_a_rotation(account: Emulator, *, by_id: bool) -> None:
    """One look is before the lease and one under it; a retry of the same run only looks."""
    named = {"data_source_id": the_source(account)} if by_id else {}
    store = MemoryStore()
    look = "get" if by_id else "list"
    for try_number in (1, 2):
        execute(Rotate, secret_store=store, try_number=try_number, **named)
    assert [request["operation"] for request in account.requests()] == [look, look, "rotate", look]


def test_each_outlet_s_event_tells_where_the_new_secret_is(account: Emulator) -> None:
    """Its id and its key, and never the secret; what was said of the event already stays."""
    store = MemoryStore()
    outlet = Asset("copass://chat/secret")
    operator = Rotate(task_id="task", provider="slack", name="chat", secret_store=store, outlets=[outlet, object()])
    events = Events({outlet.uri: Event({"team": "support"})})
    source_id = operator.execute({"ti": TaskInstance(), "outlet_events": events})  # type: ignore[typeddict-item]
    [key] = store.held
    assert events[outlet].extra == {"team": "support", "data_source_id": source_id, "stored_as": key}


def test_an_outlet_that_refers_to_no_asset_fails_the_task_before_anything_is_rotated(account: Emulator) -> None:
    """Airflow looks such an outlet up when it is asked for its event, and its error leaves the old secret good."""

    class Lost(Events):
        def __getitem__(self, outlet: Any) -> Event:
            raise LookupError("no such asset")

    outlet = Asset("copass://chat/secret")
    operator = Rotate(task_id="task", provider="slack", name="chat", secret_store=MemoryStore(), outlets=[outlet])
    with pytest.raises(LookupError, match="no such asset"):
        operator.execute({"ti": TaskInstance(), "outlet_events": Lost()})  # type: ignore[typeddict-item]
    assert writes(account) == []


def test_a_polled_source_has_no_secret_to_rotate(account: Emulator) -> None:
    """The message says what it is."""
    account.set_source(the_source(account), ingestion_mode="polling")
    with pytest.raises(AirflowFailException, match="only a realtime source has a webhook secret"):
        execute(Rotate, secret_store=MemoryStore())
    assert writes(account) == []
