"""Our requests equal those of the vendor's own client, as an independent server saw them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from copass_core import BearerAuth
from copass_core import CopassClient as VendorClient

from airflow_provider_copass.api import ClientSettings, CopassClient, calls
from airflow_provider_copass.emulator import Emulator

FULL = {
    "provider": "slack",
    "name": "n",
    "ingestion_mode": "polling",
    "kind": "durable",
    "external_account_id": "T1",
    "adapter_config": {"a": {"b": [1, "ü"]}},
    "poll_interval_seconds": 61,
}
CHANGES = {
    "name": "m",
    "ingestion_mode": "batch",
    "external_account_id": "T2",
    "adapter_config": {"a": {"c": 1}},
    "poll_interval_seconds": 300,
}
TEXT = {
    "text": "ü",
    "source_type": "conversation",
    "occurred_at": "2026-01-01T00:00:00Z",
    "speaker": "Ada",
    "participants": ["Ada", "Zoë"],
    "project_id": "p1",
    "storage_only": True,
}
SB = "sb_demo"

Vendor = Callable[[VendorClient, str], Coroutine[Any, Any, Any]]
Ours = Callable[[str], calls.Call[Any]]

SAME: dict[str, tuple[Vendor, Ours]] = {
    "register in full": (lambda v, _: v.sources.register(SB, **FULL), lambda _: calls.register_source(SB, **FULL)),
    "register at its shortest": (
        lambda v, _: v.sources.register(SB, provider="p", name="n"),
        lambda _: calls.register_source(SB, provider="p", name="n"),
    ),
    "list": (lambda v, _: v.sources.list(SB), lambda _: calls.list_sources(SB)),
    "list filtered": (
        lambda v, _: v.sources.list(SB, provider="a b&c", status="active"),
        lambda _: calls.list_sources(SB, provider="a b&c", status="active"),
    ),
    "retrieve": (lambda v, i: v.sources.retrieve(SB, i), lambda i: calls.get_source(SB, i)),
    "update": (lambda v, i: v.sources.update(SB, i, **CHANGES), lambda i: calls.update_source(SB, i, CHANGES)),
    "update with merge": (
        lambda v, i: v.sources.update(SB, i, adapter_config={"a": 1}, merge_adapter_config=True),
        lambda i: calls.update_source(SB, i, {"adapter_config": {"a": 1}}, merge_adapter_config=True),
    ),
    "pause": (lambda v, i: v.sources.pause(SB, i), lambda i: calls.pause_source(SB, i)),
    "resume": (lambda v, i: v.sources.resume(SB, i), lambda i: calls.resume_source(SB, i)),
    "pull": (lambda v, i: v.sources.pull(SB, i), lambda i: calls.pull_source(SB, i)),
    "pull in full": (
        lambda v, i: v.sources.pull(SB, i, since="2026-01-01T00:00:00Z", vault_only=True),
        lambda i: calls.pull_source(SB, i, since="2026-01-01T00:00:00Z", vault_only=True),
    ),
    "purge": (lambda v, i: v.sources.purge(SB, i), lambda i: calls.purge_source(SB, i)),
    "purge in full": (
        lambda v, i: v.sources.purge(SB, i, delete_source=False),
        lambda i: calls.purge_source(SB, i, delete_source=False),
    ),
    "disconnect": (lambda v, i: v.sources.disconnect(SB, i), lambda i: calls.disconnect_source(SB, i)),
    "ingest at its shortest": (
        lambda v, _: v.ingest.text_in_sandbox(SB, text="ü"),
        lambda _: calls.ingest_text(SB, text="ü"),
    ),
    "ingest in full": (
        lambda v, i: v.ingest.text_in_sandbox(SB, data_source_id=i, **TEXT),
        lambda i: calls.ingest_text(SB, data_source_id=i, **TEXT),
    ),
    # Told False, the vendor's client sends it; told nothing, it sends nothing, and so do we for False, our default.
    "ingest into the graph as well": (
        lambda v, _: v.ingest.text_in_sandbox(SB, text="ü"),
        lambda _: calls.ingest_text(SB, text="ü", storage_only=False),
    ),
    "delete": (lambda v, i: v.sources.delete(SB, i), lambda i: calls.delete_source(SB, i)),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_call_is_the_same_request(emulator: Emulator, name: str) -> None:
    """Method, path, query, body and content type are those that the vendor's client sends."""
    theirs, ours = SAME[name]
    ids = emulator.seed([{"sandbox_id": SB, "provider": "slack", "name": "a"} for _ in range(2)])
    assert_same_request(emulator, theirs, ours, ids)


def test_to_look_at_a_job_is_the_same_request(emulator: Emulator) -> None:
    """Of an ingested text, at its own path below the sandbox."""
    with CopassClient(ClientSettings(token=emulator.token, base_url=emulator.url)) as client:
        ids = [client.send(calls.ingest_text(SB, text="a")).job_id for _ in range(2)]
    assert_same_request(
        emulator, lambda v, i: v.ingest.get_sandbox_job(SB, i), lambda i: calls.get_job(SB, i), ids, after=2
    )


def assert_same_request(emulator: Emulator, theirs: Vendor, ours: Ours, ids: Sequence[str], *, after: int = 0) -> None:
    """Send theirs with the first id and ours with the second, and compare all that the server saw of them."""
    vendor = VendorClient(auth=BearerAuth(token=emulator.token), api_url=emulator.url)
    asyncio.run(theirs(vendor, ids[0]))
    with CopassClient(ClientSettings(token=emulator.token, base_url=emulator.url)) as client:
        client.send(ours(ids[1]))
    first, second = emulator.requests(after=after)
    for seen, sent_id in ((first, ids[0]), (second, ids[1])):
        seen["path"] = seen["path"].replace(sent_id, "{id}")
        if isinstance(seen["body"], dict) and seen["body"].get("data_source_id") == sent_id:
            seen["body"]["data_source_id"] = "{id}"
    for part in ("method", "path", "query", "body", "operation"):
        assert first[part] == second[part], part
    assert first["status"] == second["status"]
    assert 200 <= second["status"] < 300
