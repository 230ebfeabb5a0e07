"""The vendor's own client, which nobody here wrote, finds the API that it knows.

The calls that we make as well are made by both in ``tests/api/test_same_as_the_vendors_client.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from copass_core import ApiKeyAuth, CopassClient
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
