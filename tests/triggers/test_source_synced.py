"""The trigger that watches an asset, run as a triggerer runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_copass.airflow_compat import watches_assets
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.triggers import SourceSyncedTrigger, source_synced
from tests.harness.short_waits import shorten
from tests.hooks.connections import ENVIRONMENT, of

pytestmark = pytest.mark.skipif(not watches_assets(), reason="no trigger watches an asset before Airflow 3")

FIRST, SECOND, THIRD = (f"2026-01-0{day}T00:00:00+00:00" for day in (1, 2, 3))


class Store:
    """Stands where Airflow 3.3 puts its asset state store; it is a real one in the tests with a triggerer."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept
        self.works = True

    async def aget(self, key: str) -> str | None:
        """Read."""
        if not self.works:
            raise ValueError("two assets: canary")
        return self.kept.get(key)

    async def aset(self, key: str, value: str) -> None:
        """Write."""
        self.kept[key] = value


@pytest.fixture(autouse=True)
def _connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1))
    shorten(monkeypatch)
    monkeypatch.setattr(source_synced, "_SHORTEST", 0.01)
    monkeypatch.setattr(source_synced, "_AFTER_FAILURE", 0.05)


def trigger(store: Store | None = None, **given: Any) -> SourceSyncedTrigger:
    """Return a trigger as it comes out of Airflow's database."""
    made = SourceSyncedTrigger(**{"provider": "slack", "name": "Support", "poll_interval": 0.05, **given})
    _, kwargs = made.serialize()
    again = SourceSyncedTrigger(**kwargs)
    again.asset_state_store = store
    return again


def during(watching: SourceSyncedTrigger, act: Callable[[list[Any]], Awaitable[None]]) -> list[Any]:
    """Run a trigger while something else is done, and return the payloads of its events.

    :param act: gets the payloads so far.
    """
    events: list[Any] = []

    async def listen() -> None:
        async for event in watching.run():
            events.append(event.payload)  # noqa: PERF401 - it never ends

    async def both() -> None:
        async with asyncio.timeout(30):
            listening = asyncio.ensure_future(listen())
            try:
                await act(events)
                assert not listening.done()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(both())
    return events


async def looks(emulator: Emulator, count: int = 3) -> None:
    """Wait until the trigger has looked so many times more."""
    before = len(emulator.requests())
    while len(emulator.requests()) < before + count:  # noqa: ASYNC110 - what the emulator has seen sets no event here
        await asyncio.sleep(0.01)


def seeded(emulator: Emulator, **fields: Any) -> str:
    """Let the source exist."""
    [source_id] = emulator.seed([{"provider": "slack", "name": "Support", **fields}])
    return source_id


def test_each_sync_is_an_event_and_what_was_there_before_is_none(emulator: Emulator) -> None:
    """The payload says of which source, and when."""
    source_id = seeded(emulator, last_sync_at=FIRST)

    async def act(events: list[Any]) -> None:
        await looks(emulator)
        assert events == []
        for count, moment in enumerate((SECOND, THIRD), start=1):
            emulator.set_source(source_id, last_sync_at=moment)
            await looks(emulator)
            assert len(events) == count
        await looks(emulator)

    assert during(trigger(sandbox_id="sb_demo"), act) == [
        {"data_source_id": source_id, "sandbox_id": "sb_demo", "last_sync_at": moment} for moment in (SECOND, THIRD)
    ]


def test_the_first_sync_of_a_source_that_has_never_synced_is_an_event(emulator: Emulator) -> None:
    """Also of one that did not exist when the watch began."""

    async def act(events: list[Any]) -> None:
        await looks(emulator)
        source_id = seeded(emulator)
        await looks(emulator)
        emulator.set_source(source_id, last_sync_at=FIRST)
        await looks(emulator)
        assert len(events) == 1

    assert during(trigger(), act)[0]["last_sync_at"] == FIRST


