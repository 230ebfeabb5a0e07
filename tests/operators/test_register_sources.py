"""The operator for a list of sources, against an emulated account: least requests, lone failures, refusals."""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, redact

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import SecretStoreError, SourcesUnfinishedError
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator
from airflow_provider_copass.operators._redaction import value_of
from tests.operators.in_memory import (
    InMemory,
    MemoryStore,
    TaskInstance,
    execute_once,
    memory_operator,
    operations,
)

Register = memory_operator(RegisterSourceOperator)
RegisterList = memory_operator(RegisterSourcesOperator)


def entries(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Declare sources."""
    return [
        {"provider": "slack", "name": f"source {number}", "ingestion_mode": "realtime", **fields}
        for number in range(count)
    ]


def run(run_id: str = "run", try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute the operator once; return its result and what it pushed."""
    return execute_once(RegisterList(task_id="register", **fields), run_id, try_number)


def test_a_thousand_sources_are_a_post_each_and_a_list_a_chunk(account: Emulator) -> None:
    """And one more list at the end, which finds duplicates. The second run is a list or two, and no write."""
    sources = entries(1000, ingestion_mode="manual")
    first, _ = run(sources=sources)
    lists = operations(account).count("list")
    assert sorted(operations(account)) == ["list"] * lists + ["register"] * 1000
    assert lists <= 1000 / 100 + 1
    assert len(set(first)) == len(InMemory.journal) == 1000
    second, _ = run("run 2", sources=sources)
    assert second == first
    assert operations(account, since=1000 + lists) in (["list"], ["list"] * 2, ["list"] * 3)


@pytest.mark.parametrize(("count", "looks"), [(3, ["get"] * 3), (4, ["list"])])
def test_few_sources_in_place_are_a_get_each(account: Emulator, count: int, looks: list[str]) -> None:
    """A list costs as much as the sandbox is large, so it is made for more than three only."""
    sources = entries(count, ingestion_mode="manual")
    run(sources=sources)
    before = len(account.requests())
    run("run 2", sources=sources)
    assert operations(account, since=before) == looks


def test_each_secret_is_in_the_store(account: Emulator) -> None:
    """The ids come in the order of the sources, and the keys with them; a source without a webhook has none."""
    store = MemoryStore()
    sources = [*entries(5), {"provider": "linear", "name": "polled", "ingestion_mode": "polling"}]
    ids, pushed = run(sources=sources, secret_store=store)
    assert [row["data_source_id"] for row in pushed["sources"]] == ids
    assert [row["name"] for row in pushed["sources"]] == [source["name"] for source in sources]
    assert [row["outcome"] for row in pushed["sources"]] == ["created"] * 6
    assert pushed["stored_as"] == [f"copass_webhook_secret_{each}" for each in ids[:5]]
    for data_source_id in ids[:5]:
        assert account.verify_secret(data_source_id, store.held[f"copass_webhook_secret_{data_source_id}"])
    assert not any(secret in json.dumps([ids, pushed]) for secret in store.held.values())


def test_of_a_long_list_twenty_secrets_are_masked(account: Emulator) -> None:
    """Airflow would take minutes to mask those of a thousand sources; what comes after the list is masked again."""
    store = MemoryStore()
    run(sources=entries(25), secret_store=store)
    assert sum(redact(f"printed: {secret}") == "printed: ***" for secret in store.held.values()) == 20
    with closing(CopassHook()) as hook:
        later = hook.register_source(provider="slack", name="later", ingestion_mode="realtime")
    assert later.webhook_signing_secret is not None
    assert redact(f"printed: {later.webhook_signing_secret.get_secret_value()}") == "printed: ***"


def test_no_more_calls_than_allowed_are_under_way(account: Emulator) -> None:
    """With three at once the fourth is not sent before one is answered."""
    fault = account.add_fault(operation="register", action={"hold": True}, times=None)

    def look() -> int:
        """Wait until three wait, count what was sent by then, and let go on."""
        account.faults(fault_id=fault, hits=3, waiting=3, wait=30)
        sent = len(account.requests(operation="register"))
        account.clear_faults()
        return sent

    with ThreadPoolExecutor(1) as executor:
        sent = executor.submit(look)
        ids, _ = run(sources=entries(9, ingestion_mode="manual"), max_concurrency=3)
        assert sent.result(timeout=30) == 3
    assert len(ids) == 9


def test_one_that_fails_leaves_the_others(account: Emulator) -> None:
    """The error names it, and is final: what the server refuses it would refuse again."""
    account.add_fault(operation="register", match={"name": "source 2"}, action={"status": 422}, times=None)
    with pytest.raises(AirflowFailException, match=r"1 of 5 sources are not registered.*source 2") as failed:
        run(sources=entries(5), secret_store=MemoryStore())
    assert failed.value.__context__ is None
    assert len(account.sources()) == 4


def test_the_retry_does_the_failed_ones_alone(account: Emulator) -> None:
    """The others are left as they are: their list, the list of the failed one, and one POST."""
    store = MemoryStore()
    account.add_fault(operation="register", match={"name": "source 2"}, action={"status": 429})
    with pytest.raises(SourcesUnfinishedError, match="The retry works on these only"):
        run(sources=entries(5), secret_store=store)
    before = len(account.requests())
    ids, pushed = run(try_number=2, sources=entries(5), secret_store=store)
    assert operations(account, since=before).count("register") == 1
    assert [row["outcome"] for row in pushed["sources"]] == ["unchanged"] * 2 + ["created"] + ["unchanged"] * 2
    assert all(account.verify_secret(each, store.held[f"copass_webhook_secret_{each}"]) for each in ids)


@pytest.mark.parametrize("status", [401, 403])
def test_what_would_fail_for_all_is_not_sent_for_all(account: Emulator, status: int) -> None:
    """A refused token ends it: no further POST is begun."""
    account.add_fault(operation="register", action={"status": status}, times=None)
    with pytest.raises(AirflowFailException, match=str(status)):
        run(sources=entries(50), secret_store=MemoryStore(), max_concurrency=2)
    assert len(account.requests(operation="register")) <= 4


def test_a_server_that_is_down_is_not_asked_a_thousand_times(account: Emulator) -> None:
    """After ten failures in a row the rest is left to the retry, which does all of it."""
    account.add_fault(operation="register", action={"status": 429}, times=None)
    with pytest.raises(SourcesUnfinishedError):
        run(sources=entries(100, ingestion_mode="manual"), max_concurrency=2)
    assert len(account.requests(operation="register")) < 15
    account.clear_faults()
    ids, _ = run(try_number=2, sources=entries(100, ingestion_mode="manual"))
    assert len(set(ids)) == len(account.sources()) == 100


def test_a_store_that_is_down_ends_it(account: Emulator) -> None:
    """Each further source would be one whose secret is lost; the retry mints those that are."""
    store = MemoryStore()
    store.works = False
    with pytest.raises(SourcesUnfinishedError) as failed:
        run(sources=entries(50), secret_store=store, max_concurrency=2)
    assert "canary" not in str(failed.value)
    created = len(account.sources())
    assert created <= 4
    store.works = True
    ids, _ = run(try_number=2, sources=entries(50), secret_store=store)
    assert len(account.requests(operation="rotate")) == created
    assert len(account.sources()) == 50
    assert all(account.verify_secret(each, store.held[f"copass_webhook_secret_{each}"]) for each in ids)


@pytest.mark.parametrize("method", ["check", "location"])
def test_a_store_that_does_not_tell_where_a_key_lives_says_nothing_of_its_own(
    account: Emulator, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """What it raises may hold a credential; of it the kind alone is told, and no request is sent."""

    def broken(key: str) -> str:
        raise OSError(f"{key}: canary")

    store = MemoryStore()
    monkeypatch.setattr(store, method, broken)
    with pytest.raises(SecretStoreError, match="OSError") as failed:
        run(sources=entries(2), secret_store=store, store_as="{name}")
    assert "canary" not in str(failed.value)
    assert account.requests() == []


@pytest.mark.parametrize(
    ("when", "action"),
    [
        ("after", {"drop": True}),
        ("before", {"status": 503}),
        pytest.param("before", {"drop": True}, marks=pytest.mark.deep),
        pytest.param("before", {"reset": True}, marks=pytest.mark.deep),
        pytest.param("after", {"reset": True}, marks=pytest.mark.deep),
        pytest.param("after", {"status": 503}, marks=pytest.mark.deep),
    ],
)
def test_lost_answers_make_no_duplicates(account: Emulator, when: str, action: dict[str, Any]) -> None:
    """Every third POST loses its answer: each source is there once, with a valid secret, and no POST was blind."""
    store = MemoryStore()
    for number in range(0, 30, 3):
        account.add_fault(operation="register", when=when, action=action, match={"name": f"source {number}"})
    ids, _ = run(sources=entries(30), secret_store=store)
    assert len(account.sources()) == 30
    assert all(account.verify_secret(each, store.held[f"copass_webhook_secret_{each}"]) for each in ids)
    assert len(account.requests(operation="register")) == (40 if when == "before" else 30)


def test_update_changes_what_differs(account: Emulator) -> None:
    """One PATCH a source that differs, after a list under their leases; and none for the others."""
    run(sources=entries(6, ingestion_mode="polling", poll_interval_seconds=60))
    wanted = entries(6, ingestion_mode="polling", poll_interval_seconds=60)
    wanted[1]["poll_interval_seconds"] = wanted[4]["poll_interval_seconds"] = 120
    before = len(account.requests())
    _, pushed = run("run 2", sources=wanted, if_exists="update")
    assert [row["outcome"] for row in pushed["sources"]].count("updated") == 2
    assert operations(account, since=before) == ["list", "list", "update", "update"]
    run("run 3", sources=wanted, if_exists="update")
    assert operations(account, since=before + 4) == ["list"]


def test_a_plan_changes_nothing(account: Emulator) -> None:
    """It reads only: neither the API nor the journal is written. It says what would become of each source."""
    store = MemoryStore()
    account.seed(
        [
            {"provider": "slack", "name": "source 1", "ingestion_mode": "realtime"},
            {"provider": "slack", "name": "duplicate", "ingestion_mode": "manual"},
            {"provider": "slack", "name": "duplicate", "ingestion_mode": "manual"},
            {"provider": "slack", "name": "polled", "ingestion_mode": "polling", "poll_interval_seconds": 60},
        ]
    )
    sources = [
        *entries(2),
        {"provider": "slack", "name": "duplicate"},
        {"provider": "slack", "name": "polled", "ingestion_mode": "polling", "poll_interval_seconds": 120},
    ]
    options = {"sources": sources, "secret_store": store, "plan_only": True, "if_exists": "update"}
    planned, pushed = run(**options)
    assert [(row["name"], row["outcome"]) for row in planned] == [
        ("source 0", "created"),
        ("source 1", "failed"),
        ("duplicate", "failed"),
        ("polled", "updated"),
    ]
    assert planned[3]["changed"] == ["poll_interval_seconds"]
    assert "on_missing_secret" in planned[1]["why"]
    assert "live sources" in planned[2]["why"]
    assert run(**options, on_missing_secret="rotate")[0][1]["outcome"] == "updated"
    assert set(operations(account)) == {"list"}
    assert (InMemory.journal, store.held, pushed) == ({}, {}, {})


BAD = [
    ({}, "sources, a list, or manifest"),
    ({"sources": [], "manifest": "x.yaml"}, "sources, a list, or manifest"),
    ({"sources": "no list canary"}, "sources must be a list"),
    ({"sources": b"no list canary"}, "sources must be a list"),
    ({"sources": {"provider": "slack", "name": "canary"}}, "sources must be a list"),
    ({"sources": [{"provider": "slack", "name": "a"}, 7]}, r"sources\[1\]: an entry must be an object"),
    (
        {"sources": [{"provider": "slack", "name": "a", "poll_interval": 60}]},
        r"sources\[0\] \('slack' 'a'\): unknown field 'poll_interval' \(is poll_interval_seconds meant\?\)",
    ),
    (
        {"sources": [{"provider": "slack", "name": "a", "poll_interval_seconds": 5}]},
        r"sources\[0\] \('slack' 'a'\): poll_interval_seconds must be a whole number of at least 60",
    ),
    ({"sources": [{"name": "a"}]}, r"sources\[0\] \('a'\): provider must be"),
    (
        {"sources": [{"provider": "slack", "name": "a", "adapter_config": "canary"}]},
        r"sources\[0\].*: adapter_config must be a JSON object",
    ),
    (
        {"sources": [{"provider": "slack", "name": "a"}, {"provider": "slack", "name": "a", "kind": "ephemeral"}]},
        r"sources\[1\].*: the same provider and name as sources\[0\]",
    ),
    ({"sources": entries(2), "store_as": "one_secret"}, "the same key, 'one_secret'"),
    ({"sources": entries(1), "store_as": "{nonsense}"}, "store_as"),
    ({"sources": entries(1), "max_concurrency": 0}, "max_concurrency must be a whole number from 1 to 20"),
    ({"sources": [], "if_exists": "perhaps"}, "if_exists"),
    ({"sources": [], "on_missing_secret": "perhaps"}, "on_missing_secret"),
    ({"sources": entries(1), "plan_only": "perhaps"}, "plan_only must be True or False"),
    ({"manifest": "/no/such/manifest.yaml"}, "cannot be read"),
]


@pytest.mark.parametrize(("fields", "refusal"), BAD, ids=range(len(BAD)))
def test_a_bad_list_is_refused_before_any_request(account: Emulator, fields: dict[str, Any], refusal: str) -> None:
    """The message names the entry, the field and the rule, and shows no value that may be a credential."""
    with pytest.raises(AirflowFailException, match=refusal) as failed:
        run(**fields)
    assert account.requests() == []
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None


def test_every_bad_entry_is_named_at_once(account: Emulator) -> None:
    """So that a manifest can be corrected in one go."""
    with pytest.raises(AirflowFailException) as failed:
        run(sources=[{"provider": "slack", "name": "a", "kind": "x"}, *entries(1), {"provider": "", "name": "b"}])
    assert "2 of 3 entries" in str(failed.value)
    assert "sources[0]" in str(failed.value)
    assert "sources[2]" in str(failed.value)


@pytest.mark.parametrize(("given", "created"), [(True, 0), ("True", 0), ("false", 2), (False, 2)])
def test_a_plan_may_be_asked_for_by_a_template(account: Emulator, given: bool | str, created: int) -> None:
    """A run's parameter comes as text."""
    run(sources=entries(2, ingestion_mode="manual"), plan_only=given)
    assert len(account.sources()) == created


@pytest.mark.parametrize("as_object", [True, False])
@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_manifest_is_read(account: Emulator, tmp_path: Path, suffix: str, *, as_object: bool) -> None:
    """YAML or JSON, a list or an object with one; a template in it is rendered."""
    listed = [{"provider": "slack", "name": "of {{ ds }}"}, {"provider": "linear", "name": "polled"}]
    manifest = tmp_path / f"sources{suffix}"
    # JSON is YAML.
    manifest.write_text(json.dumps({"sources": listed} if as_object else listed), encoding="utf-8")
    operator = RegisterList(task_id="register", manifest=str(manifest))
    operator.execute({"ti": TaskInstance(task_id="single"), "ds": "2026-01-01"})  # type: ignore[typeddict-item]
    assert sorted(source["name"] for source in account.sources()) == ["of 2026-01-01", "polled"]


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("m.yaml", "- provider: slack\n  token: [canary\n", "is not YAML: line 3, column 1"),
        ("m.json", '[{"provider": "canary",\n x}]', "is not JSON: line 2, column 2"),
        ("m.yaml", "just a text", "m.yaml must be a list"),
        ("m.yaml", "sources: []\nothers: []", "m.yaml must be a list"),
        ("m.yaml", "- provider: slack\n  name: a\n  kid: durable", r"m.yaml\[0\].*unknown field 'kid' \(is kind meant"),
        ("m.yaml", "!!python/object/apply:os.system [canary]", "is not YAML"),
    ],
)
def test_a_manifest_that_cannot_be_read_names_the_place(
    account: Emulator, tmp_path: Path, name: str, text: str, refusal: str
) -> None:
    """Line and column, or the entry; none of the text."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(AirflowFailException, match=refusal) as failed:
        run(manifest=str(tmp_path / name))
    assert account.requests() == []
    assert "canary" not in str(failed.value)


def test_an_empty_list_is_nothing_to_do(account: Emulator) -> None:
    """As a task that makes the list may find; what comes after it finds empty lists. A plan of it pushes nothing."""
    assert run(sources=[]) == ([], {"sources": [], "stored_as": []})
    assert run(sources=[], plan_only=True) == ([], {})
    assert account.requests() == []


def test_of_an_adapter_config_airflow_sees_the_keys_alone() -> None:
    """The other fields of a rendered list are shown as they are."""
    operator = RegisterSourcesOperator(
        task_id="register",
        sources=[{"provider": "slack", "name": "{{ ds }}", "adapter_config": {"token": "{{ canary }}"}}],
    )
    operator.render_template_fields({"ds": "2026-01-01", "canary": "canary"})  # type: ignore[typeddict-unknown-key]
    assert value_of(operator.sources)[0]["adapter_config"] == {"token": "canary"}
    assert "canary" not in f"{operator.sources}"
    assert json.loads(str(operator.sources)) == [
        {"provider": "slack", "name": "2026-01-01", "adapter_config": {"token": "***"}}
    ]


@pytest.mark.parametrize(
    "given", [datetime(2026, 1, 1, tzinfo=UTC), Decimal(60), uuid.UUID(int=5), float("nan"), object()]
)
@pytest.mark.parametrize("field", ["provider", "name", "external_account_id", "poll_interval_seconds", "kind"])
def test_airflow_sees_only_json(field: str, given: object) -> None:
    """It stores the rendered list as JSON, and would fail on a value out of a database before we can refuse it."""
    operator = RegisterSourcesOperator(task_id="register", sources=[{"provider": "slack", "name": "a", field: given}])
    operator.render_template_fields({})
    shown = {"provider": "slack", "name": "a", field: "***"}
    assert operator.sources.serialize() == [shown]  # type: ignore[union-attr]
    assert json.loads(str(operator.sources)) == [shown]


@pytest.mark.parametrize("given", [deque, json.dumps])
def test_any_kind_of_list_is_one(account: Emulator, given: Callable[[list[Any]], Any]) -> None:
    """A task that was not rendered has it as it was given; JSON text is what an XCom in a template is."""
    ids, _ = run(sources=given(entries(2, ingestion_mode="manual")))
    assert len(ids) == 2


def test_a_source_of_the_list_is_known_to_the_operator_for_one(account: Emulator) -> None:
    """It is reused, with its secret; and the list reuses one that a single task has created."""
    store = MemoryStore()
    ids, _ = run(sources=entries(2), secret_store=store)
    single = Register(
        task_id="single", provider="slack", name="source 1", ingestion_mode="realtime", secret_store=store
    )
    assert execute_once(single)[0] == ids[1]
    other = Register(task_id="single", provider="slack", name="source 2", ingestion_mode="realtime", secret_store=store)
    third = execute_once(other)[0]
    assert run("run 2", sources=entries(3), secret_store=store)[0] == [*ids, third]
    assert len(account.requests(operation="register")) == 3
    assert account.requests(operation="rotate") == []


def test_a_plan_knows_what_was_sent_and_is_not_shown(account: Emulator) -> None:
    """A value that the server hides is sent once, and then neither sent nor planned to be sent again."""
    account.settings(mask_adapter_config=True)
    sources = entries(2, ingestion_mode="manual", adapter_config={"api_key": "canary"})
    run(sources=sources)
    for outcome in ("updated", "unchanged"):
        planned, _ = run("plan", sources=sources, if_exists="update", plan_only=True)
        assert [(row["outcome"], row["changed"]) for row in planned] == [
            (outcome, ["adapter_config.api_key"] if outcome == "updated" else [])
        ] * 2
        run("run 2", sources=sources, if_exists="update")
    assert operations(account).count("update") == 2
