"""The operator against an emulated account: XComs, templates, mapping, and which failures are final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import (
    CopassAnswerError,
    CopassConnectionLostError,
    CopassServerError,
    CopassTimeoutError,
    SecretStoreError,
)
from tests.hooks.connections import ENVIRONMENT, as_json, of
from tests.operators.in_memory import MemoryStore, register_once


def posts(account: Emulator) -> int:
    """Count the register calls that came in."""
    return len(account.requests(operation="register"))


def test_the_xcoms_of_a_realtime_source(account: Emulator) -> None:
    """The id is returned and pushed, the source is pushed without secrets, and the key of the secret is pushed."""
    store = MemoryStore()
    result, pushed = register_once(ingestion_mode="realtime", adapter_config={"token": "canary"}, secret_store=store)
    (key,) = store.held
    assert key == f"copass_webhook_secret_{result}"
    assert set(pushed) == {"data_source_id", "source", "stored_as"}
    assert pushed["data_source_id"] == result
    assert pushed["stored_as"] == key
    assert pushed["source"]["webhook_url"]
    assert account.verify_secret(result, store.held[key])
    assert "canary" not in str(pushed)
    assert store.held[key] not in str(pushed)


def test_a_source_without_a_webhook_has_no_key(account: Emulator) -> None:
    """``stored_as`` is pushed only where there is a secret."""
    _, pushed = register_once()
    assert set(pushed) == {"data_source_id", "source"}


def test_a_task_that_pushes_no_xcom_pushes_none(account: Emulator) -> None:
    """``do_xcom_push=False`` is respected."""
    _, pushed = register_once(do_xcom_push=False)
    assert pushed == {}


def test_the_second_run_creates_nothing(account: Emulator) -> None:
    """However often the task is run, there is one source; a run that finds it in place is one GET."""
    store = MemoryStore()
    first, _ = register_once(ingestion_mode="realtime", secret_store=store)
    second, pushed = register_once(ingestion_mode="realtime", secret_store=store)
    assert first == second
    assert pushed["stored_as"] in store.held
    assert [request["operation"] for request in account.requests()] == ["list", "register", "get"]


def test_store_as_names_the_key(account: Emulator) -> None:
    """The placeholders are filled in."""
    store = MemoryStore()
    _, pushed = register_once(
        name="Team: chat", ingestion_mode="realtime", secret_store=store, store_as="{provider}_secret_{name}"
    )
    assert pushed["stored_as"] == "slack_secret_Team_chat"
    assert list(store.held) == ["slack_secret_Team_chat"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "x" * 256}, "name"),
        ({"ingestion_mode": "sometimes"}, "ingestion_mode"),
        ({"kind": "forever"}, "kind"),
        ({"poll_interval_seconds": 59}, "poll_interval_seconds"),
        ({"adapter_config": "no object canary"}, "adapter_config"),
        ({"sandbox_id": "a/b"}, "sandbox_id"),
        ({"store_as": "{id}"}, "store_as"),
        ({"store_as": "a/b", "ingestion_mode": "realtime"}, "store_as"),
    ],
)
def test_bad_input_fails_at_once_and_before_any_request(account: Emulator, fields: dict[str, Any], named: str) -> None:
    """The task fails without using up its retries, naming the field, and the server hears nothing of it."""
    with pytest.raises(AirflowFailException, match=named) as failed:
        register_once(**fields)
    assert account.requests() == []
    assert "canary" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


@pytest.mark.parametrize(
    ("connection", "named"),
    [
        ({"password": None}, "token"),
        ({"password": "olk_canary\n"}, "token"),
        ({"host": "http://copass.example"}, "host"),
        ({"extra": {}}, "sandbox_id"),
        # What is found when the client is opened.
        ({"extra": {"sandbox_id": "sb_demo", "ca_bundle": __file__}}, "ca_bundle"),
    ],
)
def test_a_bad_connection_fails_at_once_and_before_any_request(
    account: Emulator, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], named: str
) -> None:
    """Nothing is sent with a connection that cannot work."""
    good = {"password": account.token, "host": account.url, "extra": {"sandbox_id": "sb_demo"}}
    monkeypatch.setenv(ENVIRONMENT, as_json(**{**good, **connection}))
    with pytest.raises(AirflowFailException, match=named) as failed:
        register_once()
    assert account.requests() == []
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refusal_fails_at_once(account: Emulator, status: int) -> None:
    """The same request would be refused again."""
    account.add_fault(operation="list", action={"status": status})
    with pytest.raises(AirflowFailException, match=str(status)):
        register_once()


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 500}, CopassServerError),
        ({"status": 503}, CopassServerError),
        ({"drop": True}, CopassConnectionLostError),
        ({"reset": True}, CopassConnectionLostError),
    ],
)
def test_a_passing_fault_is_left_to_airflow_s_retry(account: Emulator, action: dict[str, Any], error: type) -> None:
    """The task may be tried again, and then there is one source."""
    account.add_fault(operation="list", action=action)
    with pytest.raises(error):
        register_once()
    register_once()
    assert posts(account) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", [{"drop": True}, {"reset": True}, {"status": 503}, {"html": 200}])
def test_a_post_whose_answer_was_lost_is_not_repeated_blindly(
    account: Emulator, when: str, action: dict[str, Any]
) -> None:
    """The same try looks for its effect first: one source, its valid secret, and a second POST only without effect."""
    store = MemoryStore()
    account.add_fault(operation="register", when=when, action=action)
    try:
        result, pushed = register_once(ingestion_mode="realtime", secret_store=store)
    except CopassAnswerError:
        # A page in the answer's place tells nothing of a POST that had no effect; Airflow tries again.
        result, pushed = register_once(try_number=2, ingestion_mode="realtime", secret_store=store)
    (source,) = [source for source in account.sources() if not source["deleted"]]
    assert result == source["data_source_id"]
    assert account.verify_secret(result, store.held[pushed["stored_as"]])
    assert posts(account) == (2 if when == "before" else 1)


def test_a_slow_server_is_a_timeout(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection's ``timeout`` bounds the wait."""
    monkeypatch.setenv(ENVIRONMENT, of(account, max_attempts=1, timeout=0.2))
    account.add_fault(operation="list", action={"hold": True})
    with pytest.raises(CopassTimeoutError):
        register_once()


