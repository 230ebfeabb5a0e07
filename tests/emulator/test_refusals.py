"""What the emulated API refuses, and in which words."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from airflow_provider_copass.emulator import Emulator

SOURCES = "/api/v1/storage/sandboxes/sb_demo/sources"
GOOD = {"provider": "slack", "name": "alerts"}
CALLS = [
    ("POST", SOURCES),
    ("GET", SOURCES),
    ("GET", SOURCES + "/x"),
    ("PATCH", SOURCES + "/x"),
    ("DELETE", SOURCES + "/x"),
    *(
        ("POST", f"{SOURCES}/x/{act}")
        for act in ("rotate-webhook-secret", "pause", "resume", "disconnect", "pull", "purge")
    ),
    ("POST", "/api/v1/storage/sandboxes/sb_demo/ingest"),
    ("GET", "/api/v1/storage/sandboxes/sb_demo/ingest/x"),
    ("GET", "/api/v1/storage/sandboxes"),
    ("GET", "/api/v1/storage/sandboxes/sb_demo"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("sent", [None, "Bearer wrong", "Basic olk_test_token", "olk_test_token", "Bearer"])
def test_every_call_asks_for_the_token(stranger: httpx.Client, method: str, path: str, sent: str | None) -> None:
    """Without the bearer token, or with another, each call is a 401 in the API's shape."""
    headers = {} if sent is None else {"Authorization": sent}
    answer = stranger.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "detail"}
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_unknown_sandbox_or_source_is_a_404(api: httpx.Client, method: str, path: str) -> None:
    """Each call that names a sandbox or source that is not there is a 404 in the API's shape."""
    body = {"POST": {**GOOD, "text": "a"}, "PATCH": {"name": "b"}}.get(method)
    answer = api.request(method, path.replace("sb_demo", "sb_none"), json=body)
    if path == "/api/v1/storage/sandboxes":
        assert answer.status_code == 200
        return
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "detail"}
    if "/x" in path:
        assert api.request(method, path, json=body).status_code == 404


def test_a_source_of_another_sandbox_is_a_404(api: httpx.Client, emulator: Emulator) -> None:
    """A source is found in its own sandbox alone."""
    (data_source_id,) = emulator.seed([{"provider": "slack", "name": "a", "sandbox_id": "sb_other"}])
    assert api.get(f"{SOURCES}/{data_source_id}").status_code == 404
    assert api.get(f"{SOURCES.replace('sb_demo', 'sb_other')}/{data_source_id}").status_code == 200


def test_a_wrong_method_is_a_405_and_a_wrong_path_a_404(api: httpx.Client) -> None:
    """A known path with another method is a 405, an unknown path a 404; a trailing slash is not redirected."""
    assert api.put(SOURCES).status_code == 405
    assert api.get("/api/v1/none").status_code == 404
    assert api.get(SOURCES + "/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", None),
        ("provider", 7),
        ("name", ""),
        ("name", "x" * 256),
        ("name", None),
        ("ingestion_mode", "sometimes"),
        ("ingestion_mode", None),
        ("kind", "trigger"),
        ("external_account_id", 7),
        ("adapter_config", None),
        ("adapter_config", []),
        ("adapter_config", "{}"),
        ("poll_interval_seconds", 59),
        ("poll_interval_seconds", "60"),
        ("poll_interval_seconds", 60.5),
        ("poll_interval_seconds", True),
    ],
)
def test_a_bad_field_is_a_422_that_echoes_it(api: httpx.Client, emulator: Emulator, field: str, value: Any) -> None:
    """Each rule of the register table is kept: a bad value makes nothing, and the 422 names and echoes it."""
    answer = api.post(SOURCES, json={**GOOD, field: value})
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert {"type", "loc", "msg", "input"} <= set(error)
    assert error["loc"] == ["body", field]
    assert error["input"] == value
    assert emulator.sources() == []


@pytest.mark.parametrize("field", ["provider", "name"])
def test_a_missing_field_is_a_422_that_echoes_the_whole_body(api: httpx.Client, field: str) -> None:
    """A missing required field is echoed with everything beside it, credentials included."""
    body = {**GOOD, "adapter_config": {"api_key": "leaks"}}
    del body[field]
    (error,) = api.post(SOURCES, json=body).json()["detail"]
    assert (error["type"], error["loc"], error["input"]) == ("missing", ["body", field], body)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b'{"provider": NaN}', b"\xff", b"Infinity"])
def test_a_body_that_is_no_json_object_is_a_422(api: httpx.Client, content: bytes) -> None:
    """Anything but a JSON object is a 422 with a list of errors, never a server error."""
    answer = api.post(SOURCES, content=content, headers={"content-type": "application/json"})
    assert answer.status_code in ((400, 422) if content == b"\xff" else (422,))
    assert "detail" in answer.json()


def test_a_field_that_no_page_names_is_ignored(api: httpx.Client) -> None:
    """An unknown field of a register is neither refused nor kept."""
    answer = api.post(SOURCES, json={**GOOD, "colour": "red", "status": "paused", "webhook_signing_secret": "mine"})
    assert answer.status_code == 201
    assert "colour" not in answer.json()
    assert (answer.json()["status"], answer.json()["webhook_signing_secret"]) == ("active", None)


@pytest.mark.parametrize("body", [{"name": None}, {"name": ""}, {"ingestion_mode": "x"}, {"poll_interval_seconds": 1}])
def test_a_patch_keeps_the_rules_of_register(
    api: httpx.Client, register: Callable[..., dict[str, Any]], body: dict[str, Any]
) -> None:
    """A PATCH that breaks a rule is a 422 and changes nothing."""
    one = f"{SOURCES}/{register()['data_source_id']}"
    before = api.get(one).json()
    assert api.patch(one, json=body).status_code == 422
    assert api.get(one).json() == before


def test_every_answer_has_a_request_id_and_a_date(
    api: httpx.Client, stranger: httpx.Client, emulator: Emulator
) -> None:
    """Successes, refusals and scripted answers carry x-request-id, each another one, and Date."""
    emulator.add_fault(operation="get_sandbox", action={"status": 503})
    answers = [
        api.get(SOURCES),
        api.post(SOURCES, json={}),
        stranger.get(SOURCES),
        api.get("/none"),
        api.get("/api/v1/storage/sandboxes/sb_demo"),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 401, 404, 503]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 5
    assert all("date" in answer.headers for answer in answers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(["provider", "name", "ingestion_mode", "kind", "adapter_config", "poll_interval_seconds"])
        | st.text(string.ascii_lowercase, max_size=3),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("realtime"),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
            max_leaves=5,
        ),
    )
)
def test_any_json_is_either_registered_as_sent_or_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    """Whatever object is sent, the answer is a source that holds it or a 422, never a server error."""
    answer = api.post(SOURCES, json=body)
    assert answer.status_code in (201, 422)
    if answer.status_code == 201:
        source = answer.json()
        assert all(source[field] == value for field, value in body.items() if field in source and field != "status")
