"""One poll for all that wait, against an emulated account."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_copass.api import AsyncCopassClient, ClientSettings, RetryPolicy, calls
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import (
    ConnectionReadError,
    CopassAuthenticationError,
    CopassInputError,
    CopassPermissionError,
    CopassServerError,
    WaitFailedError,
)
from airflow_provider_copass.waiting import Completed, HasStatus, JobId, SourceId, SourceName, SyncedSince, Watch
from airflow_provider_copass.waiting import watch as watch_module

SINCE = SyncedSince("2026-01-01T00:00:00+00:00")
SYNCED = "2026-02-01T00:00:00+00:00"
FAST = 0.05


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first round comes soon."""
    monkeypatch.setattr(watch_module, "_GATHERING", FAST)
    monkeypatch.setattr(watch_module, "_SHORTEST", 0.01)


class Client(AsyncCopassClient):
    """A client that tells whether it is closed."""

    is_closed = False

    async def aclose(self) -> None:
        """Close it."""
        await super().aclose()
        self.is_closed = True


class Leaps(selectors.DefaultSelector):
    """Waits for nothing: time leaps by as much as it was to wait."""

    leapt = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready."""
        ready = super().select(0)
        self.leapt += 0 if ready else timeout or 0
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop in which minutes are over at once."""

    def __init__(self) -> None:
        self._leaps = Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        """Return the time."""
        return self._leaps.leapt


class Opener:
    """Opens clients, and remembers how often."""

    def __init__(self, emulator: Emulator, token: str | None = None) -> None:
        self.emulator = emulator
        self.token = token or emulator.token
        self.opened: list[Client] = []
        self.failures: list[Exception] = []

    async def __call__(self) -> tuple[AsyncCopassClient, str]:
        """Open one."""
        if self.failures:
            raise self.failures.pop(0)
        settings = ClientSettings(token=self.token, base_url=self.emulator.url)
        self.opened.append(Client(settings, policy=RetryPolicy(max_attempts=1)))
        return self.opened[-1], "sb_demo"

    @property
    def are_closed(self) -> bool:
        """Whether every client that was opened is closed."""
        return all(client.is_closed for client in self.opened)


@pytest.fixture
def opener(emulator: Emulator) -> Iterator[Opener]:
    """What opens clients; at the end all of them are closed."""
    opener = Opener(emulator)
    yield opener
    assert opener.are_closed


def run(waiting: Callable[[], Awaitable[Any]]) -> Any:
    """Run in an event loop of its own, which afterwards has no task left."""

    async def alone() -> Any:
        async with asyncio.timeout(30):
            result = await waiting()
            await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        return result

    result = asyncio.run(alone())
    gc.collect()
    return result


def operations(emulator: Emulator) -> Counter[str]:
    """Count the requests by their operation."""
    return Counter(request["operation"] for request in emulator.requests())


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    while not condition():  # noqa: ASYNC110 - what the emulator has seen sets no event here
        await asyncio.sleep(0.01)


def sources(emulator: Emulator, count: int) -> list[str]:
    """Let some sources exist that have never synced."""
    return emulator.seed([{"provider": "slack", "name": f"source {index}"} for index in range(count)])


def test_many_waits_share_one_list_a_round(emulator: Emulator, opener: Opener) -> None:
    """A hundred sources cost one list a round, and no other call."""
    ids = sources(emulator, 100)

    async def waiting() -> None:
        watch = Watch(opener)
        waits = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, 0.2)) for each in ids]
        await until(lambda: operations(emulator)["list"] >= 2)
        for each in ids:
            emulator.set_source(each, last_sync_at=SYNCED)
        assert await asyncio.gather(*waits) == [SYNCED] * 100

    run(waiting)
    assert set(operations(emulator)) == {"list"}
    assert operations(emulator)["list"] <= 5
    assert len(opener.opened) == 1


def test_up_to_three_sources_are_asked_for_by_their_ids(emulator: Emulator, opener: Opener) -> None:
    """A sandbox of any size costs no more."""
    ids = sources(emulator, 3)

    async def waiting() -> None:
        watch = Watch(opener)
        # Two waits on one source are one call.
        waits = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, FAST)) for each in [*ids, ids[0]]]
        await until(lambda: operations(emulator)["get"] >= 3)
        for each in ids:
            emulator.set_source(each, last_sync_at=SYNCED)
        await asyncio.gather(*waits)

    run(waiting)
    assert set(operations(emulator)) == {"get"}


