"""The vendor's own client, which nobody here wrote, finds the API that it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from copass_core import ApiKeyAuth, CopassClient
from copass_core.http.errors import CopassApiError
from copass_core.types import RetryConfig

if TYPE_CHECKING:
    from airflow_provider_copass.emulator import Emulator

SANDBOX = "sb_demo"
Use = Callable[[CopassClient], Awaitable[Any]]


@pytest.fixture
def vendor(emulator: Emulator) -> Callable[[Use], Any]:
    """Return a function that runs a piece of code with the vendor's client, which never retries."""
    client = CopassClient(
        auth=ApiKeyAuth(key=emulator.token), api_url=emulator.url, retry=RetryConfig(max_attempts=1), timeout=10
    )

    def used(use: Use) -> Any:
        return asyncio.run(use(client))  # type: ignore[arg-type]

    return used


def test_it_registers_and_finds_a_source(vendor: Callable[[Use], Any], emulator: Emulator) -> None:
    """Register, retrieve and list agree on the source; only register has the secret, which is valid."""

    async def use(client: CopassClient) -> None:
        made = await client.sources.register(
            SANDBOX, provider="slack", name="alerts", ingestion_mode="realtime", adapter_config={"a": 1}
        )
        secret = made.pop("webhook_signing_secret")
        assert await client.sources.retrieve(SANDBOX, made["data_source_id"]) == made
        assert await client.sources.list(SANDBOX, provider="slack") == {"sources": [made], "count": 1}
        assert (await client.sources.list(SANDBOX, status="paused"))["count"] == 0
        assert await asyncio.to_thread(emulator.verify_secret, made["data_source_id"], secret)

    vendor(use)


def test_it_updates_a_source_with_and_without_merging(vendor: Callable[[Use], Any]) -> None:
    """Its merge is deep, its plain update replaces."""

    async def use(client: CopassClient) -> None:
        made = await client.sources.register(
            SANDBOX, provider="slack", name="a", adapter_config={"deep": {"x": 1, "y": 1}}
        )
        data_source_id = made["data_source_id"]
        merged = await client.sources.update(
            SANDBOX, data_source_id, name="b", adapter_config={"deep": {"y": 2}}, merge_adapter_config=True
        )
        assert (merged["name"], merged["adapter_config"]) == ("b", {"deep": {"x": 1, "y": 2}})
        replaced = await client.sources.update(SANDBOX, data_source_id, adapter_config={"z": 3})
        assert replaced["adapter_config"] == {"z": 3}

    vendor(use)


def test_it_takes_a_source_through_its_life(vendor: Callable[[Use], Any]) -> None:
    """Pause, resume, pull, ingest, purge, disconnect and delete do what the client's documentation says."""

    async def use(client: CopassClient) -> None:
        data_source_id = (await client.sources.register(SANDBOX, provider="slack", name="a"))["data_source_id"]
        assert await client.sources.pause(SANDBOX, data_source_id) == {"status": "paused"}
        assert await client.sources.resume(SANDBOX, data_source_id) == {"status": "active"}
        pulled = await client.sources.pull(SANDBOX, data_source_id, since="2026-11-23T00:00:00Z", vault_only=True)
        assert (pulled["job_type"], pulled["status"]) == ("data_source_pull", "queued")
        queued = await client.ingest.text_in_sandbox(SANDBOX, text="hello", data_source_id=data_source_id)
        job = await client.ingest.get_sandbox_job(SANDBOX, queued["job_id"])
        assert (job["job_id"], job["status"]) == (queued["job_id"], "processing")
        assert (await client.sources.retrieve(SANDBOX, data_source_id))["last_sync_at"] is not None
        assert (await client.sources.purge(SANDBOX, data_source_id))["purged"]["vault"] == 2
        assert await client.sources.disconnect(SANDBOX, data_source_id) == {"status": "disconnected"}
        assert (await client.sources.delete(SANDBOX, data_source_id))["deleted"] is True
        with pytest.raises(CopassApiError) as gone:
            await client.sources.retrieve(SANDBOX, data_source_id)
        assert gone.value.status == 404

    vendor(use)


