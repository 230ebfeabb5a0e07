"""The measured calls, in an interpreter of their own: ``python -m tests.tools.bench.call_each ROUNDS``.

Three clients make the same two calls on the server of :mod:`.server`, in small batches by turns: the hook, a bare
pooled ``httpx.Client`` and the vendor's ``copass-core``. The last line is JSON: by call and client, seconds of each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from airflow_provider_copass.hooks import CopassHook
from tests.tools.bench.server import SECRET, SOURCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONNECTION = json.loads(os.environ["AIRFLOW_CONN_COPASS_DEFAULT"])
TOKEN, URL = CONNECTION["password"], CONNECTION["host"]
SANDBOX = SOURCE["sandbox_id"]
SOURCE_ID = SOURCE["data_source_id"]
BODY: dict[str, Any] = {
    name: SOURCE[name] for name in ("provider", "name", "ingestion_mode", "external_account_id", "adapter_config")
}
BATCH = 20
# One call of copass-core takes as long as dozens of the others.
SLOW_BATCH = 2


class Client(Protocol):
    """Makes a batch of calls and returns the seconds of each."""

    def __call__(self, operation: str, count: int) -> list[float]:
        """Make that many calls of that operation."""


def the_hook() -> Client:
    """Return our hook; its connection, from the environment, is read and its client made here, untimed."""
    hook = CopassHook()
    hook.get_conn()
    calls: dict[str, Callable[[], Any]] = {
        "get_source": lambda: hook.get_source(SOURCE_ID),
        "register_source": lambda: hook.register_source(**BODY),
    }
    assert calls["get_source"]().data_source_id == SOURCE_ID
    assert calls["register_source"]().webhook_signing_secret.get_secret_value() == SECRET
    return lambda operation, count: _timed(calls[operation], count)


def bare_httpx() -> Client:
    """Return one pooled httpx client that does what anyone would write: the request, then ``.json()``."""
    client = httpx.Client(base_url=URL, headers={"Authorization": f"Bearer {TOKEN}"})
    sources = f"/api/v1/storage/sandboxes/{SANDBOX}/sources"
    calls: dict[str, Callable[[], Any]] = {
        "get_source": lambda: client.get(f"{sources}/{SOURCE_ID}").json(),
        "register_source": lambda: client.post(sources, json=BODY).json(),
    }
    assert calls["get_source"]() == SOURCE
    assert calls["register_source"]() == {**SOURCE, "webhook_signing_secret": SECRET}
    return lambda operation, count: _timed(calls[operation], count)


def copass_core() -> Client:
    """Return the vendor's client under one event loop, as its users run it.

    :raises ImportError: where it is not installed.
    """
    from copass_core import ApiKeyAuth, CopassClient

    sources = CopassClient(auth=ApiKeyAuth(key=TOKEN), api_url=URL).sources
    loop = asyncio.new_event_loop()
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "get_source": lambda: sources.retrieve(SANDBOX, SOURCE_ID),
        "register_source": lambda: sources.register(SANDBOX, **BODY),
    }
    assert loop.run_until_complete(calls["get_source"]()) == SOURCE
    assert loop.run_until_complete(calls["register_source"]()) == {**SOURCE, "webhook_signing_secret": SECRET}
    return lambda operation, count: loop.run_until_complete(_timed_async(calls[operation], count))


def _timed(call: Callable[[], object], count: int) -> list[float]:
    """Time each call but the first, which finds the processor's caches full of another client's code."""
    call()
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


async def _timed_async(call: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """Do the same with an asynchronous call."""
    await call()
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    """Measure, round by round, each round in another order."""
    rounds = int(sys.argv[1])
    clients = [("hook", the_hook(), BATCH), ("httpx", bare_httpx(), BATCH)]
    try:
        clients.append(("copass-core", copass_core(), SLOW_BATCH))
    except ImportError:
        print("copass-core is not installed", file=sys.stderr)
    operations = ("get_source", "register_source")
    seen: dict[str, dict[str, list[float]]] = {name: {client: [] for client, *_ in clients} for name in operations}
    for number in range(rounds + 1):
        for operation in operations:
            for name, client, batch in clients:
                seconds = client(operation, batch)
                # The first round warms every path up.
                if number:
                    seen[operation][name] += seconds
        clients.append(clients.pop(0))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
