"""What a task declares: good choices, one way to name a source, and a key that is good in every store."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.registration import SourceRef, SourceSpec, StoreKey
from airflow_provider_copass.registration.spec import Identity

IDENTITY = Identity("sb_1", "slack", "Team: chat!")


def named(name: str) -> Identity:
    """Return an identity of a name."""
    return Identity("sb_1", "slack", name)


def test_the_default_key_holds_the_sources_id() -> None:
    """Nothing else is in it, so a renamed source keeps its key."""
    key = StoreKey()
    assert key.needs_id
    assert key.render(IDENTITY, "3f-9c") == "copass_webhook_secret_3f-9c"


def test_every_placeholder_is_filled_in() -> None:
    """A run of other characters becomes one underscore."""
    key = StoreKey("{provider}-{name}-{sandbox_id}-secret")
    assert not key.needs_id
    assert key.render(IDENTITY) == "slack-Team_chat_-sb_1-secret"


@pytest.mark.parametrize(
    "template",
    ["", None, 5, "{", "}", "{}", "{0}", "{id}", "{name.__class__}", "{name[0]}", "{name!r}", "{name:>9}", "a{b}c"],
)
def test_a_template_that_is_none_is_refused(template: object) -> None:
    """Braces hold a known name and nothing else: no template reaches an attribute of a value."""
    with pytest.raises(CopassInputError, match="store_as must be a key") as refused:
        StoreKey(template)
    assert refused.value.fields == ("store_as",)


def test_doubled_braces_are_braces() -> None:
    """As in any format; the store refuses the key if it must."""
    assert StoreKey("a{{b}}").render(IDENTITY) == "a{b}"


def test_a_key_that_is_too_long_is_refused() -> None:
    """A Variable's key holds 250 characters."""
    assert len(StoreKey("{name}").render(named("x" * 250))) == 250
    with pytest.raises(CopassInputError, match="251 characters"):
        StoreKey("{name}").render(named("x" * 251))


@given(st.text(min_size=1, max_size=200))
def test_a_value_gives_characters_that_every_store_knows(value: str) -> None:
    """Letters, digits, single dashes and single underscores, from any value at all."""
    key = StoreKey("k_{name}").render(named(value))
    assert re.fullmatch(r"k_[A-Za-z0-9_-]*", key)
    assert "--" not in key
    assert "__" not in key.removeprefix("k_")


@pytest.mark.parametrize(("field", "value"), [("if_exists", "perhaps"), ("on_missing_secret", ""), ("if_exists", None)])
def test_an_unknown_choice_is_refused(field: str, value: Any) -> None:
    """The message lists the choices."""
    with pytest.raises(CopassInputError, match=f"{field} must be one of") as refused:
        SourceSpec("sb", read_register(provider="slack", name="n"), **{field: value})
    assert refused.value.fields == (field,)


@pytest.mark.parametrize("named_by", [{}, {"provider": "p"}, {"name": "n"}, {"data_source_id": "d", "name": "n"}])
def test_a_source_is_named_in_one_way(named_by: dict[str, str]) -> None:
    """By its id, or by its provider and name."""
    with pytest.raises(CopassInputError, match="give one of the two"):
        SourceRef("sb", **named_by)


@pytest.mark.parametrize("given_id", ["", " ", "a/b", ".."])
def test_an_id_that_is_none_is_refused(given_id: str) -> None:
    """It would be another call's path."""
    with pytest.raises(CopassInputError):
        SourceRef("sb", data_source_id=given_id)


def test_a_reference_by_name_has_an_identity() -> None:
    """One by an id has none before the source is looked up."""
    assert SourceRef("sb", provider="slack", name="n").identity == Identity("sb", "slack", "n")
    assert SourceRef("sb", data_source_id="ds-1").identity is None


def test_what_is_declared_shows_no_settings() -> None:
    """They may hold a credential."""
    source = read_register(provider="slack", name="n", adapter_config={"key": "canary"})
    assert "canary" not in repr(SourceSpec("sb", source))