def test_a_source_that_is_deleted_fails_its_own_wait_alone(emulator: Emulator, opener: Opener) -> None:
    """The others wait on."""
    gone, *others = sources(emulator, 6)

    async def waiting() -> None:
        watch = Watch(opener)
        doomed = asyncio.ensure_future(watch.wait_for(SourceId(gone), SINCE, FAST))
        waits = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, FAST)) for each in others]
        await until(lambda: operations(emulator)["list"])
        emulator.set_source(gone, deleted=True)
        with pytest.raises(WaitFailedError, match="does not exist"):
            await doomed
        assert not any(wait.done() for wait in waits)
        for each in others:
            emulator.set_source(each, last_sync_at=SYNCED)
        await asyncio.gather(*waits)

    run(waiting)


def test_what_a_list_does_not_show_is_asked_for_by_its_id(emulator: Emulator, opener: Opener) -> None:
    """A list that lags, or is cut short, proves nothing gone."""
    ids = sources(emulator, 5)
    emulator.add_fault(operation="list", action={"status": 200, "body": {"sources": [], "count": 5}}, times=None)

    async def waiting() -> None:
        watch = Watch(opener)
        waits = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, FAST)) for each in ids]
        await until(lambda: operations(emulator)["get"] >= 10)
        assert not any(wait.done() for wait in waits)
        for each in ids:
            emulator.set_source(each, last_sync_at=SYNCED)
        await asyncio.gather(*waits)

    run(waiting)


@pytest.mark.parametrize(("status", "error"), [(401, CopassAuthenticationError), (403, CopassPermissionError)])
def test_a_refused_token_fails_all_after_the_connection_was_read_once_more(
    emulator: Emulator, opener: Opener, status: int, error: type[Exception]
) -> None:
    """Each wait gets an error of its own, without the frames of the others."""
    ids = sources(emulator, 5)
    emulator.add_fault(operation="list", action={"status": status, "body": {}}, times=None)

    async def waiting() -> list[Any]:
        watch = Watch(opener)
        waits = [watch.wait_for(SourceId(each), SINCE, FAST) for each in ids]
        jobs = [watch.wait_for(JobId("job-1"), Completed(), FAST)]
        return await asyncio.gather(*waits, *jobs, return_exceptions=True)

    failures = run(waiting)
    assert [type(each) for each in failures] == [error] * 6
    assert len({id(each) for each in failures}) == 6
    assert len(opener.opened) == 2


def test_a_token_that_was_renewed_is_read(emulator: Emulator, opener: Opener) -> None:
    """A token lives an hour, and a wait may last days."""
    [source_id] = sources(emulator, 1)
    emulator.add_fault(operation="get", action={"status": 401, "body": {}}, times=1)

    async def waiting() -> str:
        watch = Watch(opener)
        wait = asyncio.ensure_future(watch.wait_for(SourceId(source_id), SINCE, FAST))
        await until(lambda: len(opener.opened) == 2)
        emulator.set_source(source_id, last_sync_at=SYNCED)
        return await wait

    assert run(waiting) == SYNCED


@pytest.mark.parametrize(
    ("drawn", "pauses"), [(0.0, [10, 20, 40, 80, 150, 150]), (1.0, [20, 40, 80, 160, 300, 300])], ids=["least", "most"]
)
def test_failed_rounds_come_more_slowly_up_to_five_minutes(drawn: float, pauses: list[float]) -> None:
    """The pause doubles; what is drawn is its upper half."""
    rounds: list[float] = []

    async def fail() -> Any:
        rounds.append(asyncio.get_running_loop().time())
        raise CopassServerError("503", status=503) if len(rounds) <= len(pauses) else CopassInputError("enough")

    async def waiting() -> None:
        await Watch(fail, draw=lambda: drawn).wait_for(SourceId("ds_1"), SINCE, 10)

    with asyncio.Runner(loop_factory=LeapingLoop) as runner, pytest.raises(CopassInputError, match="enough"):
        runner.run(waiting())
    assert [after - before for before, after in pairwise(rounds)] == pytest.approx(pauses)


def test_the_poll_ends_when_the_last_wait_is_cancelled(emulator: Emulator, opener: Opener) -> None:
    """A task that is cleared or marked failed leaves no poll behind."""
    ids = sources(emulator, 2)

    async def waiting() -> None:
        watch = Watch(opener)
        waits = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, FAST)) for each in ids]
        await until(lambda: operations(emulator)["get"])
        for wait in waits:
            wait.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*waits, return_exceptions=True)
        )
        await until(lambda: opener.are_closed)

    run(waiting)