def test_the_first_sync_of_a_source_that_came_between_two_looks_is_an_event(emulator: Emulator) -> None:
    """It is registered and fed before the trigger sees it: nothing of it was there when the watch began."""

    async def act(events: list[Any]) -> None:
        await looks(emulator)
        source_id = seeded(emulator, last_sync_at=FIRST)
        await looks(emulator)
        assert len(events) == 1
        emulator.set_source(source_id, last_sync_at=SECOND)
        await looks(emulator)

    assert [event["last_sync_at"] for event in during(trigger(Store()), act)] == [FIRST, SECOND]


def test_a_sync_while_the_triggerer_was_down_is_an_event(emulator: Emulator) -> None:
    """The cursor is in the asset state store."""
    source_id = seeded(emulator, last_sync_at=FIRST)
    store = Store()

    async def wait(_: list[Any]) -> None:
        await looks(emulator)

    assert during(trigger(store), wait) == []
    assert list(store.kept.values()) == [FIRST]
    emulator.set_source(source_id, last_sync_at=SECOND)
    assert [event["last_sync_at"] for event in during(trigger(store), wait)] == [SECOND]
    assert list(store.kept.values()) == [SECOND]
    assert during(trigger(store), wait) == []


def test_the_cursor_is_stored_at_a_later_look_than_the_event(emulator: Emulator) -> None:
    """A triggerer that is killed in between sends the event again, and does not lose it."""
    source_id = seeded(emulator, last_sync_at=FIRST)
    store = Store()

    async def one_event() -> None:
        events = trigger(store).run()
        first = asyncio.ensure_future(anext(events))
        await looks(emulator)
        emulator.set_source(source_id, last_sync_at=SECOND)
        await first
        await events.aclose()

    asyncio.run(asyncio.wait_for(one_event(), 30))
    assert list(store.kept.values()) == [FIRST]


def test_a_trigger_that_watches_alone_looks_no_sooner_than_its_interval_says(emulator: Emulator) -> None:
    """Its poll runs on from look to look, with one client, and does not begin anew each time."""
    seeded(emulator, last_sync_at=FIRST)

    async def act(_: list[Any]) -> None:
        await looks(emulator, 2)
        before = len(emulator.requests())
        await asyncio.sleep(1.3)
        assert len(emulator.requests()) - before <= 3

    assert during(trigger(poll_interval=0.5), act) == []


@pytest.mark.parametrize("cut", [{"has_more": True}, {"count": 2}], ids=str)
@pytest.mark.parametrize("shows_it", [False, True])
def test_a_list_that_is_cut_short_tells_nothing_of_a_name(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    cut: dict[str, Any],
    *,
    shows_it: bool,
) -> None:
    """The source may be in the rest, and so may another one of its name: the log says so, and no event is sent."""
    seeded(emulator, last_sync_at=SECOND)
    row = {"data_source_id": "ds-1", "provider": "slack", "name": "Support", "last_sync_at": FIRST, "status": "active"}
    body = {"sources": [row] if shows_it else [], **cut}
    emulator.add_fault(operation="list", action={"status": 200, "body": body}, times=2)

    async def act(_: list[Any]) -> None:
        await looks(emulator, 5)

    with caplog.at_level("WARNING"):
        assert during(trigger(), act) == []
    assert "the list is cut short" in f"{caplog.text}{capsys.readouterr()}"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_no_failure_ends_the_watch(emulator: Emulator, status: int) -> None:
    """Nobody could start it again."""
    source_id = seeded(emulator, last_sync_at=FIRST)

    async def act(events: list[Any]) -> None:
        await looks(emulator)
        emulator.add_fault(operation="list", action={"status": status, "body": {}}, times=2)
        await looks(emulator)
        emulator.set_source(source_id, last_sync_at=SECOND)
        while not events:  # noqa: ASYNC110 - the event is what is waited for
            await asyncio.sleep(0.01)

    assert len(during(trigger(), act)) == 1


