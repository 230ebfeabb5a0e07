"""Our requests equal those of the vendor's own client, as an independent server saw them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
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
SB = "sb_demo"

Vendor = Callable[[Any, str], Coroutine[Any, Any, Any]]
Ours = Callable[[str], calls.Call[Any]]

SAME: dict[str, tuple[Vendor, Ours]] = {
    "register in full": (lambda v, _: v.register(SB, **FULL), lambda _: calls.register_source(SB, **FULL)),
    "register at its shortest": (
        lambda v, _: v.register(SB, provider="p", name="n"),
        lambda _: calls.register_source(SB, provider="p", name="n"),
    ),
    "list": (lambda v, _: v.list(SB), lambda _: calls.list_sources(SB)),
    "list filtered": (
        lambda v, _: v.list(SB, provider="a b&c", status="active"),
        lambda _: calls.list_sources(SB, provider="a b&c", status="active"),
    ),
    "retrieve": (lambda v, i: v.retrieve(SB, i), lambda i: calls.get_source(SB, i)),
    "update": (lambda v, i: v.update(SB, i, **CHANGES), lambda i: calls.update_source(SB, i, CHANGES)),
    "update with merge": (
        lambda v, i: v.update(SB, i, adapter_config={"a": 1}, merge_adapter_config=True),
        lambda i: calls.update_source(SB, i, {"adapter_config": {"a": 1}}, merge_adapter_config=True),
    ),
    "pause": (lambda v, i: v.pause(SB, i), lambda i: calls.pause_source(SB, i)),
    "resume": (lambda v, i: v.resume(SB, i), lambda i: calls.resume_source(SB, i)),
    "pull": (lambda v, i: v.pull(SB, i), lambda i: calls.pull_source(SB, i)),
    "pull in full": (
        lambda v, i: v.pull(SB, i, since="2026-01-01T00:00:00Z", vault_only=True),
        lambda i: calls.pull_source(SB, i, since="2026-01-01T00:00:00Z", vault_only=True),
    ),
    "purge": (lambda v, i: v.purge(SB, i), lambda i: calls.purge_source(SB, i)),
    "purge in full": (
        lambda v, i: v.purge(SB, i, delete_source=False),
        lambda i: calls.purge_source(SB, i, delete_source=False),
    ),
    "disconnect": (lambda v, i: v.disconnect(SB, i), lambda i: calls.disconnect_source(SB, i)),
    "delete": (lambda v, i: v.delete(SB, i), lambda i: calls.delete_source(SB, i)),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_call_is_the_same_request(emulator: Emulator, name: str) -> None:
    """Method, path, query, body and content type are those that the vendor's client sends."""
    theirs, ours = SAME[name]
    ids = emulator.seed([{"sandbox_id": SB, "provider": "slack", "name": "a"} for _ in range(2)])
    vendor = VendorClient(auth=BearerAuth(token=emulator.token), api_url=emulator.url)
    asyncio.run(theirs(vendor.sources, ids[0]))
    with CopassClient(ClientSettings(token=emulator.token, base_url=emulator.url)) as client:
        client.send(ours(ids[1]))
    first, second = emulator.requests()
    for seen, source_id in ((first, ids[0]), (second, ids[1])):
        seen["path"] = seen["path"].replace(source_id, "{id}")
    for part in ("method", "path", "query", "body", "operation"):
        assert first[part] == second[part], part
    assert first["status"] == second["status"]
    assert 200 <= second["status"] < 300
