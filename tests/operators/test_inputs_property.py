"""A property of every field of every operator: whatever is in it after rendering, it is read by its rule or refused."""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lazy_object_proxy import Proxy
from pydantic import SecretStr

from airflow_provider_copass.api.requests import plain
from tests.operators.gate import DEFAULTS, FIELDS, REFERENCES, REQUIRED, SWITCHES, is_accepted, refusal
from tests.operators.odd_values import BlankCell, Model, NumpyLike, Word

CANARY = "hunter2-canary"

pytestmark = pytest.mark.usefixtures("no_account")


numbers = st.integers() | st.sampled_from([10**400, -(10**4000), 2**63]) | st.floats() | st.decimals()
nothing = st.sampled_from(
    [None, "", " ", "\n\t", "\u200b", "None", " None ", "none", "null", "nan", "NaN", "NaT", "<NA>"]
)
words = st.text(max_size=300) | st.sampled_from(
    [
        "true",
        "FALSE",
        "yes",
        "chat",
        " chat ",
        "a/b",
        "..",
        "\ud800",
        "x\0y",
        "{name}",
        "{",
        "[]",
        "{}",
        "[" * 2000,
        '{"a": 1, "a": 2}',
        '[{"provider": "slack"}]',
        "0600",
        "60",
        "60.0",
        "6_0",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
    ]
)


@dataclass(frozen=True)
class Odd:
    """Stands for a value at which hypothesis cannot look, in order to show it, without an exception."""

    which: str


ODD = {
    "a secret": SecretStr(CANARY),
    "a model": Model(),
    "an object": object(),
    "a blank cell": BlankCell(),
    "a word": Word.CHAT,
    "an id": uuid.UUID(int=5),
    "a date": date(2026, 1, 1),
    "a moment without an offset": datetime(2026, 1, 1),  # noqa: DTZ001
    "a moment": datetime(2026, 1, 1, tzinfo=UTC),
    "bytes": b"\xff",
    "an array": bytearray(b"chat"),
    "a range": range(3),
    "a queue": deque(["chat"]),
    "a mapping": MappingProxyType({"a": 1}),
    "undefined": jinja2.Undefined(name=CANARY),
    "undefined and chained": jinja2.ChainableUndefined(name=CANARY),
    "undefined and strict": jinja2.StrictUndefined(name=CANARY),
    "a function": lambda: CANARY,
    "a class": SecretStr,
    "a number without an end": 10**5000,
}


def made(value: Any) -> Any:
    """Put in what is stood for."""
    if isinstance(value, Odd):
        return ODD[value.which]
    if isinstance(value, dict):
        return {key: made(inner) for key, inner in value.items()}
    return type(value)(map(made, value)) if type(value) in {list, tuple} else value


objects = st.sampled_from(sorted(ODD)).map(Odd)
scalars = nothing | st.booleans() | numbers | words | objects
behind = st.one_of(
    # What may stand before a value: Airflow's lazy proxies, and numpy's scalars.
    st.builds(lambda value: Proxy(lambda: value), nothing | st.booleans() | words | numbers),
    st.builds(lambda value: NumpyLike(value, "b"), st.booleans()),
    st.builds(lambda value: NumpyLike(value, "i"), st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda value: NumpyLike(value, "f"), st.floats()),
    st.builds(lambda value: NumpyLike(value, "U"), words),
    st.builds(lambda value: NumpyLike(value, "M"), st.integers()),
)
odd = st.recursive(
    scalars | behind,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(["a", "provider", "name", 1, None, True, ""]), inner, max_size=3)
        | st.frozensets(st.text(max_size=5), max_size=3)
    ),
    max_leaves=6,
)
fields = st.sampled_from(FIELDS)
# How many cases is the profile's to say: `make test-rounds` tries thousands.
EACH = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_connection_text(name: str, value: object) -> bool:
    """Tell whether Airflow would look for a connection of that name, which is no matter of ours."""
    return name == "copass_conn_id" and isinstance(plain(value), str)


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
