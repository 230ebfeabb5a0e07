"""What a text of a rendered field shows: its keys, and never a value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_copass.operators.unshown import Unshown, value_of

CYCLE: dict[str, object] = {}
CYCLE["canary"] = CYCLE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": "canary"}, {"a": "***"}),
        ({"a": {"b": ["canary", {"c": 31}]}, "d": None}, {"a": {"b": ["***", {"c": "***"}]}, "d": "***"}),
        ({1: ("canary",)}, {"1": ["***"]}),
        ('{"a": "canary"}', {"a": "***"}),
        ('{"a": "canary"', "***"),
        ('"canary"', "***"),
        ('["canary"]', "***"),
        ("canary", "***"),
        (object(), "***"),
        ("[" * 100_000, "***"),
        ({}, {}),
        ({"a": range(2), "b": b"canary"}, {"a": ["***", "***"], "b": "***"}),
        (CYCLE, "***"),
    ],
    ids=range(13),
)
def test_the_keys_are_shown_and_no_value(value: object, shown: object) -> None:
    """Of an object its keys, of a text that holds one as well; of everything else nothing."""
    unshown = Unshown(value)
    assert unshown.serialize() == shown
    assert "canary" not in f"{unshown} {unshown!r} {[unshown]}"


def test_a_shape_that_is_no_json_has_a_text_all_the_same() -> None:
    """Without what JSON has no word for: a field that Airflow cannot show would break the task."""
    unshown = Unshown("canary", lambda _: {"a": Decimal("31.5"), "b": 1})
    assert str(unshown) == '{"a": "***", "b": 1}'


def test_the_value_is_there_for_the_operator() -> None:
    """Rendered or not, it is what was given."""
    value = {"a": "canary"}
    assert value_of(Unshown(value)) is value
    assert value_of(value) is value
    assert value_of(None) is None
