"""A page in a browser of this machine cannot use the emulator: neither its faults nor what it has recorded."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_copass.emulator import Emulator
from tests.emulator.conftest import SOURCES, TOKEN

FAULT = {"operation": "register", "action": "drop"}
PATHS = ["/_emulator/requests", "/_emulator/faults", SOURCES, "/nowhere"]


@pytest.fixture(name="local")
def _local(emulator: Emulator) -> Any:
    with httpx.Client(base_url=emulator.url, trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST:8080", "[::1]", "[::1]:99"])
def test_a_name_of_this_machine_is_served(local: httpx.Client, host: str) -> None:
    """With any port: it may be forwarded."""
    assert local.get("/_emulator/requests", headers={"Host": host}).status_code == 200
    assert local.get(SOURCES, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "[::2]", "", "a@localhost"],
)
@pytest.mark.parametrize("path", PATHS)
def test_another_name_is_not(local: httpx.Client, control: httpx.Client, host: str, path: str) -> None:
    """A page whose name is made to lead here (DNS rebinding) sends its own name; nothing is recorded."""
    answer = local.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"] == "misdirected_request"
    assert "127.0.0.1" in answer.json()["detail"]
    assert "evil" not in answer.text
    assert control.get("/requests").json()["count"] == 0


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "https://127.0.0.1", "null", ""])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/_emulator/requests", None),
        ("POST", "/_emulator/reset", None),
        ("POST", "/_emulator/faults", FAULT),
        ("DELETE", "/_emulator/faults", None),
        ("POST", SOURCES, {"provider": "slack", "name": "n"}),
    ],
)
def test_a_page_of_another_origin_is_refused(
    local: httpx.Client, control: httpx.Client, origin: str, *, method: str, path: str, body: Any
) -> None:
    """A browser says where a page is from; nothing is changed, and nothing is recorded."""
    answer = local.request(method, path, json=body, headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"] == "forbidden"
    assert "evil" not in answer.text
    assert control.get("/faults").json()["count"] == 0
    assert control.get("/requests").json()["count"] == 0
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_origin_is_served(local: httpx.Client, emulator: Emulator) -> None:
    """A page that the emulator itself would serve is none of another origin."""
    assert local.get("/_emulator/requests", headers={"Origin": emulator.url}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
@pytest.mark.parametrize("path", ["faults", "seed", "settings", "verify-secret", "sources/ds_1"])
def test_a_control_call_that_is_not_json_is_refused(control: httpx.Client, path: str, kind: str) -> None:
    """A form of any page can send those without asking; a browser asks before it sends JSON."""
    answer = control.post(path, content=b'{"operation": "register", "action": "drop"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["error"] == "unsupported_media_type"
    assert "application/json" in answer.json()["detail"]
    assert control.get("faults").json()["count"] == 0


def test_a_control_call_with_a_body_and_no_type_is_refused(control: httpx.Client) -> None:
    """As some clients send it."""
    request = control.build_request("POST", "faults", content=b'{"operation": "register", "action": "drop"}')
    request.headers.pop("content-type", None)
    assert control.send(request).status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_taken(control: httpx.Client, kind: str) -> None:
    """With parameters, and in any case."""
    body = b'{"operation": "register", "action": "drop"}'
    assert control.post("faults", content=body, headers={"Content-Type": kind}).status_code == 201


def test_a_control_call_without_a_body_needs_no_type(control: httpx.Client) -> None:
    """``curl -X POST`` sends none."""
    assert control.post("reset").status_code == 200
    assert control.delete("faults").status_code == 200
