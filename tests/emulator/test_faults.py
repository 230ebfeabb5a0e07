"""Scripted faults: what the client sees, and whether the effect took place."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from airflow_provider_copass.emulator import Emulator

SANDBOX = "/api/v1/storage/sandboxes/sb_demo"
SOURCES = SANDBOX + "/sources"
GOOD = {"provider": "slack", "name": "alerts"}
Register = Callable[..., dict[str, Any]]
Raw = Callable[..., bytes]

ENDING = ["drop", "reset", {"status": 503}, {"html": 502}, {"raw": "{", "content_type": "application/json"}]


@pytest.mark.parametrize("action", ENDING, ids=json.dumps)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_effect_is_applied_once_after_and_never_before(
    emulator: Emulator, api: httpx.Client, action: Any, when: str
) -> None:
    """A fault before the effect leaves nothing behind; one after it leaves exactly one source. The record says so."""
    emulator.add_fault(operation="register", action=action, when=when)
    try:
        answered: int | None = api.post(SOURCES, json=GOOD).status_code
    except httpx.TransportError:
        answered = None
    assert len(emulator.sources()) == (1 if when == "after" else 0)
    (request,) = emulator.requests()
    assert (request["effect"], request["status"]) == (when == "after", answered)
    assert api.post(SOURCES, json=GOOD).status_code == 201


def test_a_drop_closes_the_connection_without_a_byte(emulator: Emulator, raw: Raw) -> None:
    """A dropped request ends with the connection closed in order (FIN) and no answer."""
    emulator.add_fault(operation="list", action="drop")
    assert raw(SOURCES) == b""


def test_a_reset_breaks_the_connection(emulator: Emulator, raw: Raw) -> None:
    """A reset request ends with the connection reset (RST)."""
    emulator.add_fault(operation="list", action="reset", when="after")
    with pytest.raises(ConnectionResetError):
        raw(SOURCES)


def test_a_status_comes_with_its_headers_and_body(emulator: Emulator, api: httpx.Client) -> None:
    """A scripted status has the scripted headers, and a body of JSON, of text, or in the API's shape."""
    action = {"status": 429, "headers": {"Retry-After": "7"}, "body": {"a": [1]}}
    emulator.add_fault(operation="list", action=action)
    emulator.add_fault(operation="list", action={"status": 500, "body": "oh", "content_type": "text/weird"})
    emulator.add_fault(operation="list", action={"status": 503})
    emulator.add_fault(operation="list", action={"status": 204})
    first, second, third, fourth = (api.get(SOURCES) for _ in range(4))
    assert (first.status_code, first.headers["retry-after"], first.json()) == (429, "7", {"a": [1]})
    assert (second.status_code, second.headers["content-type"], second.text) == (500, "text/weird", "oh")
    assert set(third.json()) == {"error", "detail"}
    assert (fourth.status_code, fourth.content) == (204, b"")


def test_html_is_a_proxys_page(emulator: Emulator, api: httpx.Client) -> None:
    """An html fault answers a page of the given status."""
    emulator.add_fault(operation="list", action={"html": 502})
    answer = api.get(SOURCES)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert "<h1>502 Bad Gateway</h1>" in answer.text


def test_raw_replaces_the_body_alone(emulator: Emulator, api: httpx.Client) -> None:
    """A raw fault after the effect keeps the API's own status; before it, the status is 200."""
    emulator.add_fault(operation="register", action={"raw": "null"}, when="after")
    emulator.add_fault(operation="list", action={"raw": "<x>", "content_type": "text/xml"})
    registered, listed = api.post(SOURCES, json=GOOD), api.get(SOURCES)
    assert (registered.status_code, registered.json()) == (201, None)
    assert (listed.status_code, listed.text, listed.headers["content-type"]) == (200, "<x>", "text/xml")


def test_a_truncated_answer_promises_more_than_it_holds(emulator: Emulator, raw: Raw, api: httpx.Client) -> None:
    """The content-length is that of the whole body, of which the first bytes come and then the end."""
    whole = api.get(SOURCES).content
    emulator.add_fault(operation="list", action={"truncate": 5})
    head, _, body = raw(SOURCES).partition(b"\r\n\r\n")
    assert f"content-length: {len(whole)}".encode() in head
    assert body == whole[:5]


def test_what_comes_before_the_cut_arrives_whole(emulator: Emulator, raw: Raw) -> None:
    """A long answer that is cut short still delivers every byte before the cut."""
    emulator.seed([{**GOOD, "adapter_config": {"long": "x" * 12_000_000}}])
    emulator.add_fault(operation="list", action={"truncate": 11_000_000})
    assert len(raw(SOURCES).partition(b"\r\n\r\n")[2]) == 11_000_000


