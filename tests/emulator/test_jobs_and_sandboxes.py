"""Ingest, pull, jobs and sandboxes of the emulated API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from airflow_provider_copass.emulator import Emulator

SANDBOX = "/api/v1/storage/sandboxes/sb_demo"
Register = Callable[..., dict[str, Any]]


def test_ingest_queues_a_job_and_stamps_its_source(api: httpx.Client, register: Register) -> None:
    """Ingest is a 202 with the job, whose status_url leads to it, and stamps last_sync_at of the source."""
    data_source_id = register()["data_source_id"]
    queued = api.post(
        SANDBOX + "/ingest", json={"text": "a", "data_source_id": data_source_id, "occurred_at": "2026-11-23T10:00:00Z"}
    )
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    assert api.get(queued.json()["status_url"]).json()["job_id"] == queued.json()["job_id"]
    assert api.get(f"{SANDBOX}/sources/{data_source_id}").json()["last_sync_at"] is not None


def test_ingest_without_a_source_is_fine_and_with_an_unknown_one_a_404(api: httpx.Client) -> None:
    """data_source_id is optional, but when given must be there."""
    assert api.post(SANDBOX + "/ingest", json={"text": "a"}).status_code == 202
    assert api.post(SANDBOX + "/ingest", json={"text": "a", "data_source_id": "none"}).status_code == 404
    assert api.post(SANDBOX + "/ingest", json={}).status_code == 422


def test_a_job_gets_on_with_each_look(api: httpx.Client, emulator: Emulator) -> None:
    """A job goes through the scripted states, one a look, and stays at the last."""
    emulator.settings(job_states=["queued", "pending", "failed"])
    url = api.post(SANDBOX + "/ingest", json={"text": "a"}).json()["status_url"]
    assert [api.get(url).json()["status"] for _ in range(3)] == ["pending", "failed", "failed"]


def test_pull_queues_a_job_of_its_own_type(api: httpx.Client, register: Register) -> None:
    """Pull is a 202 with a data_source_pull job; since must be a date and time."""
    pull = f"{SANDBOX}/sources/{register()['data_source_id']}/pull"
    queued = api.post(pull, json={"since": "2026-11-23T00:00:00Z", "vault_only": True})
    assert queued.status_code == 202
    assert {key: queued.json()[key] for key in ("job_type", "status")} == {
        "job_type": "data_source_pull",
        "status": "queued",
    }
    assert api.get(f"{SANDBOX}/ingest/{queued.json()['job_id']}").status_code == 200
    assert api.post(pull).status_code == 202
    assert api.post(pull, json={"since": "yesterday"}).status_code == 422


def test_sandboxes_are_listed_and_shown(api: httpx.Client, emulator: Emulator) -> None:
    """The list holds the sandbox from the start and the seeded ones; each shows its quota."""
    emulator.seed(sandboxes=["sb_two"])
    emulator.settings(max_data_sources=7)
    listed = api.get("/api/v1/storage/sandboxes").json()["sandboxes"]
    assert [sandbox["sandbox_id"] for sandbox in listed] == ["sb_demo", "sb_two"]
    assert api.get(SANDBOX).json()["limits"] == {"max_data_sources": 7}


def test_any_sandbox_comes_into_being_when_first_named() -> None:
    """With any_sandbox an id that nobody announced works at once, still only with the token."""
    with Emulator(any_sandbox=True, sandboxes=[]) as emulator:
        url = f"{emulator.url}/api/v1/storage/sandboxes/sb_new/sources"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": f"Bearer {emulator.token}"}).json()["count"] == 0
