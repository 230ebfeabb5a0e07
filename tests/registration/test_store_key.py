"""The key of a secret: good in every store, whatever the values that go into it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_copass.api import CopassInputError
from airflow_provider_copass.registration.store_key import StoreKey

VALUES = {"sandbox_id": "sb_1", "provider": "slack", "name": "Team: chat!", "data_source_id": "3f-9c"}


def test_the_default_is_the_source_s_id() -> None:
    """Nothing else is in it, so that a renamed source keeps its key."""
    key = StoreKey()
    assert key.needs_id
    assert key.render(**VALUES) == "copass_webhook_secret_3f-9c"


def test_every_placeholder_is_filled_in() -> None:
    """A run of other characters becomes one underscore."""
    key = StoreKey("{provider}-{name}-{sandbox_id}-secret")
    assert not key.needs_id
    assert key.render(**VALUES) == "slack-Team_chat_-sb_1-secret"


@pytest.mark.parametrize(
    "template",
    ["", None, 5, "{", "}", "{}", "{0}", "{id}", "{name.__class__}", "{name[0]}", "{name!r}", "{name:>9}", "a{b}c"],
)
def test_a_template_that_is_none_is_refused(template: object) -> None:
    """Braces hold a known name and nothing else: no attribute of a value can be reached by a template."""
    with pytest.raises(CopassInputError, match="store_as must be a key") as refused:
        StoreKey(template)
    assert refused.value.fields == ("store_as",)


def test_doubled_braces_are_braces() -> None:
    """As in any format; the store then refuses the key if it must."""
    assert StoreKey("a{{b}}").render(**VALUES) == "a{b}"


def test_a_key_that_is_too_long_is_refused() -> None:
    """A Variable's key holds 250 characters."""
    assert len(StoreKey("{name}").render(**{**VALUES, "name": "x" * 250})) == 250
    with pytest.raises(CopassInputError, match="251 characters"):
        StoreKey("{name}").render(**{**VALUES, "name": "x" * 251})


@given(st.text(min_size=1, max_size=200))
def test_a_value_gives_characters_that_every_store_knows(value: str) -> None:
    """Letters, digits, single dashes and single underscores, from any value at all."""
    key = StoreKey("k_{name}").render(**{**VALUES, "name": value})
    assert re.fullmatch(r"k_[A-Za-z0-9_-]*", key)
    assert "--" not in key
    assert "__" not in key.removeprefix("k_")
