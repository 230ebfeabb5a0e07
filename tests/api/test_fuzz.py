"""Any answer of a server, any input of a caller: only errors of our own come out, and none holds a secret."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from airflow_provider_copass.api import ClientSettings, CopassClient, CopassError, CopassInputError, RetryPolicy, calls
from airflow_provider_copass.api.requests import read_register, read_update
from airflow_provider_copass.registration.journal import from_text
from airflow_provider_copass.registration.spec import StoreKey
from tests.harness.exceptions import everything_said

CANARY = "canary-5e1f"
TOKEN = "olk_token-9a7c"
CALLS: list[calls.Call[Any]] = [
    calls.register_source("s", provider="p", name="n", adapter_config={"key": CANARY}),
    calls.list_sources("s"),
    calls.get_source("s", "d"),
    calls.update_source("s", "d", {"adapter_config": {"key": CANARY}}),
    calls.rotate_webhook_secret("s", "d"),
    calls.pause_source("s", "d"),
    calls.pull_source("s", "d"),
    calls.purge_source("s", "d"),
    calls.delete_source("s", "d"),
    calls.list_sandboxes(),
]
FIELDS = [
    "data_source_id", "name", "provider", "status", "kind", "adapter_config", "poll_interval_seconds", "created_at",
    "webhook_signing_secret", "webhook_url", "sources", "count", "sandboxes", "detail", "error", "loc", "msg", "input",
    "job_id", CANARY, TOKEN,
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**301)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([CANARY, TOKEN, f"x{CANARY}x", "", "2023-11-07T05:31:56Z", "9999-99-99"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)
)
json_bodies = values.map(lambda value: json.dumps(value).encode())
bodies = (
    json_bodies
    | st.tuples(json_bodies, st.integers(0, 40)).map(lambda drawn: drawn[0][: drawn[1]])
    | values.map(lambda value: json.dumps(value).encode("utf-16"))
    | st.binary(max_size=60)
    | st.sampled_from(
        [b"[" * 50_000, b'{"a":' * 50_000, b"9" * 5_000, f"<html>{CANARY}{TOKEN}".encode(), b"\xef\xbb\xbf{}"]
    )
)
headers = st.dictionaries(
    st.sampled_from(["x-request-id", "retry-after", "date", "content-type", "location"]),
    st.sampled_from(
        [CANARY, TOKEN, f"req-{TOKEN}", "7", "-1", "nan", "Tue, 14 Nov 2023 22:13:20 GMT", "text/html", ""]
    ),
)
statuses = st.sampled_from(
    [200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 405, 408, 409, 418, 422, 429, 500, 503, 599]
)


@pytest.mark.rounds
@given(st.sampled_from(CALLS), statuses, headers, bodies)
@settings(max_examples=3000)
def test_no_answer_brings_forth_another_error_or_a_secret(
    call: calls.Call[Any], status: int, given_headers: dict[str, str], body: bytes
) -> None:
    """Truncated, mistyped, huge, oddly encoded, deeply nested, another service's: it is read, or a ``CopassError``."""
    # A request id is the server's own word and may be shown; that it holds no token is what is looked for.
    shown = {name: value for name, value in given_headers.items() if (name, value) != ("x-request-id", CANARY)}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=shown, content=body))
    policy = RetryPolicy(max_attempts=2)
    client = CopassClient(
        ClientSettings(token=TOKEN), policy=policy, transport=transport, sleep=lambda _: None, now=lambda: 0.0
    )
    said, secret = "", None
    with client:
        try:
            secret = getattr(client.send(call), "webhook_signing_secret", None)
        except CopassError as error:
            said = everything_said(error)
    assert CANARY not in said
    assert TOKEN not in said
    assert secret is None or isinstance(secret, SecretStr)


@pytest.mark.rounds
@given(
    st.dictionaries(st.sampled_from(["provider", "name", "ingestion_mode", "kind", "adapter_config", "other"]), values)
)
@settings(max_examples=1000)
def test_no_input_brings_forth_another_error_or_its_value(given_fields: dict[str, Any]) -> None:
    """What is asked for is read, or refused with a ``CopassInputError`` that shows no value."""
    for read in (lambda: read_register(**given_fields), lambda: read_update(given_fields)):  # type: ignore[arg-type]
        said = ""
        try:
            read()
        except CopassInputError as refused:
            said = everything_said(refused)
        assert CANARY not in said


@given(values | st.text())
@settings(max_examples=500)
def test_no_template_and_no_entry_raises_another_error(value: Any) -> None:
    """A key's template and a journal entry's text are good, or are refused by an error of our own."""
    text = value if isinstance(value, str) else json.dumps(value)
    for read in (lambda: StoreKey(value), lambda: from_text(text, name="entry")):
        context = None
        try:
            read()
        except CopassError as refused:
            context = refused.__context__
        assert context is None
