"""A large answer is read in a thread by the asynchronous client, so that the event loop goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest

from airflow_provider_copass.api import AsyncCopassClient, ClientSettings, calls
from airflow_provider_copass.api import client as client_module
from airflow_provider_copass.errors import CopassAnswerError


def answer(count: int, **fields: Any) -> bytes:
    """Return a list of so many sources."""
    row = {"user_id": "u", "sandbox_id": "sb", "provider": "p", "ingestion_mode": "manual", "status": "active"}
    rows = [{**row, "data_source_id": f"ds-{n}", "name": f"{n}", "webhook_url": "x" * 100} for n in range(count)]
    return json.dumps({"sources": rows, "count": count, **fields}).encode()


def client(body: bytes) -> AsyncCopassClient:
    """Return a client that gets this answer."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    return AsyncCopassClient(ClientSettings(token="olk_made_up"), transport=transport)


@pytest.mark.parametrize(("count", "elsewhere"), [(10, False), (2000, True)])
def test_a_large_answer_is_read_in_another_thread(count: int, *, elsewhere: bool) -> None:
    """A small one where it is: a thread costs more than that."""
    call = calls.list_sources("sb")
    threads: list[int] = []

    def read(*given: Any) -> Any:
        threads.append(threading.get_ident())
        return call.read(*given)

    async def send() -> int:
        async with client(answer(count)) as open_client:
            return len((await open_client.send(replace(call, read=read))).sources)

    assert asyncio.run(send()) == count
    assert [each != threading.get_ident() for each in threads] == [elsewhere]


def test_what_a_thread_cannot_read_is_an_error_as_any() -> None:
    """With a fresh traceback: no frame of the thread is in it."""

    async def send() -> None:
        async with client(answer(2000)[:-2]) as open_client:
            await open_client.send(calls.list_sources("sb"))

    with pytest.raises(CopassAnswerError, match="it is not JSON") as error:
        asyncio.run(send())
    assert not [each for each in error.traceback if each.name in {"_advance", "_finished", "exchange"}]


def test_a_call_that_is_cancelled_while_its_answer_is_read_ends_when_it_is_read() -> None:
    """Cancelled twice, too."""
    call = calls.list_sources("sb")
    reading, go_on = threading.Event(), threading.Event()
    done: list[bool] = []

    def read(*given: Any) -> Any:
        reading.set()
        go_on.wait(30)
        done.append(True)
        return call.read(*given)

    async def cancel() -> None:
        async with client(answer(2000)) as open_client:
            sending = asyncio.ensure_future(open_client.send(replace(call, read=read)))
            await asyncio.to_thread(reading.wait, 30)
            for _ in range(2):
                sending.cancel()
                await asyncio.sleep(0.01)
                assert not sending.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await sending

    asyncio.run(cancel())
    assert done == [True]


def test_the_length_is_that_of_a_list_of_some_hundred_sources() -> None:
    """A page of a usual sandbox is read in the event loop, which takes some milliseconds."""
    assert len(answer(500)) < client_module._LARGE < len(answer(1500))