def test_the_client_is_closed_when_the_last_wait_returns(emulator: Emulator, opener: Opener) -> None:
    """The event loop may end with it, and would leave open sockets behind."""
    ids = emulator.seed([{"provider": "p", "name": str(index), "last_sync_at": SYNCED} for index in range(3)])

    async def play(watch: Watch) -> None:
        await asyncio.gather(*(watch.wait_for(SourceId(each), SINCE, FAST) for each in ids))
        assert opener.are_closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play(Watch(opener)))
    assert operations(emulator) == {"get": 3}


def test_who_joins_while_the_last_poll_closes_is_served_by_another(emulator: Emulator, opener: Opener) -> None:
    """The end of a poll forgets nobody."""
    first, second = sources(emulator, 2)

    async def waiting() -> str:
        watch = Watch(opener)
        wait = asyncio.ensure_future(watch.wait_for(SourceId(first), SINCE, FAST))
        await until(lambda: operations(emulator)["get"])
        emulator.set_source(second, last_sync_at=SYNCED)
        wait.cancel()
        await asyncio.sleep(0)
        # At once, while the first poll still closes its client.
        assert not wait.done()
        synced = await watch.wait_for(SourceId(second), SINCE, FAST)
        await asyncio.gather(wait, return_exceptions=True)
        return synced

    assert run(waiting) == SYNCED
    assert len(opener.opened) == 2


@pytest.mark.parametrize("failure", [CopassInputError("conn_type must be copass"), KeyError("a bug")])
def test_whatever_ends_the_poll_is_told_to_everyone(emulator: Emulator, opener: Opener, failure: Exception) -> None:
    """A poll that ended silently would leave them waiting for ever."""
    ids = sources(emulator, 2)
    opener.failures = [failure]

    async def waiting() -> list[Any]:
        watch = Watch(opener)
        return await asyncio.gather(
            *(watch.wait_for(SourceId(each), SINCE, FAST) for each in ids), return_exceptions=True
        )

    assert [repr(each) for each in run(waiting)] == [repr(failure)] * 2


def test_a_condition_that_breaks_is_told_to_its_own_wait(emulator: Emulator, opener: Opener) -> None:
    """Nobody else hears of it."""
    first, second = sources(emulator, 2)
    emulator.set_source(second, last_sync_at=SYNCED)

    class Broken:
        def judge(self, seen: object, answered_at: object) -> str:
            raise KeyError("broken")

    async def waiting() -> list[Any]:
        watch = Watch(opener)
        return await asyncio.gather(
            watch.wait_for(SourceId(first), Broken(), FAST),
            watch.wait_for(SourceId(second), SINCE, FAST),
            return_exceptions=True,
        )

    broken, synced = run(waiting)
    assert (type(broken), synced) == (KeyError, SYNCED)


