"""The control surface: seeding, looking, changing and resetting."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_copass.emulator.errors import ControlError

if TYPE_CHECKING:
    from airflow_provider_copass.emulator import Emulator

SOURCES = "/api/v1/storage/sandboxes/sb_demo/sources"
Register = Callable[..., dict[str, Any]]


def test_a_seeded_source_is_answered_as_it_was_given(control: httpx.Client, api: httpx.Client) -> None:
    """A source of another keeps its id, time, status and even fields that the API does not know."""
    row = {
        "data_source_id": "foreign-1",
        "provider": "slack",
        "name": "theirs",
        "created_at": None,
        "status": "sleeping",
        "kind": "trigger",
        "colour": "red",
    }
    seeded = control.post("/seed", json={"sources": [row]})
    assert (seeded.status_code, seeded.json()) == (201, {"data_source_ids": ["foreign-1"]})
    got = api.get(SOURCES + "/foreign-1").json()
    assert {key: got[key] for key in row} == row
    assert api.get(SOURCES).json()["count"] == 1


def test_a_seeded_secret_is_kept_as_its_hash(control: httpx.Client) -> None:
    """A seeded secret can be verified, by its value and by its hash, and is answered nowhere."""
    secret = "olk_known_before"
    sha256 = hashlib.sha256(secret.encode()).hexdigest()
    row = {"provider": "slack", "name": "a", "ingestion_mode": "realtime"}
    rows = [{**row, "webhook_signing_secret": secret}, {**row, "webhook_signing_secret_sha256": sha256}, row]
    first, second, without = control.post("/seed", json={"sources": rows}).json()["data_source_ids"]
    for data_source_id, valid in ((first, True), (second, True), (without, False)):
        for known in ({"secret": secret}, {"sha256": sha256.upper()}):
            answer = control.post("/verify-secret", json={"data_source_id": data_source_id, **known})
            assert answer.json()["valid"] is valid
    shown = control.get("/sources").text
    assert secret not in shown
    assert sha256 not in shown


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/seed", {"sources": [{"provider": "slack"}]}),
        ("/seed", {"sources": [{"provider": "slack", "name": "a", "webhook_signing_secret": 7}]}),
        ("/seed", {"sources": [{"provider": "slack", "name": "a", "data_source_id": []}]}),
        ("/seed", {"sources": [{"provider": "p", "name": "a", "data_source_id": "same"}] * 2}),
        ("/seed", {"sources": "all"}),
        ("/seed", {"sandboxes": [1]}),
        ("/seed", {"surprise": "olk_hidden"}),
        ("/verify-secret", {"data_source_id": "none", "secret": "olk_hidden"}),
        ("/verify-secret", {"data_source_id": ["none"], "secret": "olk_hidden"}),
        ("/sources/none", {"status": "paused"}),
        ("/settings", {"no_such": 1}),
        ("/settings", {"grace_seconds": -1}),
        ("/settings", {"grace_seconds": "1"}),
        ("/settings", {"max_data_sources": {"sb_demo": None}}),
        ("/settings", {"register_status": 204}),
        ("/settings", {"job_states": []}),
        ("/settings", {"job_seconds": -1}),
        ("/settings", {"pull_jobs_at_ingest": "no"}),
        ("/jobs/none", {"status": "failed", "error_message": "olk_hidden"}),
        ("/settings", [1]),
        ("/faults", {"operation": "register"}),
        ("/faults", {"operation": "registr", "action": "drop"}),
        ("/faults", {"operation": {}, "action": "drop"}),
        ("/faults", {"operation": "register", "action": "explode"}),
        ("/faults", {"operation": "register", "action": {"drop": True, "reset": True}}),
        ("/faults", {"operation": "register", "action": {"drop": False}}),
        ("/faults", {"operation": "register", "action": {"status": 99}}),
        ("/faults", {"operation": "register", "action": {"status": 503, "header": {}}}),
        ("/faults", {"operation": "register", "action": {"status": 503, "headers": {"Retry-After": 1}}}),
        ("/faults", {"operation": "register", "action": {"delay": -1}}),
        ("/faults", {"operation": "register", "action": {"raw": 1}}),
        ("/faults", {"operation": "register", "action": {"truncate": 3}, "when": "before"}),
        ("/faults", {"operation": "register", "action": "drop", "when": "during"}),
        ("/faults", {"operation": "register", "action": "drop", "times": 0}),
        ("/faults", {"operation": "register", "action": "drop", "skip": -1}),
        ("/faults", {"operation": "register", "action": "drop", "match": []}),
        ("/faults", {"operation": "register", "action": "drop", "time": 1}),
        ("/faults/7/release", {}),
        ("/faults/x/release", {}),
    ],
)
def test_a_mistake_in_a_script_is_refused_and_changes_nothing(
    control: httpx.Client, emulator: Emulator, path: str, body: Any
) -> None:
    """A control request that makes no sense is a 400 that repeats no value, and leaves everything as it was."""
    before = emulator.settings()
    answer = control.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_control_request"
    assert "olk_hidden" not in answer.text
    assert (emulator.sources(), emulator.faults(), emulator.settings()) == ([], [], before)


def test_a_control_body_that_is_no_json_is_refused(control: httpx.Client) -> None:
    """Text that is no JSON is a 400 that does not repeat it."""
    answer = control.post("/seed", content=b'{"olk_hidden"', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "olk_hidden" not in answer.text


def test_verification_wants_exactly_one_form_of_the_secret(emulator: Emulator, register: Register) -> None:
    """Neither or both of secret and sha256, or a hash that is none, is a mistake."""
    data_source_id = register(ingestion_mode="realtime")["data_source_id"]
    for given in ({}, {"secret": "a", "sha256": "0" * 64}, {"sha256": "abc"}):
        with pytest.raises(ControlError):
            emulator.verify_secret(data_source_id, **given)


def test_a_source_can_be_changed_behind_the_apis_back(
    control: httpx.Client, api: httpx.Client, register: Register
) -> None:
    """Status and times are set at will; get shows them, and deleted removes the source."""
    data_source_id = register()["data_source_id"]
    changed = {"status": "error", "last_sync_at": "2026-11-23T10:00:00Z", "name": "renamed"}
    assert control.post(f"/sources/{data_source_id}", json=changed).status_code == 200
    got = api.get(f"{SOURCES}/{data_source_id}").json()
    assert {key: got[key] for key in changed} == changed
    assert control.post(f"/sources/{data_source_id}", json={"data_source_id": "other"}).status_code == 400
    control.post(f"/sources/{data_source_id}", json={"deleted": True})
    assert api.get(f"{SOURCES}/{data_source_id}").status_code == 404


def test_requests_are_recorded_in_order(control: httpx.Client, api: httpx.Client, register: Register) -> None:
    """Each request of the API is there with its operation, path, query, body, status and effect; no token."""
    data_source_id = register()["data_source_id"]
    api.get(SOURCES, params={"provider": "slack"}, headers={"user-agent": "airflow-provider-copass/1"})
    api.get(SOURCES + "/none")
    recorded = control.get("/requests").json()
    first, second, third = recorded["requests"]
    assert recorded["count"] == 3
    assert (first["n"], first["operation"], first["method"], first["path"]) == (1, "register", "POST", SOURCES)
    assert (first["status"], first["effect"], first["body"]["name"]) == (201, True, "alerts")
    assert (second["operation"], second["query"]) == ("list", {"provider": "slack"})
    assert second["user_agent"] == "airflow-provider-copass/1"
    assert "authorization" in second["headers"]
    assert (third["operation"], third["status"], third["effect"]) == ("get", 404, False)
    assert third["path_params"] == {"sandbox_id": "sb_demo", "data_source_id": "none"}
    assert control.get("/requests", params={"operation": "register"}).json()["count"] == 1
    assert [row["n"] for row in control.get("/requests", params={"after": 2}).json()["requests"]] == [3]
    assert data_source_id in api.get(SOURCES).text


def test_the_record_leaves_the_control_surface_and_the_token_out(
    control: httpx.Client, register: Register, emulator: Emulator
) -> None:
    """Control calls are not recorded, and no value of a header but the user agent's is."""
    register()
    control.get("/sources")
    recorded = control.get("/requests")
    assert recorded.json()["count"] == 1
    assert emulator.token not in recorded.text


