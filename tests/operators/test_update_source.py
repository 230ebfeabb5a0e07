"""``UpdateSourceOperator`` against an emulated account: what it asks, what it sends, what it pushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassServerError, EntryBusyError
from airflow_provider_copass.operators import RegisterSourceOperator, UpdateSourceOperator
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.journal import Pending, entry_name, to_text
from airflow_provider_copass.registration.spec import Identity
from tests.operators.in_memory import InMemory, MemoryStore, execute_once, memory_operator, operations

Register, Update = map(memory_operator, (RegisterSourceOperator, UpdateSourceOperator))


@pytest.fixture(name="account")
def _account(account: Emulator) -> Emulator:
    """An emulated account that the default connection leads to, with one source in it."""
    account.seed(
        [{"provider": "slack", "name": "chat", "ingestion_mode": "polling", "adapter_config": {"a": 1, "b": 1}}]
    )
    return account


def update(*, run_id: str = "run", try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute the operator once; return its result and what it pushed."""
    named = {} if "data_source_id" in fields else {"provider": "slack", "name": "chat"}
    return execute_once(Update(task_id="update", **{**named, **fields}), run_id, try_number)


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "by name"])
def test_a_change_is_two_looks_and_a_patch(account: Emulator, *, by_id: bool) -> None:
    """One look is before the lease and one under it. The second run is one look; both return the id."""
    source_id = account.sources()[0]["data_source_id"]
    named = {"data_source_id": source_id} if by_id else {}
    look = "get" if by_id else "list"
    declared = {"poll_interval_seconds": "90", "adapter_config": '{"a": 2}', "clear": ["external_account_id"]}
    changed = ["adapter_config.a", "adapter_config.b", "poll_interval_seconds"]
    result, pushed = update(**named, **declared)
    assert (result, pushed["changed"]) == (source_id, changed)
    again, pushed = update(run_id="run 2", **named, **declared)
    assert (again, pushed["changed"]) == (source_id, [])
    assert operations(account) == [look, look, "update", look]
    [patch] = account.requests(operation="update")
    assert patch["body"] == {"poll_interval_seconds": 90, "adapter_config": {"a": 2}}
    assert patch["query"] == {}


def test_a_merge_is_asked_for_in_the_api_s_own_way(account: Emulator) -> None:
    """With the keys that differ."""
    update(adapter_config={"a": 1, "b": {"c": 2}}, merge_adapter_config="true")
    [patch] = account.requests(operation="update")
    assert (patch["body"], patch["query"]) == ({"adapter_config": {"b": {"c": 2}}}, {"merge_adapter_config": "true"})


def test_the_source_is_pushed_without_its_settings(account: Emulator) -> None:
    """As it is after the change."""
    _, pushed = update(poll_interval_seconds=90, adapter_config={"token": "canary"})
    assert set(pushed) == {"changed", "source"}
    assert pushed["source"]["poll_interval_seconds"] == 90
    assert "adapter_config" not in pushed["source"]
    assert "canary" not in str(pushed)
    assert update(poll_interval_seconds=60, do_xcom_push=False)[1] == {}


def test_what_is_logged_names_keys_and_no_value(account: Emulator, logged: Callable[[], str]) -> None:
    """Neither of what is sent nor of what was there."""
    update(adapter_config={"token": "canary"}, external_account_id="canary")
    text = logged()
    assert "adapter_config.token" in text
    assert "canary" not in text


def test_a_renamed_source_is_reused_under_its_new_name(account: Emulator) -> None:
    """Its secret stays where it is; the second run of the rename sends nothing."""
    store = MemoryStore()
    fields = {"provider": "slack", "ingestion_mode": "realtime", "secret_store": store, "store_as": "fixed_secret"}
    register = Register(task_id="register", name="feed", **fields)
    made = execute_once(register)[0]
    for number in range(2):
        assert update(run_id=f"run {number}", name="feed", new_name="news")[0] == made
    adopted = Register(task_id="register", name="news", **fields)
    assert execute_once(adopted, "run 2")[0] == made
    assert operations(account).count("update") == 1
    assert operations(account).count("register") == 1
    assert account.verify_secret(made, store.held["fixed_secret"])


def test_a_name_that_is_taken_fails_at_once(account: Emulator) -> None:
    """The message names both sources, and nothing was sent: a look before the leases and one under them."""
    [taken] = account.seed([{"provider": "slack", "name": "news"}])
    with pytest.raises(AirflowFailException, match=taken):
        update(new_name="news")
    assert operations(account) == ["list", "list"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "new_name"),
        ({"poll_interval_seconds": 59}, "poll_interval_seconds"),
        ({"adapter_config": "canary"}, "adapter_config"),
        ({"adapter_config": {"a": "canary"}, "clear": ["adapter_config"]}, "adapter_config"),
        ({"clear": ["name"]}, "clear"),
        ({"adapter_config": {"a": 1}, "merge_adapter_config": "canary"}, "merge_adapter_config must be True or False"),
        ({"new_name": "n", "data_source_id": "x", "provider": "slack"}, "data_source_id"),
        ({"new_name": "n", "sandbox_id": "a/b"}, "sandbox_id"),
    ],
)
def test_bad_input_fails_at_once_and_before_any_request(account: Emulator, fields: dict[str, Any], named: str) -> None:
    """Naming the field, and no value."""
    with pytest.raises(AirflowFailException, match=named) as failed:
        update(**fields)
    assert account.requests() == []
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None


def test_a_source_under_another_lease_is_left_to_airflow_s_retry(account: Emulator) -> None:
    """Another task works on the source."""
    name = entry_name(Identity("sb_demo", "slack", "chat"))
    other = Owner("dag", "run", "other", -1, 1)
    InMemory.journal[name] = to_text(Pending("token", other, InMemory.clock.now()))
    with pytest.raises(EntryBusyError, match=name):
        update(adapter_config={"a": 2})
    assert "update" not in operations(account)


def test_a_passing_fault_is_left_to_airflow_s_retry(account: Emulator) -> None:
    """The retry finds the effect and sends nothing."""
    account.add_fault(operation="update", when="after", action={"status": 503})
    with pytest.raises(CopassServerError):
        update(poll_interval_seconds=90)
    assert update(try_number=2, poll_interval_seconds=90)[1]["changed"] == []
    assert operations(account).count("update") == 1