def test_a_late_answer_follows_the_effect(emulator: Emulator, api: httpx.Client) -> None:
    """A delay after the effect: the source is there while the client is still waiting."""
    emulator.add_fault(operation="register", action={"delay": 0.2}, when="after")
    started = time.monotonic()
    answer = api.post(SOURCES, json=GOOD)
    assert answer.status_code == 201
    assert time.monotonic() - started >= 0.2


def test_a_late_effect_needs_no_client(emulator: Emulator, api: httpx.Client) -> None:
    """A delay before the effect: it takes place although the client has given up and gone."""
    emulator.add_fault(operation="register", action={"delay": 0.5})
    with pytest.raises(httpx.ReadTimeout):
        api.post(SOURCES, json=GOOD, timeout=0.05)
    assert emulator.sources() == []
    assert emulator.requests(answered=True, wait=10)[0]["effect"]
    assert len(emulator.sources()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_held_request_waits_until_it_is_released(
    emulator: Emulator, api: httpx.Client, control: httpx.Client, when: str
) -> None:
    """Hold keeps a request before or after its effect for as long as the test likes, and says how many wait."""
    fault_id = emulator.add_fault(operation="register", action="hold", when=when)
    statuses: list[int] = []
    caller = threading.Thread(target=lambda: statuses.append(api.post(SOURCES, json=GOOD).status_code))
    caller.start()
    (fault,) = control.get("/faults", params={"id": fault_id, "waiting": 1, "wait": 10}).json()["faults"]
    assert (fault["hits"], fault["waiting"]) == (1, 1)
    assert len(emulator.sources()) == (1 if when == "after" else 0)
    (request,) = emulator.requests()
    assert (request["answered"], request["status"]) == (False, None)
    assert control.post(f"/faults/{fault_id}/release").json() == {"released": 1}
    caller.join(timeout=10)
    assert statuses == [201]
    assert len(emulator.sources()) == 1
    assert emulator.faults()[0]["waiting"] == 0


@pytest.mark.parametrize("is_removed", [False, True], ids=["released", "removed"])
def test_a_held_effect_takes_place_although_the_client_is_gone(
    emulator: Emulator, api: httpx.Client, *, is_removed: bool
) -> None:
    """A POST whose sender was killed lands when it is released, or its fault removed, not before."""
    fault_id = emulator.add_fault(operation="register", action="hold")
    with pytest.raises(httpx.ReadTimeout):
        api.post(SOURCES, json=GOOD, timeout=0.05)
    emulator.faults(fault_id, waiting=1, wait=10)
    assert emulator.sources() == []
    assert (emulator.clear_faults() if is_removed else emulator.release(fault_id)) == 1
    assert emulator.requests(answered=True, wait=10)[0]["effect"]
    assert len(emulator.sources()) == 1


def test_a_reset_forgets_what_is_held(emulator: Emulator, api: httpx.Client) -> None:
    """A request that is held when the emulator is reset never takes effect; its client loses the connection."""
    emulator.add_fault(operation="register", action="hold")
    lost: list[bool] = []

    def call() -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            api.post(SOURCES, json=GOOD)
        lost.append(True)

    caller = threading.Thread(target=call)
    caller.start()
    emulator.faults(waiting=1, wait=10)
    emulator.reset()
    caller.join(timeout=10)
    assert lost == [True]
    assert (emulator.sources(), emulator.requests()) == ([], [])


def test_rules_apply_in_order_and_as_often_as_they_say(emulator: Emulator, api: httpx.Client) -> None:
    """Each request meets the first rule that is not spent; skip lets requests pass, null has no end."""
    for rule in ({"status": 500}, {"status": 501}):
        emulator.add_fault(operation="list", action=rule, times=2 if rule == {"status": 500} else 1)
    emulator.add_fault(operation="list", action={"status": 502}, skip=2, times=None)
    assert [api.get(SOURCES).status_code for _ in range(7)] == [500, 500, 501, 200, 200, 502, 502]
    assert [(fault["hits"], fault["passed"]) for fault in emulator.faults()] == [(2, 0), (1, 0), (2, 2)]
    assert [request["faults"] for request in emulator.requests()][-2:] == [[emulator.faults()[2]["id"]]] * 2


def test_a_fault_before_and_one_after_meet_the_same_request(emulator: Emulator, api: httpx.Client) -> None:
    """One rule of each side applies: here the effect is late and its answer lost."""
    before = emulator.add_fault(operation="register", action={"delay": 0.01})
    after = emulator.add_fault(operation="register", action="drop", when="after")
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(SOURCES, json=GOOD)
    assert emulator.requests()[0]["faults"] == [before, after]
    assert len(emulator.sources()) == 1


def test_a_fault_can_be_for_one_source_alone(emulator: Emulator, api: httpx.Client, register: Register) -> None:
    """Match compares fields of the body, the query and the path."""
    one, two = (f"{SOURCES}/{register(name=name)['data_source_id']}" for name in ("a", "b"))
    emulator.add_fault(operation="register", action={"status": 500}, match={"name": "c", "provider": "slack"})
    emulator.add_fault(operation="get", action={"status": 501}, match={"data_source_id": two.rpartition("/")[2]})
    emulator.add_fault(operation="list", action={"status": 502}, match={"provider": "github"})
    assert [api.get(url).status_code for url in (one, two)] == [200, 501]
    assert [api.post(SOURCES, json={**GOOD, "name": name}).status_code for name in "bc"] == [201, 500]
    assert [api.get(SOURCES, params=filters).status_code for filters in ({}, {"provider": "github"})] == [200, 502]


def test_a_fault_for_everything_meets_every_operation(emulator: Emulator, api: httpx.Client) -> None:
    """The operation * matches each call of the API, even an unknown path, but never the control surface."""
    emulator.add_fault(operation="*", action={"status": 503}, times=None)
    paths = [SOURCES, SOURCES + "/x", SANDBOX, "/none"]
    assert [api.get(path).status_code for path in paths] == [503] * 4
    assert len(emulator.requests()) == 4
    assert httpx.get(emulator.control_url + "/faults", trust_env=False).json()["faults"][0]["hits"] == 4


@pytest.mark.parametrize(
    ("operation", "call", "body"),
    [
        ("register", "POST ", GOOD),
        ("list", "GET ", None),
        ("get", "GET /{id}", None),
        ("update", "PATCH /{id}", {"name": "b"}),
        ("delete", "DELETE /{id}", None),
        ("rotate", "POST /{id}/rotate-webhook-secret", None),
        ("pause", "POST /{id}/pause", None),
        ("resume", "POST /{id}/resume", None),
        ("disconnect", "POST /{id}/disconnect", None),
        ("pull", "POST /{id}/pull", None),
        ("purge", "POST /{id}/purge", None),
    ],
)
def test_each_operation_has_its_name(
    emulator: Emulator, api: httpx.Client, operation: str, call: str, body: Any
) -> None:
    """A fault names the operation that it is for, and meets that one alone."""
    (data_source_id,) = emulator.seed([{**GOOD, "ingestion_mode": "realtime"}])
    fault_id = emulator.add_fault(operation=operation, action={"status": 418})
    method, path = call.split(" ")
    url = SOURCES + path.replace("{id}", data_source_id)
    assert api.request(method, url, json=body).status_code == 418
    assert api.request(method, url, json=body).status_code < 300
    assert emulator.faults(fault_id)[0]["hits"] == 1
    assert {request["operation"] for request in emulator.requests()} == {operation}


def test_a_request_without_token_meets_faults_first(emulator: Emulator, stranger: httpx.Client) -> None:
    """A fault stands in front of the API as a proxy does; a 401 of the API's own has no effect."""
    emulator.add_fault(operation="list", action={"status": 503})
    assert [stranger.get(SOURCES).status_code for _ in range(2)] == [503, 401]
    assert [request["effect"] for request in emulator.requests()] == [False, False]


def test_many_at_once_are_all_applied_once(emulator: Emulator) -> None:
    """Fifty registers at once, each answer dropped after the effect, make fifty sources."""
    emulator.add_fault(operation="register", action="drop", when="after", times=None)
    headers = {"Authorization": f"Bearer {emulator.token}"}
    failures: list[Exception] = []

    def call(client: httpx.Client, number: int) -> None:
        try:
            client.post(SOURCES, json={**GOOD, "name": str(number)})
        except httpx.RemoteProtocolError as lost:
            failures.append(lost)

    with httpx.Client(base_url=emulator.url, headers=headers, timeout=30, trust_env=False) as client:
        callers = [threading.Thread(target=call, args=(client, number)) for number in range(50)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(timeout=30)
    assert len(failures) == 50
    assert {source["name"] for source in emulator.sources()} == {str(number) for number in range(50)}