def test_one_can_wait_for_a_request(emulator: Emulator, api: httpx.Client) -> None:
    """A read with wait returns when a request beyond after arrives, answered or not, or when the time is up."""
    api.get(SOURCES)
    emulator.add_fault(operation="get", action="hold")
    seen: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: seen.extend(emulator.requests("get", after=1, wait=60)))
    waiter.start()
    # Nothing that is shown tells that somebody waits.
    while not emulator._on_loop(lambda server: server.control.log._bell._rung._waiters):
        pass
    with pytest.raises(httpx.ReadTimeout):
        api.get(SOURCES + "/none", timeout=0.05)
    waiter.join(timeout=10)
    assert [(row["n"], row["answered"]) for row in seen] == [(2, False)]
    emulator.clear_faults()
    assert emulator.requests("get", after=2, wait=0.01) == []


def test_reset_goes_back_to_the_start(emulator: Emulator, control: httpx.Client, register: Register) -> None:
    """After a reset there is no source, request, fault or setting left, and counting begins anew."""
    start = emulator.settings()
    register()
    emulator.seed(sandboxes=["sb_two"])
    emulator.settings(list_lag_seconds=5)
    emulator.add_fault(operation="get", action="drop")
    assert control.post("/reset").json() == {"reset": True}
    assert (emulator.sources(), emulator.requests(), emulator.faults(), emulator.settings()) == ([], [], [], start)
    register()
    assert [row["n"] for row in emulator.requests()] == [1]


def test_settings_are_changed_all_or_none(emulator: Emulator, control: httpx.Client) -> None:
    """One bad value leaves every setting as it was; the answer to a good change shows them all."""
    before = emulator.settings()
    with pytest.raises(ControlError):
        emulator.settings(grace_seconds=5, list_lag_seconds="soon")
    assert control.get("/settings").json() == before
    changed = control.post("/settings", json={"grace_seconds": 5, "register_status": 200})
    assert changed.json() == {**before, "grace_seconds": 5, "register_status": 200}


def test_the_status_of_register_can_be_chosen(emulator: Emulator, api: httpx.Client) -> None:
    """No page says whether a register is a 200 or a 201, so it can be either."""
    emulator.settings(register_status=200)
    assert api.post(SOURCES, json={"provider": "slack", "name": "a"}).status_code == 200


def test_what_python_is_given_is_a_copy(emulator: Emulator, register: Register) -> None:
    """Changing what a method returned, or what was handed in, changes nothing in the emulator."""
    register(adapter_config={"a": {"b": 1}})
    row = {"provider": "slack", "name": "mine", "adapter_config": {"a": {"b": 1}}}
    emulator.seed([row])
    row["adapter_config"]["a"]["b"] = 2  # type: ignore[index]
    emulator.sources()[0]["adapter_config"]["a"]["b"] = 2
    assert [source["adapter_config"] for source in emulator.sources()] == [{"a": {"b": 1}}] * 2
