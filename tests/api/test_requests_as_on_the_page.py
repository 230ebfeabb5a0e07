"""What is sent is what the vendor's register page shows, and nothing leads a request elsewhere."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from airflow_provider_copass.api import CopassInputError, calls
from tests.api.conftest import ClientOf
from tests.api.scripted import SOURCE, TOKEN

PAGE_BODY = """
{
  "provider": "<string>",
  "name": "<string>",
  "ingestion_mode": "manual",
  "kind": "durable",
  "external_account_id": "<string>",
  "adapter_config": {},
  "poll_interval_seconds": 61
}
"""


def test_a_register_call_with_every_field_is_the_page_s_to_the_byte(client_of: ClientOf) -> None:
    """Method, path, headers and the JSON body, its order included, equal the register page's example."""
    client, script = client_of(httpx.Response(200, json=SOURCE))
    client.send(
        calls.register_source(
            "{sandbox_id}",
            provider="<string>",
            name="<string>",
            ingestion_mode="manual",
            kind="durable",
            external_account_id="<string>",
            adapter_config={},
            poll_interval_seconds=61,
        )
    )
    (request,) = script.requests
    assert request.method == "POST"
    assert str(request.url.copy_with(raw_path=b"/")) == "https://api.copass.id/"
    assert request.url.path == "/api/v1/storage/sandboxes/{sandbox_id}/sources"
    assert json.dumps(json.loads(request.content), indent=2) == PAGE_BODY.strip()
    assert request.content == json.dumps(json.loads(PAGE_BODY), separators=(",", ":")).encode()
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("sandbox_id", "path"),
    [
        ("a b", b"a%20b"),
        ("100%", b"100%25"),
        ("%2F", b"%252F"),
        ("ü;@&=+$,:", "ü;@&=+$,:".encode()),
    ],
)
def test_an_id_stays_one_part_of_the_path(client_of: ClientOf, sandbox_id: str, path: bytes) -> None:
    """Each part of a path is percent-encoded, so the server decodes exactly the id that was given."""
    client, script = client_of(httpx.Response(200, json={"sources": []}))
    client.send(calls.list_sources(sandbox_id))
    url = script.requests[0].url
    assert url.path == f"/api/v1/storage/sandboxes/{sandbox_id}/sources"
    raw = url.raw_path.split(b"/")
    assert len(raw) == 7
    if b"%" in path:
        assert raw[5] == path


def test_an_id_that_is_a_number_is_its_digits(client_of: ClientOf) -> None:
    """So a template comes that is rendered natively."""
    client, script = client_of(httpx.Response(200, json=SOURCE))
    client.send(calls.get_source(42, 7))  # type: ignore[arg-type]
    assert script.requests[0].url.path == "/api/v1/storage/sandboxes/42/sources/7"


@pytest.mark.parametrize("field", ["sandbox_id", "data_source_id"])
@pytest.mark.parametrize("bad", [True, 1.5, b"id", ["id"], 10**4000])
def test_an_id_of_another_type_is_not_called_missing(field: str, bad: object) -> None:
    """It was given; the message says what it must be."""
    ids: dict[str, Any] = {"sandbox_id": "sb_1", "data_source_id": "ds_1", field: bad}
    with pytest.raises(CopassInputError, match=rf"{field} must be a string") as refused:
        calls.get_source(**ids)
    assert refused.value.fields == (field,)


@pytest.mark.parametrize("missing", [None, ""])
def test_an_id_that_is_none_is_called_missing(missing: object) -> None:
    """As a template gives that finds nothing."""
    with pytest.raises(CopassInputError, match="data_source_id is missing"):
        calls.get_source("sb_1", missing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    ["", "a/b", "..", "a..b", "../../../api-keys", "a?b", "a#b", "a\nb", "a\x00", "a\x7f", "a\\b", " a", ".", "\ud800"],
)
@pytest.mark.parametrize("field", ["sandbox_id", "data_source_id"])
def test_an_id_that_leads_elsewhere_is_refused(field: str, bad: str) -> None:
    """An id with a slash, dots, a query, a fragment or a control character never gets into a path."""
    ids = {"sandbox_id": "sb_1", "data_source_id": "ds_1", field: bad}
    with pytest.raises(CopassInputError, match=field) as refused:
        calls.get_source(**ids)
    assert refused.value.fields == (field,)


@pytest.mark.parametrize(
    "bad", ["ds_1\u200b", "\ufeffds_1", "ds\u00a01", "ds\u202e1", "x" * 256, "x" * 70_000], ids=range(6)
)
@pytest.mark.parametrize("field", ["sandbox_id", "data_source_id", "job_id"])
def test_an_id_that_no_answer_can_have_is_refused(field: str, bad: str) -> None:
    """Copied with a character that cannot be seen it names nothing, which is success to what deletes."""
    ids = {"sandbox_id": "sb_1", field: bad}
    with pytest.raises(CopassInputError, match=field) as refused:
        calls.get_job(**{"job_id": "job_1", **ids}) if field != "data_source_id" else calls.get_source(**ids)
    assert refused.value.fields == (field,)


@pytest.mark.parametrize("field", ["provider", "status"])
def test_a_filter_that_no_query_can_hold_is_refused(field: str) -> None:
    """In words of ours, and not by an exception of httpx."""
    with pytest.raises(CopassInputError, match=field):
        calls.list_sources("sb_1", **{field: "x" * 70_000})  # type: ignore[arg-type]


@pytest.mark.parametrize("merge", [True, False])
def test_settings_are_cleared_by_an_empty_object_that_is_not_merged(client_of: ClientOf, *, merge: bool) -> None:
    """The page lets ``adapter_config`` be no null, and an empty object that is merged changes nothing."""
    client, script = client_of(httpx.Response(200, json=SOURCE))
    client.send(calls.update_source("sb_1", "ds_1", {"adapter_config": None}, merge_adapter_config=merge))
    (request,) = script.requests
    assert (json.loads(request.content), request.url.query) == ({"adapter_config": {}}, b"")


def test_an_update_without_a_change_is_refused() -> None:
    """An update that would change nothing is a mistake, and is said to be."""
    with pytest.raises(CopassInputError, match="at least one field"):
        calls.update_source("sb_1", "ds_1", {})


def test_filters_are_sent_only_where_given(client_of: ClientOf) -> None:
    """A list is filtered by what was asked for, encoded, and by nothing else."""
    client, script = client_of(httpx.Response(200, json={"sources": []}))
    client.send(calls.list_sources("sb_1"))
    client.send(calls.list_sources("sb_1", provider="a&b", status="active"))
    assert script.requests[0].url.query == b""
    assert dict(script.requests[1].url.params) == {"provider": "a&b", "status": "active"}


def test_a_prefix_of_the_base_url_is_kept(client_of: ClientOf) -> None:
    """A gateway that serves the API below a path is reached there."""
    client, script = client_of(httpx.Response(200, json={"sandboxes": []}), base_url="https://gateway.example/copass/")
    client.send(calls.list_sandboxes())
    assert str(script.requests[0].url) == "https://gateway.example/copass/api/v1/storage/sandboxes"