def test_a_store_that_fails_is_told_and_done_without(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where two assets share one trigger: Airflow's store then raises at each call."""
    source_id = seeded(emulator, last_sync_at=FIRST)
    store = Store()
    store.works = False

    async def act(events: list[Any]) -> None:
        await looks(emulator)
        emulator.set_source(source_id, last_sync_at=SECOND)
        await looks(emulator)

    assert len(during(trigger(store), act)) == 1
    # Airflow's loggers write to one or the other.
    told = caplog.text + capsys.readouterr().out
    assert "give each a key of its own" in told
    assert "canary" not in told


def test_two_keys_are_two_triggers() -> None:
    """Airflow has one row for equal ones; texts and numbers have the same hash at each parse."""
    from airflow.triggers.base import BaseEventTrigger

    hashes = {BaseEventTrigger.hash(*trigger(key=key).serialize()) for key in ("first", "second", "first")}
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"data_source_id": "ds-1"}, "data_source_id"),
        ({"name": None}, "name"),
        ({"provider": None, "name": None}, "data_source_id"),
        ({"provider": None, "name": None, "data_source_id": "None"}, "data_source_id rendered to None"),
        ({"name": "None"}, "name rendered to None"),
        ({"name": ""}, "name rendered to an empty text"),
        ({"name": "\u200b"}, "name rendered to a blank text"),
        ({"name": 2026.1}, "name must be a string of 1 to 255 characters"),
        ({"name": float("nan")}, "name must be a string"),
        ({"name": ["a"]}, "name must be a string"),
        ({"name": "x" * 256}, "name must be a string"),
        ({"name": "{{ var.value.name }}"}, "name: Airflow renders no template"),
        ({"provider": "nan"}, "provider rendered to NaN"),
        ({"provider": b"slack"}, "provider must be a"),
        ({"sandbox_id": "../x"}, "sandbox_id"),
        ({"sandbox_id": "None"}, "sandbox_id rendered to None"),
        ({"copass_conn_id": None}, "copass_conn_id rendered to None"),
        ({"copass_conn_id": " "}, "copass_conn_id rendered to a blank text"),
        ({"copass_conn_id": 5}, "copass_conn_id must be a string"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"poll_interval": None}, "poll_interval"),
        ({"poll_interval": "soon"}, "poll_interval"),
        ({"poll_interval": float("nan")}, "poll_interval"),
        ({"poll_interval": 10**400}, "poll_interval"),
        ({"key": None}, "key must be a string"),
        ({"key": ["a"]}, "key must be a string"),
    ],
)
def test_what_cannot_be_used_is_refused_when_the_dag_is_parsed(given: dict[str, Any], field: str) -> None:
    """There is no task that could say so later."""
    with pytest.raises(CopassInputError, match=field):
        SourceSyncedTrigger(**{"provider": "slack", "name": "Support", **given})


@pytest.mark.parametrize("poll_interval", [60, 60.0, "60", timedelta(minutes=1)])
def test_every_form_of_a_trigger_is_the_same_row(poll_interval: Any) -> None:
    """Airflow hashes the arguments as they are: a number of digits alone is a name, and a length of time seconds."""
    _, kwargs = SourceSyncedTrigger(provider="jira", name=5, poll_interval=poll_interval).serialize()  # type: ignore[arg-type]
    assert (kwargs["name"], kwargs["poll_interval"]) == ("5", 60.0)
    assert {type(value) for value in kwargs.values()} <= {str, float, type(None)}


@pytest.mark.parametrize("told", ["a text of the server's", None])
def test_the_payload_names_the_sandbox_that_was_asked_for(emulator: Emulator, told: str | None) -> None:
    """The event is in Airflow's database: what a server says in place of the id, or leaves out, is not in it."""
    source = {"data_source_id": "ds-1", "provider": "slack", "name": "Support", "sandbox_id": told}
    first, second = ({"status": 200, "body": {**source, "last_sync_at": moment}} for moment in (FIRST, SECOND))
    emulator.add_fault(operation="get", action=first, times=1)
    emulator.add_fault(operation="get", action=second, times=None)

    async def act(events: list[Any]) -> None:
        while not events:  # noqa: ASYNC110 - the event is what is waited for
            await asyncio.sleep(0.01)

    watching = trigger(provider=None, name=None, data_source_id="ds-1")
    assert [event["sandbox_id"] for event in during(watching, act)] == ["sb_demo"]