def test_it_ingests_a_text_in_full(vendor: Callable[[Use], Any], emulator: Emulator) -> None:
    """Each field that the client can send is taken, and its answer is the one that the client's documentation shows."""

    async def use(client: CopassClient) -> None:
        data_source_id = (await client.sources.register(SANDBOX, provider="slack", name="a"))["data_source_id"]
        more = {
            "source_type": "conversation",
            "storage_only": True,
            "project_id": "p1",
            "occurred_at": "2026-11-23T10:00:00Z",
            "speaker": "Ada",
            "participants": ["Ada", "Zoë"],
        }
        queued = await client.ingest.text_in_sandbox(SANDBOX, text="hello", data_source_id=data_source_id, **more)
        assert set(queued) == {"job_id", "status", "encrypted", "sandbox_id", "project_id", "status_url"}
        through = await client.sources.ingest(SANDBOX, data_source_id, text="hello", origin={"repo": "r"}, **more)
        assert through["job_id"] != queued["job_id"]

    vendor(use)
    assert [job["text_length"] for job in emulator.jobs()] == [5, 5]


def test_it_waits_for_a_job(vendor: Callable[[Use], Any]) -> None:
    """A job that is looked at again and again is completed in the end, with its times and its result."""

    async def use(client: CopassClient) -> None:
        job_id = (await client.ingest.text_in_sandbox(SANDBOX, text="hello"))["job_id"]
        looks = [await client.ingest.get_sandbox_job(SANDBOX, job_id) for _ in range(2)]
        assert [look["status"] for look in looks] == ["processing", "completed"]
        assert {"result", "started_at", "completed_at"} <= set(looks[-1])

    vendor(use)


def test_it_sees_why_a_job_failed(vendor: Callable[[Use], Any], emulator: Emulator) -> None:
    """A job that the control surface has set to failed is answered with its children and its error_message."""
    children = {"total": 2, "queued": 0, "processing": 0, "completed": 1, "failed": 1}

    async def use(client: CopassClient) -> None:
        job_id = (await client.ingest.text_in_sandbox(SANDBOX, text="hello"))["job_id"]
        await asyncio.to_thread(emulator.set_job, job_id, status="failed", children=children, error_message="why")
        job = await client.ingest.get_sandbox_job(SANDBOX, job_id)
        assert (job["status"], job["children"], job["error_message"]) == ("failed", children, "why")

    vendor(use)


def test_it_does_not_find_an_unknown_job(vendor: Callable[[Use], Any]) -> None:
    """The job of another id is a 404."""

    async def use(client: CopassClient) -> None:
        with pytest.raises(CopassApiError) as unknown:
            await client.ingest.get_sandbox_job(SANDBOX, "none")
        assert unknown.value.status == 404

    vendor(use)


def test_it_sees_the_sandboxes(vendor: Callable[[Use], Any]) -> None:
    """The sandbox is listed and can be retrieved."""

    async def use(client: CopassClient) -> None:
        (sandbox,) = (await client.sandboxes.list())["sandboxes"]
        assert await client.sandboxes.retrieve(SANDBOX) == sandbox

    vendor(use)


def test_its_retry_of_a_lost_answer_makes_a_twin(emulator: Emulator) -> None:
    """With its own retries on, one 503 after the effect leaves two sources: the emulator shows what it does."""
    emulator.add_fault(operation="register", action={"status": 503}, when="after")
    retry = RetryConfig(max_attempts=2, backoff_base_ms=1)
    client = CopassClient(auth=ApiKeyAuth(key=emulator.token), api_url=emulator.url, retry=retry)
    asyncio.run(client.sources.register(SANDBOX, provider="slack", name="a"))
    assert len(emulator.sources()) == 2
    assert [request["effect"] for request in emulator.requests("register")] == [True, True]
