"""Clients over a scripted transport: one flavour synchronous, one asynchronous, used by the tests in the same words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from airflow_provider_copass.api import AsyncCopassClient, ClientSettings, CopassClient, RetryPolicy
from airflow_provider_copass.api.calls import Call

T = TypeVar("T")

TOKEN = "olk_3f9c-test/+=token"
FLAVOURS = ("sync", "async")
Step = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

SOURCE: dict[str, Any] = {
    "data_source_id": "ds_1",
    "user_id": "user_1",
    "sandbox_id": "sb_1",
    "provider": "slack",
    "name": "team chat",
    "ingestion_mode": "manual",
    "status": "active",
}


def send_once(flavour: str, settings: ClientSettings, call: Call[Any]) -> None:
    """Make one call by a client of its own, whichever the flavour."""

    async def awaited() -> None:
        async with AsyncCopassClient(settings) as client:
            await client.send(call)

    if flavour == "async":
        asyncio.run(awaited())
        return
    with CopassClient(settings) as client:
        client.send(call)


class Script:
    """A server that plays the given steps in turn, the last one for ever, and remembers what was asked."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Play the next step."""
        self.requests.append(request)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else step(request)


class ScriptedClient:
    """A client of one flavour whose pauses are recorded instead of waited for."""

    def __init__(self, flavour: str, script: Script, *, draw: float = 0.5, **settings: Any) -> None:
        self.pauses: list[float] = []
        self.settings = ClientSettings(**{"token": TOKEN, "max_attempts": 3, **settings})
        policy = RetryPolicy(max_attempts=self.settings.max_attempts, draw=lambda: draw)
        transport = httpx.MockTransport(script)
        self._runner: asyncio.Runner | None = None
        if flavour == "sync":
            self._sync = CopassClient(self.settings, policy=policy, transport=transport, sleep=self.pauses.append)
        else:
            self._runner = asyncio.Runner()
            self._async = AsyncCopassClient(self.settings, policy=policy, transport=transport, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def send(self, call: Call[T], **options: Any) -> T:
        """Send a call, whichever the flavour."""
        if self._runner is None:
            return self._sync.send(call, **options)
        return self._runner.run(self._async.send(call, **options))

    def close(self) -> None:
        """Close the client."""
        if self._runner is None:
            self._sync.close()
        else:
            self._runner.run(self._async.aclose())
            self._runner.close()
