"""One way to wait for many sources: ``python -m tests.tools.bench.wait_once WAY PORT COUNT INTERVAL SECONDS``.

The last line is JSON: the CPU that the waits took, and the longest time for which they blocked the event loop.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress

import httpx

from airflow_provider_copass.triggers._watches import watch_on
from airflow_provider_copass.waiting import SourceId, SyncedSince
from tests.tools.bench.calls import TOKEN

CONDITION = SyncedSince("2026-01-01T00:00:00+00:00")
_TICK = 0.01


async def shared(source_id: str, interval: float, _port: int) -> None:
    """Wait as our triggers do."""
    watch, _ = await watch_on("copass_default", "sb_bench")
    await watch.wait_for(SourceId(source_id), CONDITION, interval)


async def alone(source_id: str, interval: float, port: int) -> None:
    """Wait as the triggers of peers do: each with a client of its own, which it opens for each look."""
    url = f"http://127.0.0.1:{port}/api/v1/storage/sandboxes/sb_bench/sources/{source_id}"
    while True:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
            if (await client.get(url, timeout=60)).json()["last_sync_at"] is not None:
                return
        await asyncio.sleep(interval)


WAYS = {"watch": shared, "alone": alone}


async def longest_block() -> float:
    """Return the longest time for which the loop did not come round, in seconds, once it is cancelled."""
    longest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_TICK)
            longest = max(longest, time.perf_counter() - begun - _TICK)
    return longest


async def main(way: str, port: int, count: int, interval: float, seconds: float) -> None:
    """Wait, and print what was seen."""
    begun = time.process_time()
    blocked = asyncio.ensure_future(longest_block())
    waits = [asyncio.ensure_future(WAYS[way](f"ds_{number}", interval, port)) for number in range(count)]
    await asyncio.sleep(seconds)
    ended = [wait for wait in waits if wait.done()]
    cpu = time.process_time() - begun
    for wait in (*waits, blocked):
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    if ended:
        raise SystemExit(f"{len(ended)} waits have ended: {ended[0]!r}")
    print(json.dumps({"cpu": cpu, "blocked": await blocked}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])))
