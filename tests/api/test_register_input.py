"""Bad fields are refused before any request, in words that name field, rule and way out and show no value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_copass.api import CopassInputError, calls
from airflow_provider_copass.api.requests import RegisterSource, read_register, read_update

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", ""),
        ("provider", " "),
        ("provider", 1.0),
        ("name", "\u200b\n"),
        ("name", 12345678.0),
        ("name", float("nan")),
        ("name", b"x"),
        ("name", True),
        ("provider", None),
        ("name", ""),
        ("name", "x" * 256),
        ("name", None),
        ("name", ["x"]),
        ("name", "half a pair \ud800"),
        ("ingestion_mode", "Realtime"),
        ("ingestion_mode", "streaming"),
        ("ingestion_mode", 3),
        ("kind", "forever"),
        ("poll_interval_seconds", 59),
        ("poll_interval_seconds", "59"),
        ("poll_interval_seconds", "soon"),
        ("poll_interval_seconds", 60.5),
        ("poll_interval_seconds", True),
        ("adapter_config", [1]),
        ("adapter_config", "[1]"),
        ("adapter_config", "{not json"),
        ("adapter_config", {"a": float("nan")}),
        ("adapter_config", {"a": object()}),
        ("adapter_config", {1: "a"}),
        ("adapter_config", {"a": [{1: "a"}]}),
        ("adapter_config", {"a": "half a pair \ud800"}),
        ("external_account_id", 1e46),
        ("poll_interval_seconds", 60.0),
        ("poll_interval_seconds", "6_0"),
        ("poll_interval_seconds", 2**63),
        ("external_account_id", ["a"]),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(field: str, value: object) -> None:
    """The message starts the rule with the field's name."""
    fields: dict[str, object] = {"provider": "slack", "name": "n", field: value}
    with pytest.raises(CopassInputError, match=rf"{field} must be") as refused:
        read_register(**fields)
    assert refused.value.fields == (field,)


def test_every_bad_field_is_named_at_once() -> None:
    """A person can correct all fields at once."""
    with pytest.raises(CopassInputError) as refused:
        read_register(provider="", name="", poll_interval_seconds=1)
    assert refused.value.fields == ("provider", "name", "poll_interval_seconds")


@given(st.sampled_from(sorted(RegisterSource.model_fields)), st.sampled_from(["", "x" * 300, "\ud800"]))
def test_no_value_is_in_a_refusal(field: str, rest: str) -> None:
    """The message, the repr and the whole chain of causes show none of the given values."""
    fields: dict[str, Any] = {"provider": CANARY, "name": CANARY, "adapter_config": {CANARY: object()}}
    fields[field] = {CANARY: [CANARY, object()]} if not rest else [CANARY + rest]
    with pytest.raises(CopassInputError) as refused:
        read_register(**fields)
    assert CANARY not in f"{refused.value!s}{refused.value!r}{refused.value.__dict__}"
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_what_a_template_rendered_is_read() -> None:
    """A number and an object that a template made into text are read as what is meant."""
    read = read_register(provider="slack", name=2024, poll_interval_seconds="60", adapter_config='{"a": {"b": [1]}}')
    assert read.body() == {
        "provider": "slack",
        "name": "2024",
        "adapter_config": {"a": {"b": [1]}},
        "poll_interval_seconds": 60,
    }


@pytest.mark.parametrize("name", ["x", "x" * 255, "ü" * 255, " a", "a\nb"])
def test_the_limits_themselves_are_good(name: str) -> None:
    """1 and 255 characters, of any kind, are names."""
    assert read_register(provider="p", name=name, poll_interval_seconds=60).name == name


def test_the_repr_of_a_request_shows_no_settings() -> None:
    """``adapter_config`` and the account are in no repr."""
    read = read_register(provider="p", name="n", adapter_config={"key": CANARY}, external_account_id=CANARY)
    assert CANARY not in repr(read)
    assert CANARY not in repr(read_update({"adapter_config": {"key": CANARY}}))


def test_an_unknown_field_of_a_change_is_refused() -> None:
    """``webhook_url`` cannot be set, nor can a misspelt field be."""
    with pytest.raises(CopassInputError, match="unknown field"):
        read_update({"webhook_url": "https://x.example"})  # type: ignore[typeddict-unknown-key]


def nested(depth: int) -> dict[str, Any]:
    """Return settings that are nested so deep."""
    settings: dict[str, Any] = {"end": 1}
    for _ in range(depth):
        settings = {"in": settings}
    return settings


@pytest.mark.parametrize("settings", [nested(120), nested(250), nested(900), {str(each): 1 for each in range(10_001)}])
@pytest.mark.parametrize("is_text", [True, False])
def test_settings_that_no_list_could_show_again_are_refused(settings: dict[str, Any], *, is_text: bool) -> None:
    """A parser gives up at 200 levels: the list of the sandbox could not be read by anybody."""
    given: Any = json.dumps(settings) if is_text else settings
    with pytest.raises(CopassInputError, match="at most 100 levels"):
        calls.register_source("sb", provider="slack", name="n", adapter_config=given)


def test_settings_of_ninety_levels_are_sent() -> None:
    """The bound is beyond what a person writes."""
    call = calls.register_source("sb", provider="slack", name="n", adapter_config=nested(90))
    assert call.body is not None
    assert call.body["adapter_config"] == nested(90)


@pytest.mark.parametrize("given", ["false", "true", 1, None, "None"])
def test_a_switch_of_a_call_is_true_or_false(given: Any) -> None:
    """Any text would count as true."""
    with pytest.raises(CopassInputError, match="vault_only must be True or False"):
        calls.pull_source("sb", "ds", vault_only=given)
    with pytest.raises(CopassInputError, match="merge_adapter_config must be True or False"):
        calls.update_source("sb", "ds", {"adapter_config": {"a": 1}}, merge_adapter_config=given)


@pytest.mark.parametrize("given", ["", 1, ["slack"], "\ud800"])
def test_a_filter_of_a_list_is_a_text(given: Any) -> None:
    """Nothing else is sent."""
    with pytest.raises(CopassInputError, match="provider must be a string"):
        calls.list_sources("sb", provider=given)