def test_a_store_that_is_down_is_left_to_airflow_s_retry(account: Emulator) -> None:
    """The error is one that Airflow retries, and holds no secret."""
    store = MemoryStore()
    store.works = False
    with pytest.raises(SecretStoreError, match="The next try mints a new secret") as failed:
        register_once(ingestion_mode="realtime", secret_store=store)
    assert "canary" not in str(failed.value)
    store.works = True
    result, pushed = register_once(try_number=2, ingestion_mode="realtime", secret_store=store)
    assert account.verify_secret(result, store.held[pushed["stored_as"]])
    assert posts(account) == 1


def test_an_existing_source_fails_where_it_shall(account: Emulator) -> None:
    """``if_exists='fail'`` is final."""
    register_once()
    with pytest.raises(AirflowFailException, match="exists already"):
        register_once("another run", if_exists="fail")


def test_update_changes_what_differs(account: Emulator) -> None:
    """The declared fields that differ are sent, merged, and nothing else."""
    result, _ = register_once(poll_interval_seconds=60, adapter_config={"a": 1, "b": {"c": 1}})
    register_once("run 2", if_exists="update", poll_interval_seconds=60, adapter_config={"b": {"c": 2}})
    (request,) = account.requests(operation="update")
    assert request["body"] == {"adapter_config": {"b": {"c": 2}}}
    assert request["query"] == {"merge_adapter_config": "true"}
    register_once("run 3", if_exists="update", adapter_config={"b": {"c": 2}})
    assert len(account.requests(operation="update")) == 1
    assert account.sources()[0]["adapter_config"] == {"a": 1, "b": {"c": 2}}
    assert account.sources()[0]["data_source_id"] == result


def test_update_leaves_alone_what_the_task_does_not_declare(account: Emulator) -> None:
    """A task without ``ingestion_mode`` and ``kind`` changes neither: a webhook that somebody uses stays."""
    account.seed([{"provider": "slack", "name": "n", "ingestion_mode": "realtime", "kind": "ephemeral"}])
    register_once(if_exists="update", external_account_id="T2")
    (request,) = account.requests(operation="update")
    assert request["body"] == {"external_account_id": "T2"}
    (source,) = account.sources()
    assert (source["ingestion_mode"], source["kind"]) == ("realtime", "ephemeral")


def test_reuse_warns_of_nothing_that_the_task_does_not_declare(account: Emulator, logged: Callable[[], str]) -> None:
    """A realtime source is not said to differ from a task that names no mode."""
    account.seed([{"provider": "slack", "name": "n", "ingestion_mode": "realtime", "kind": "ephemeral"}])
    register_once()
    text = logged()
    assert "exists as source" in text
    assert "differs" not in text


def test_a_new_source_without_a_mode_is_what_the_server_makes_of_it(account: Emulator) -> None:
    """Neither ``ingestion_mode`` nor ``kind`` is sent, and the source is manual and durable."""
    register_once()
    (request,) = account.requests(operation="register")
    assert request["body"] == {"provider": "slack", "name": "n"}
    (source,) = account.sources()
    assert (source["ingestion_mode"], source["kind"]) == ("manual", "durable")
