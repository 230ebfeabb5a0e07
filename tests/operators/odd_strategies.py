"""Strategies of hypothesis for what may be in a field after rendering: nothing, numbers, words, and odd objects."""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import jinja2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from lazy_object_proxy import Proxy
from pydantic import SecretStr

from airflow_provider_copass.api.requests import plain
from tests.operators.odd_values import BlankCell, Model, NumpyLike, Word

CANARY = "hunter2-canary"

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
# How many cases is the profile's to say: `make test-rounds` tries thousands.
EACH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_connection_text(name: str, value: object) -> bool:
    """Tell whether Airflow would look for a connection of that name, which is no matter of ours."""
    return name == "copass_conn_id" and isinstance(plain(value), str)
