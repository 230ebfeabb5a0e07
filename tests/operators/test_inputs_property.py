"""A property of every field of every operator: whatever is in it after rendering, it is read by its rule or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operators.gate import DEFAULTS, FIELDS, REFERENCES, REQUIRED, SWITCHES, is_accepted, refusal
from tests.operators.odd_strategies import (
    CANARY,
    EACH,
    behind,
    is_connection_text,
    made,
    nothing,
    odd,
    scalars,
)
from tests.operators.odd_values import NumpyLike

pytestmark = pytest.mark.usefixtures("no_account")

fields = st.sampled_from(FIELDS)


def is_place(name: str, value: object) -> bool:
    """Tell whether Airflow would look into an object store, or into this folder, for a manifest."""
    return name == "manifest" and isinstance(value, str) and ("://" in value or not value.strip(". /"))


@EACH
@given(fields, odd)
def test_whatever_is_in_a_field_is_read_or_refused_by_its_name(field: tuple[str, str], value: Any) -> None:
    """No request is sent with it, and nothing else is raised, by any operator."""
    kind, name = field
    value = made(value)
    if is_connection_text(name, value) or is_place(name, value):
        return
    is_accepted(kind, name, value)


@EACH
@given(st.sampled_from(SWITCHES), scalars | behind)
def test_a_boolean_is_true_or_false_and_nothing_else(field: tuple[str, str], value: Any) -> None:
    """A text in any case, and the booleans of Python, numpy and Airflow's proxies."""
    kind, name = field
    value = made(value)
    known = value.item() if isinstance(value, NumpyLike) and value.dtype.kind in "bU" else value
    is_boolean = isinstance(known, bool) or (isinstance(known, str) and known.strip().lower() in {"true", "false"})
    assert is_accepted(kind, name, value) is is_boolean


@EACH
@given(fields.filter(lambda field: field[1] in REFERENCES), nothing | st.floats())
def test_no_name_and_no_id_is_nothing_or_a_fraction(field: tuple[str, str], value: Any) -> None:
    """None alone is a default, of those that have one."""
    kind, name = field
    if (value in {"none", "null"} and name != "copass_conn_id") or (
        value is None and (name in DEFAULTS or field == ("IngestTextOperator", "data_source_id"))
    ):
        assert is_accepted(kind, name, value)
    elif not is_connection_text(name, value) or not value.strip() or value.strip() == "None":
        assert not is_accepted(kind, name, value)


@EACH
@given(
    st.sampled_from(
        ["provider", "name", "ingestion_mode", "kind", "external_account_id", "adapter_config", "poll_interval_seconds"]
    ),
    odd,
)
def test_an_entry_of_a_list_is_read_as_the_fields_of_the_operator_for_one(name: str, value: Any) -> None:
    """What the one takes the other takes, and a refusal names the entry and the field."""
    value = made(value)
    entry = {"provider": "slack", "name": "chat", name: value}
    alone = is_accepted("RegisterSourceOperator", name, value)
    assert is_accepted("RegisterSourcesOperator", "sources", [entry]) is alone
    if not alone:
        said = refusal("RegisterSourcesOperator", sources=[entry])
        assert "sources" in said
        assert name in said
        assert CANARY not in said


@EACH
@given(st.sampled_from(REQUIRED), st.text(min_size=1, max_size=255))
def test_a_name_is_read_as_it_is(field: tuple[str, str], value: str) -> None:
    """Any text with something to be seen in it, but for what stands for nothing."""
    is_name = bool(value.strip()) and value.strip() not in {"None", "nan", "NaN", "NaT", "<NA>"}
    if is_name and value.isprintable():
        assert is_accepted(*field, value)
