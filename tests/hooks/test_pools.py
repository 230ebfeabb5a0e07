"""Whose a pool of connections is: the client's that opened it, in the process and the event loop that opened it."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing

import pytest

from airflow_provider_copass.api import AsyncCopassClient, ClientSettings, CopassClient, calls
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.hooks import CopassHook
from tests.operators.in_memory import connect

ASKED = 30


@pytest.fixture(name="emulator")
def _emulator(copass_emulator: Emulator) -> Emulator:
    copass_emulator.seed([{"provider": "slack", "name": name} for name in ("a", "b")])
    return copass_emulator


def settings_for(emulator: Emulator) -> ClientSettings:
    """Return the settings of a client of the emulator."""
    return ClientSettings(token=emulator.token, base_url=emulator.url)


def answers_of(client: CopassClient, source_id: str) -> set[str]:
    """Ask for one source again and again, and return the ids of the answers."""
    return {client.send(calls.get_source("sb_demo", source_id)).data_source_id for _ in range(ASKED)}


def test_a_client_outlives_its_hook(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone who holds the client may use it, also if nobody holds the hook any more."""
    connect(emulator, monkeypatch)
    client = CopassHook().get_conn()
    gc.collect()
    assert len(client.send(calls.list_sources("sb_demo")).sources) == 2


def test_a_closed_client_says_so(emulator: Emulator) -> None:
    """It sends nothing, and the error is one of this package's."""
    client = CopassClient(settings_for(emulator))
    client.close()
    with pytest.raises(CopassInputError, match="The client is closed"):
        client.send(calls.list_sources("sb_demo"))


def test_a_process_that_is_forked_off_does_not_read_its_parent_s_answers(emulator: Emulator) -> None:
    """Both use a client that was used before the fork: each gets the answers to its own calls."""
    ids = [source["data_source_id"] for source in emulator.sources()]
    with CopassClient(settings_for(emulator)) as client:
        client.send(calls.list_sources("sb_demo"))
        forked = multiprocessing.get_context("fork")
        here, there = forked.Pipe()
        child = forked.Process(target=lambda: there.send(answers_of(client, ids[1])))
        child.start()
        assert answers_of(client, ids[0]) == {ids[0]}
        assert here.poll(30)
        assert here.recv() == {ids[1]}
        child.join(30)


# A loop that ends with open connections makes Python warn of them: the test is about who goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_async_client_may_be_used_in_one_event_loop_after_the_other(emulator: Emulator) -> None:
    """The connections of the first one are gone with it."""

    def counts() -> list[int]:
        client = AsyncCopassClient(settings_for(emulator))

        async def count() -> int:
            return len((await client.send(calls.list_sources("sb_demo"))).sources)

        return [asyncio.run(count()) for _ in range(3)]

    assert counts() == [2, 2, 2]
    gc.collect()
