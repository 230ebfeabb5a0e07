"""Ingest, pull, jobs and sandboxes of the emulated API."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.emulator.clock import Moment
from airflow_provider_copass.emulator.errors import ControlError
from airflow_provider_copass.emulator.jobs import CONTENT, Jobs

SANDBOX = "/api/v1/storage/sandboxes/sb_demo"
WORDS = ["queued", "processing", "completed"]
START = Moment(1000.0, datetime(2026, 1, 1, tzinfo=UTC))
Register = Callable[..., dict[str, Any]]
Ingest = Callable[..., str]


@pytest.fixture
def ingest(api: httpx.Client) -> Ingest:
    """Return a function that ingests a text and returns the path of its job."""

    def ingested(text: str = "a", **fields: Any) -> str:
        answer = api.post(SANDBOX + "/ingest", json={"text": text, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["status_url"])

    return ingested


def statuses(api: httpx.Client, path: str, looks: int) -> list[str]:
    """Return the states of a job at so many looks."""
    return [api.get(path).json()["status"] for _ in range(looks)]


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


def test_ingest_answers_where_the_job_is_and_not_the_text(api: httpx.Client) -> None:
    """The answer holds the fields that the vendor's documentation names; project_id only if one was sent."""
    short = api.post(SANDBOX + "/ingest", json={"text": "a"}).json()
    full = api.post(SANDBOX + "/ingest", json={"text": "a", "project_id": "p1", "origin": {"repo": "r"}}).json()
    for answer, more in ((short, {}), (full, {"project_id": "p1"})):
        job_id = answer["job_id"]
        assert answer == {
            "job_id": job_id,
            "status": "queued",
            "encrypted": False,
            "sandbox_id": "sb_demo",
            "status_url": f"{SANDBOX}/ingest/{job_id}",
            **more,
        }


def test_a_job_shows_more_as_it_gets_on(api: httpx.Client, ingest: Ingest, emulator: Emulator) -> None:
    """It shows when it started once it has, and when it ended and its result once it is completed."""
    emulator.settings(job_states=["queued", "pending", "processing", "completed"])
    always = {"job_id", "status", "job_type", "encrypted", "retry_count", "created_at"}
    path = ingest()
    pending, processing, completed = (api.get(path).json() for _ in range(3))
    assert (pending["job_type"], pending["encrypted"], pending["retry_count"]) == ("ingest", False, 0)
    assert set(pending) == always
    assert set(processing) == {*always, "started_at"}
    assert set(completed) == {*always, "started_at", "completed_at", "result"}
    assert completed["created_at"] <= completed["started_at"] == processing["started_at"] <= completed["completed_at"]


@pytest.mark.parametrize(("status", "field"), [("failed", "error_message"), ("completed", "result")])
def test_a_job_that_ends_holds_content(
    api: httpx.Client, ingest: Ingest, emulator: Emulator, status: str, field: str
) -> None:
    """The error_message of a failed job and the result of a completed one hold content, as the API's may."""
    emulator.settings(job_states=[status])
    assert CONTENT in json.dumps(api.get(ingest()).json()[field])


def test_a_job_gets_on_with_each_look(api: httpx.Client, ingest: Ingest, emulator: Emulator) -> None:
    """A job goes through the scripted states, one a look, one that is named twice in two, and stays at the last."""
    emulator.settings(job_states=["queued", "pending", "pending", "failed"])
    assert statuses(api, ingest(), 4) == ["pending", "pending", "failed", "failed"]