def test_a_connection_that_cannot_be_read_is_read_again(
    emulator: Emulator, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's database, or a vault, may be away for a moment; after some rounds the waits fail."""
    [source_id] = sources(emulator, 1)
    emulator.set_source(source_id, last_sync_at=SYNCED)
    opener.failures = [ConnectionReadError("cannot be read")] * 2

    async def waiting() -> str:
        return await Watch(opener, draw=lambda: 0.0).wait_for(SourceId(source_id), SINCE, FAST)

    assert run(waiting) == SYNCED
    monkeypatch.setattr(watch_module, "_MOST_UNREAD", 3)
    opener.failures = [ConnectionReadError("cannot be read")] * 3
    with pytest.raises(ConnectionReadError, match="cannot be read"):
        run(waiting)


def test_a_wait_with_a_shorter_interval_makes_rounds_come_sooner(emulator: Emulator, opener: Opener) -> None:
    """Who joins later does not wait for the long interval of the first."""
    slow, quick = sources(emulator, 2)

    async def waiting() -> str:
        watch = Watch(opener)
        patient = asyncio.ensure_future(watch.wait_for(SourceId(slow), SINCE, 3600))
        await until(lambda: operations(emulator)["get"])
        emulator.set_source(quick, last_sync_at=SYNCED)
        found = await watch.wait_for(SourceId(quick), SINCE, FAST)
        patient.cancel()
        await asyncio.gather(patient, return_exceptions=True)
        return found

    assert run(waiting) == SYNCED


def test_an_interval_of_nothing_does_not_flood_the_server(
    emulator: Emulator, opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow lets a sensor have one. Rounds come once a second at most, also after failures."""
    monkeypatch.setattr(watch_module, "_SHORTEST", 0.2)
    [source_id] = sources(emulator, 1)
    emulator.add_fault(operation="get", action={"status": 503, "body": {}}, times=1)

    async def waiting() -> None:
        watch = Watch(opener)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await watch.wait_for(SourceId(source_id), SINCE, 0)

    run(waiting)
    assert 2 <= len(emulator.requests()) <= 6


def test_an_answer_about_another_job_is_not_used(emulator: Emulator, opener: Opener) -> None:
    """As a cache gives it that is set up wrongly: the look is made again."""
    other = {"job_id": "job-other", "status": "failed"}
    emulator.add_fault(operation="get_job", action={"status": 200, "body": other}, times=2)

    async def waiting() -> bool:
        client, sandbox_id = await opener()
        async with client:
            job = await client.send(calls.ingest_text(sandbox_id, text="a text"))
        return await Watch(opener, draw=lambda: 0.0).wait_for(JobId(job.job_id), Completed(), FAST) == job.job_id

    assert run(waiting)
    assert operations(emulator)["get_job"] >= 3


def test_jobs_are_asked_for_one_by_one(emulator: Emulator, opener: Opener) -> None:
    """There is no list of jobs; one that failed, and one that is unknown, fail their own waits."""
    emulator.settings(job_states=["queued", "processing", "completed"])

    async def waiting() -> list[Any]:
        _, sandbox_id = await opener()
        job = await opener.opened[-1].send(calls.ingest_text(sandbox_id, text="a text"))
        await opener.opened[-1].aclose()
        watch = Watch(opener)
        return [
            job.job_id,
            *await asyncio.gather(
                watch.wait_for(JobId(job.job_id), Completed(), FAST),
                watch.wait_for(JobId("unknown"), Completed(), FAST),
                return_exceptions=True,
            ),
        ]

    job_id, done, unknown = run(waiting)
    assert done == job_id
    assert isinstance(unknown, WaitFailedError)
    assert "No page of Copass says that the job of a pull can be looked at" in str(unknown)


def test_a_list_that_always_fails_keeps_no_job_waiting(emulator: Emulator, opener: Opener) -> None:
    """A sandbox may be too large to be listed, or its list unusable, while its jobs get on."""
    ids = sources(emulator, 4)
    emulator.add_fault(operation="list", action={"html": 502}, times=None)

    async def waiting() -> str:
        watch = Watch(opener, draw=lambda: 0.0)
        others = [asyncio.ensure_future(watch.wait_for(SourceId(each), SINCE, FAST)) for each in ids]
        await until(lambda: operations(emulator)["list"])
        client, sandbox_id = await opener()
        async with client:
            job = await client.send(calls.ingest_text(sandbox_id, text="a text"))
        done = await watch.wait_for(JobId(job.job_id), Completed(), FAST)
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        assert done == job.job_id
        return done

    assert run(waiting)


def test_a_source_is_found_by_its_provider_and_name(emulator: Emulator, opener: Opener) -> None:
    """One that does not exist yet is waited for; of two that are live none is taken."""

    async def waiting() -> str:
        watch = Watch(opener)
        wait = asyncio.ensure_future(watch.wait_for(SourceName("slack", "later"), HasStatus("active", ()), FAST))
        await until(lambda: operations(emulator)["list"] >= 2)
        first, second = emulator.seed([{"provider": "slack", "name": "later"}] * 2)
        seen = operations(emulator)["list"]
        await until(lambda: operations(emulator)["list"] >= seen + 2)
        assert not wait.done()
        emulator.set_source(second, status="archived")
        assert (await wait) == first
        return first

    assert run(waiting)


def test_the_poll_runs_outside_the_context_of_who_began_it(emulator: Emulator, opener: Opener) -> None:
    """Its lines would end in the log of the first task that waits."""
    [source_id] = sources(emulator, 1)
    emulator.set_source(source_id, last_sync_at=SYNCED)
    task: contextvars.ContextVar[str] = contextvars.ContextVar("task", default="none")
    seen: list[str] = []

    async def open_client() -> tuple[AsyncCopassClient, str]:
        seen.append(task.get())
        return await opener()

    async def waiting() -> None:
        task.set("the first task")
        await Watch(open_client).wait_for(SourceId(source_id), SINCE, FAST)

    run(waiting)
    assert seen == ["none"]


def test_a_status_is_waited_for_as_well(emulator: Emulator, opener: Opener, caplog: pytest.LogCaptureFixture) -> None:
    """The watch knows nothing of conditions; an outage is told in the log, once a round."""
    [source_id] = sources(emulator, 1)
    emulator.add_fault(operation="get", action={"status": 503, "body": {}}, times=1)
    with caplog.at_level(logging.WARNING, logger=watch_module.__name__):
        assert run(lambda: Watch(opener).wait_for(SourceId(source_id), HasStatus("active"), FAST)) == source_id
    [line] = caplog.messages
    assert "and is made again later: get_source: the server answered 503" in line
