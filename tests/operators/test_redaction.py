"""What the text of a rendered field shows: its keys, and never a value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_copass.operators._redaction import Redacted, value_of

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
    """The keys of an object, also of one as text; nothing of anything else."""
    redacted = Redacted(value)
    assert redacted.serialize() == shown
    assert "canary" not in f"{redacted} {redacted!r} {[redacted]}"


def test_a_redaction_that_is_not_json_has_a_text_too() -> None:
    """What JSON cannot hold is hidden: a field that Airflow cannot show would break the task."""
    redacted = Redacted("canary", lambda _: {"a": Decimal("31.5"), "b": 1})
    assert str(redacted) == '{"a": "***", "b": 1}'


def test_the_value_is_there_for_the_operator() -> None:
    """Redacted or not, it is what was given."""
    value = {"a": "canary"}
    assert value_of(Redacted(value)) is value
    assert value_of(value) is value
    assert value_of(None) is None