def test_by_time_a_job_enters_each_state_after_its_seconds() -> None:
    """With seconds, a job is where the clock says, however often it is looked at; each time it shows is exact."""
    jobs = Jobs()
    job_id = jobs.queue("sb", "ingest", data_source_id=None, text="a", words=WORDS, now=START)["job_id"]

    def after(seconds: float) -> dict[str, Any]:
        now = START.earlier(-seconds)
        return jobs.look("sb", job_id, words=WORDS, seconds=10.0, pulls=True, now=now)

    assert [after(seconds)["status"] for seconds in (0, 9.75, 9.75, 10)] == ["queued"] * 3 + ["processing"]
    completed = after(3600)
    assert (completed["status"], completed["started_at"], completed["completed_at"]) == (
        "completed",
        (START.utc + timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        (START.utc + timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    )


def test_by_time_a_look_takes_no_job_further(api: httpx.Client, ingest: Ingest, emulator: Emulator) -> None:
    """With a long job_seconds, a job stays in its first state, however often it is looked at."""
    emulator.settings(job_seconds=3600)
    assert statuses(api, ingest(), 5) == ["queued"] * 5


def test_by_time_a_job_ends_without_a_look(ingest: Ingest, emulator: Emulator) -> None:
    """With a short job_seconds, the control surface alone sees the job completed."""
    emulator.settings(job_seconds=0.01)
    ingest()
    deadline = time.monotonic() + 10
    while emulator.jobs()[0]["status"] != "completed":
        assert time.monotonic() < deadline
    assert emulator.requests("get_job") == []


def test_a_job_that_was_set_stays_as_set(api: httpx.Client, ingest: Ingest, emulator: Emulator) -> None:
    """Neither looks nor time take a job further that the control surface has set."""
    path = ingest()
    children = {"total": 3, "queued": 0, "processing": 1, "completed": 1, "failed": 1}
    emulator.set_job(emulator.jobs()[0]["job_id"], status="processing", children=children, retry_count=2)
    seen = [api.get(path).json() for _ in range(3)]
    emulator.settings(job_seconds=1e-9)
    seen.append(api.get(path).json())
    assert [(job["status"], job["children"], job["retry_count"]) for job in seen] == [("processing", children, 2)] * 4


def test_a_job_that_is_set_without_a_field_stays_where_it_is(
    api: httpx.Client, ingest: Ingest, emulator: Emulator
) -> None:
    """Looks do not take it further."""
    path = ingest()
    emulator.set_job(emulator.jobs()[0]["job_id"])
    assert statuses(api, path, 3) == ["queued"] * 3


def test_a_job_set_to_failed_says_why_in_words_that_hold_content(ingest: Ingest, emulator: Emulator) -> None:
    """It has an error_message and the time of its end, and no result."""
    ingest()
    failed = emulator.set_job(emulator.jobs()[0]["job_id"], status="failed")
    assert CONTENT in failed["error_message"]
    assert failed["completed_at"] is not None
    assert "result" not in failed


def test_what_a_job_is_set_to_is_answered_as_it_is(api: httpx.Client, ingest: Ingest, control: httpx.Client) -> None:
    """Words and fields that no page names, and nulls, come through; what is given is not overridden."""
    path = ingest()
    fields = {"status": "failed", "error_message": None, "completed_at": "soon", "children": [], "colour": "red"}
    answer = control.post(f"/jobs/{path.rpartition('/')[2]}", json=fields)
    assert answer.status_code == 200
    shown = api.get(path).json()
    assert {name: shown[name] for name in fields} == fields


@pytest.mark.parametrize("field", ["job_id", "sandbox_id", "data_source_id", "text_length", "text_sha256"])
def test_what_a_job_is_about_cannot_be_set(
    ingest: Ingest, control: httpx.Client, emulator: Emulator, field: str
) -> None:
    """Its ids and what is known of its text are refused, and the job still gets on."""
    ingest()
    (before,) = emulator.jobs()
    answer = control.post(f"/jobs/{before['job_id']}", json={field: "olk_hidden", "status": "failed"})
    assert (answer.status_code, answer.json()["detail"]) == (400, f"cannot be set: {field}")
    assert emulator.jobs() == [before]


def test_an_unknown_job_cannot_be_set(emulator: Emulator) -> None:
    """Setting it is a mistake in the script."""
    with pytest.raises(ControlError, match="no such job"):
        emulator.set_job("none", status="failed")


def test_the_jobs_are_listed_with_what_they_are_about(
    ingest: Ingest, api: httpx.Client, register: Register, control: httpx.Client, emulator: Emulator
) -> None:
    """Every job is listed, oldest first, with its source; of a text only the length and the SHA-256 are."""
    data_source_id = register()["data_source_id"]
    ingest("Zoë", data_source_id=data_source_id)
    api.post(f"{SANDBOX}/sources/{data_source_id}/pull")
    listed = control.get("/jobs").json()
    assert (listed["count"], listed["jobs"]) == (2, emulator.jobs())
    names = ("job_type", "sandbox_id", "data_source_id", "text_length", "text_sha256")
    assert [tuple(job[name] for name in names) for job in listed["jobs"]] == [
        ("ingest", "sb_demo", data_source_id, 3, hashlib.sha256("Zoë".encode()).hexdigest()),
        ("data_source_pull", "sb_demo", data_source_id, None, None),
    ]


def test_to_list_the_jobs_is_no_look(ingest: Ingest, emulator: Emulator) -> None:
    """By looks, the control surface takes no job further."""
    ingest()
    assert [emulator.jobs()[0]["status"] for _ in range(3)] == ["queued"] * 3


def test_a_reset_forgets_the_jobs(api: httpx.Client, ingest: Ingest, emulator: Emulator) -> None:
    """None is listed or found any more."""
    path = ingest()
    emulator.reset()
    assert emulator.jobs() == []
    assert api.get(path).status_code == 404


def test_a_text_is_kept_nowhere(ingest: Ingest, stranger: httpx.Client, register: Register, emulator: Emulator) -> None:
    """No ingested text is reachable from the emulator's state; the control surface shows its length and SHA-256."""
    text = "what was said in private"
    source = register(ingestion_mode="realtime")
    ingest(text, data_source_id=source["data_source_id"])
    delivered = stranger.post(
        source["webhook_url"],
        json={"text": text},
        headers={"Authorization": f"Bearer {source['webhook_signing_secret']}"},
    )
    assert delivered.status_code == 202
    # What is shown nowhere can be looked for only inside.
    state, log = emulator._state, emulator._server.control.log  # type: ignore[union-attr]
    assert text not in repr([vars(state), vars(state.jobs), [vars(request) for request in log._requests]])
    assert text not in json.dumps([emulator.jobs(), emulator.sources(), emulator.requests()])
    digest = {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert [request["body"]["text"] for request in emulator.requests()[1:]] == [digest] * 2


def test_a_request_that_is_held_back_does_not_show_its_text(api: httpx.Client, emulator: Emulator) -> None:
    """While the request is under way, too, its record has the text's length and SHA-256 in its place."""
    emulator.add_fault(operation="ingest", action="hold")
    with pytest.raises(httpx.ReadTimeout):
        api.post(SANDBOX + "/ingest", json={"text": "in private"}, timeout=0.05)
    (request,) = emulator.requests("ingest", wait=10)
    emulator.clear_faults()
    assert not request["answered"]
    assert "in private" not in json.dumps(request)


def test_a_fault_can_match_a_text(api: httpx.Client, emulator: Emulator) -> None:
    """Though no text is recorded, a fault is for the request whose text it names, and for no other."""
    emulator.add_fault(operation="ingest", action={"status": 503}, match={"text": "second"})
    answers = [api.post(SANDBOX + "/ingest", json={"text": text}).status_code for text in ("first", "second", "third")]
    assert answers == [202, 503, 202]


def test_half_a_surrogate_pair_in_a_text_is_recorded(api: httpx.Client, emulator: Emulator) -> None:
    """Such a text, which cannot be written in UTF-8, is recorded and ingested like another."""
    headers = {"content-type": "application/json"}
    answer = api.post(SANDBOX + "/ingest", content=b'{"text": "\\ud800"}', headers=headers)
    (request,), (job,) = emulator.requests("ingest"), emulator.jobs()
    assert (answer.status_code, request["body"]["text"]["length"], job["text_length"]) == (202, 1, 1)


def test_pull_queues_a_job_of_its_own_type(api: httpx.Client, register: Register) -> None:
    """Pull is a 202 with a data_source_pull job; since must be a date and time."""
    pull = f"{SANDBOX}/sources/{register()['data_source_id']}/pull"
    queued = api.post(pull, json={"since": "2026-11-23T00:00:00Z", "vault_only": True})
    assert queued.status_code == 202
    assert {key: queued.json()[key] for key in ("job_type", "status")} == {
        "job_type": "data_source_pull",
        "status": "queued",
    }
    assert api.post(pull).status_code == 202
    assert api.post(pull, json={"since": "yesterday"}).status_code == 422


@pytest.mark.parametrize("found", [True, False])
def test_the_job_of_a_pull_is_found_at_the_ingest_path_as_set(
    api: httpx.Client, ingest: Ingest, register: Register, emulator: Emulator, found: bool
) -> None:
    """No page says whether it is found there, so a setting does; the jobs of ingest always are."""
    emulator.settings(pull_jobs_at_ingest=found)
    pulled = api.post(f"{SANDBOX}/sources/{register()['data_source_id']}/pull").json()
    assert api.get(f"{SANDBOX}/ingest/{pulled['job_id']}").status_code == (200 if found else 404)
    assert api.get(ingest()).status_code == 200


def test_a_pull_does_not_stamp_its_source(api: httpx.Client, register: Register) -> None:
    """The vendor's page says that an ingest stamps last_sync_at, and no page that a pull does."""
    source = f"{SANDBOX}/sources/{register()['data_source_id']}"
    assert api.post(source + "/pull").status_code == 202
    assert api.get(source).json()["last_sync_at"] is None


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
