"""One poll for all that wait: the waits of one event loop on one sandbox share one list a round.

A thousand waits that poll each for themselves cost a thousand requests a round. Here each of them leaves a future, and
one task asks for all: up to three sources with a call each, more of them with one list. Jobs have no list, so each one
is asked for, at most eight at once.

Each exit of that task tells everyone who still waits. Nothing is concluded from what a list does not show: what is
missing in it is asked for by its id.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import logging
import random
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import (
    ConnectionReadError,
    CopassAnswerError,
    CopassAuthenticationError,
    CopassCallError,
    CopassError,
    CopassPermissionError,
)
from airflow_provider_copass.waiting.conditions import FirstLook, check_is_about, gone, is_worth_waiting
from airflow_provider_copass.waiting.targets import JobId, SourceId, SourceName, Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable

    from airflow_provider_copass.api import AsyncCopassClient, Job, Source, SourceList
    from airflow_provider_copass.waiting.conditions import Condition

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

_FEW = 3
"""As many sources are asked for one by one; for more, one list is cheaper."""
_AT_ONCE = 8
"""As many calls are sent at once."""
_GATHERING = 1.0
"""Seconds before the first round, in which those join that begin to wait together, as after a restart."""
_SHORTEST = 1.0
"""Seconds from one round to the next at least: a sensor may have a ``poke_interval`` of 0."""
_LONGEST_BACKOFF = 300.0
"""Seconds."""
_MOST_UNREAD = 5
"""After so many rounds in which Airflow could not read the connection, the waits fail."""
_CLOSING = 5.0
"""As long, in seconds, the last wait lasts at most until the client is closed."""
_DUE = 0.9
"""A job is asked for at a round that comes when this part of its interval is over."""


@dataclass(eq=False)
class _Waiter:
    """One wait."""

    target: Target
    condition: Condition[Any, Any]
    interval: float
    told: asyncio.Future[Any] = field(repr=False)
    looked_at: float

    def end(self, failure: Exception | None) -> None:
        """End the wait; None for the end of the event loop."""
        if failure is None:
            self.told.cancel()
        elif isinstance(failure, CopassError):
            self.tell(failure)
        elif not self.told.done():
            self.told.set_exception(failure)

    def tell(self, outcome: object, answered_at: Any = None) -> None:
        """Judge a look, or pass on why there is none; who has left or has been told already is passed over.

        :param outcome: the source or job, an error, or None for a name that no live source has.
        """
        if self.told.done() or (outcome is None and not isinstance(self.condition, FirstLook)):
            return
        if isinstance(outcome, CopassError):
            # A copy: raised, one gathers the frames of all who wait.
            self.told.set_exception(gone(self.target, copy.copy(outcome)))
            return
        try:
            value = self.condition.judge(outcome, answered_at)
        except Exception as error:  # noqa: BLE001 - whatever a condition raises is for who waits
            self.told.set_exception(error)
        else:
            if value is not None:
                self.told.set_result(value)


class Watch:
    """The poll of one sandbox over one connection, for all that wait in one event loop.

    It runs while somebody waits, and opens its client anew each time: tokens are renewed.

    :param open_client: reads the connection; returns the client and the sandbox. A
        :class:`~airflow_provider_copass.errors.ConnectionReadError` of it is waited out for some rounds.
    :param draw: returns a number in [0, 1); a test gives a fixed one.
    """

    def __init__(
        self,
        open_client: Callable[[], Awaitable[tuple[AsyncCopassClient, str]]],
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._open_client = open_client
        self._draw = draw
        self._waiters: dict[_Waiter, None] = {}
        self._poll: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._joined = asyncio.Event()

    async def wait_for(self, target: Target, condition: Condition[Any, T], interval: float) -> T:
        """Wait until a look fulfils a condition.

        :param target: what to look at.
        :param condition: what the look has to show.
        :param interval: seconds between two looks; while another wait has a shorter one, looks come sooner.
        :return: what the condition returns.
        :raises WaitFailedError: if it cannot be fulfilled any more.
        :raises CopassError: if the look is refused: a token that is not accepted, though it was read once more, fails
            every wait. No answer, 429 and 5xx only make it slower.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(target, condition, interval, loop.create_future(), loop.time())
        self._waiters[waiter] = None
        if self._poll is None:
            # In a context of its own: lines of the poll would end in the log of the first task that waits.
            self._poll = loop.create_task(self._run(), context=contextvars.Context())
        self._joined.set()
        try:
            result: T = await waiter.told
            return result
        finally:
            self._waiters.pop(waiter, None)
            if not self._waiters:
                await self._stop()

    async def _stop(self) -> None:
        """End the poll, and wait until it has closed its client: the event loop may end with the last wait."""
        # Before anything is awaited: who joins from here on begins another poll.
        poll, self._poll = self._poll, None
        if poll is not None:
            self._let_end(poll)
            poll.cancel()
        if self._ending:
            await asyncio.wait(self._ending, timeout=_CLOSING)

    def _let_end(self, poll: asyncio.Task[None]) -> None:
        """Hold a poll that ends: the event loop knows its tasks by weak references only."""
        self._ending.add(poll)
        poll.add_done_callback(self._ending.discard)

    async def _run(self) -> None:
        """Look, round by round, as long as something waits."""
        connection = _Connection(self._open_client)
        failure: Exception | None = None
        failures = 0
        pause: float | None = _GATHERING
        try:
            while failure is None:
                await self._rest(pause)
                error = await self._round(connection)
                failures = 0 if error is None else failures + 1
                pause = None if error is None else self._backoff(failures)
                if isinstance(error, ConnectionReadError) and failures >= _MOST_UNREAD:
                    failure = error
        except Exception as error:  # noqa: BLE001 - raised by every wait
            failure = error
        finally:
            current = asyncio.current_task()
            if current is not None and self._poll is current:
                # As of _stop.
                self._poll = None
                self._let_end(current)
                for waiter in list(self._waiters):
                    waiter.end(failure)
            await connection.close()

    def _shortest(self) -> float:
        """Return the shortest interval of those that wait, in seconds."""
        return max(_SHORTEST, min((each.interval for each in self._waiters), default=0))

    async def _rest(self, pause: float | None) -> None:
        """Wait for the next round.

        :param pause: seconds; None for the shortest interval of those that wait, however late they join.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            left = begun + (self._shortest() if pause is None else pause) - loop.time()
            if left <= 0:
                return
            self._joined.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), left)

    def _backoff(self, failures: int) -> float:
        """Return the pause after so many failed rounds, in seconds: doubled each time, drawn from its upper half."""
        interval = self._shortest()
        longest = max(interval, min(_LONGEST_BACKOFF, interval * 2.0 ** min(failures, 16)))
        return longest * (1 + self._draw()) / 2

    async def _round(self, connection: _Connection) -> CopassError | None:
        """Look at everything that is waited for.

        :return: why a look failed that may succeed later; None if none did.
        """
        now = asyncio.get_running_loop().time()
        # Apart: a list that fails again and again keeps no job waiting.
        sources: _Wanted = defaultdict(list)
        jobs: _Wanted = defaultdict(list)
        for waiter in self._waiters:
            if not isinstance(waiter.target, JobId):
                sources[waiter.target].append(waiter)
            elif now - waiter.looked_at >= waiter.interval * _DUE:
                jobs[waiter.target].append(waiter)
        failed = await self._look_for(sources, connection, now)
        return await self._look_for(jobs, connection, now) or failed

    async def _look_for(self, wanted: _Wanted, connection: _Connection, now: float) -> CopassError | None:
        """Look at some targets, and tell those who wait for them.

        :return: why a look failed that may succeed later; None if none did.
        """
        failed: CopassError | None = None
        # Meanwhile some may have left, or heard that the token is refused.
        left = [target for target, waiters in wanted.items() if not all(each.told.done() for each in waiters)]
        try:
            for target, outcome, answered_at in await _look(connection, left):
                if isinstance(outcome, CopassError) and is_worth_waiting(outcome):
                    failed = outcome
                    _LOG.warning("The look at %s failed, and is made again later: %s", target, outcome)
                    continue
                for waiter in wanted[target]:
                    waiter.looked_at = now
                    waiter.tell(outcome, answered_at)
        except CopassError as error:
            if is_worth_waiting(error):
                _LOG.warning("The look at %d sources or jobs failed, and is made again later: %s", len(left), error)
                return error
            # Every wait hears of it, also those whose turn it was not.
            for waiter in list(self._waiters):
                waiter.tell(error)
        return failed


_Wanted = defaultdict[Target, list[_Waiter]]
"""Who waits for each target."""


class _Connection:
    """The client of one poll."""

    def __init__(self, open_client: Callable[[], Awaitable[tuple[AsyncCopassClient, str]]]) -> None:
        self._open_client = open_client
        self._client: AsyncCopassClient | None = None
        self._sandbox_id = ""
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._opening = asyncio.Lock()

    async def send(self, make: Callable[[str], calls.Call[T]]) -> calls.Dated[T]:
        """Send a call; its result comes with the time of the answer.

        :param make: makes it for the sandbox.
        """
        async with self._at_once:
            client = await self._open()
            return await client.send(calls.dated(make(self._sandbox_id)))

    async def _open(self) -> AsyncCopassClient:
        """Return the client."""
        async with self._opening:
            if self._client is None:
                self._client, self._sandbox_id = await self._open_client()
            return self._client

    async def close(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


Look = tuple[Target, object, Any]
"""What was looked at; what it showed, the error of the look, or None for a name that no live source has; and when the
server answered."""


async def _look(connection: _Connection, wanted: Collection[Target]) -> list[Look]:
    """Look at some targets, with a connection that is read once more if its token is not accepted.

    :raises CopassCallError: if nothing can be looked at.
    """
    try:
        return await _look_once(connection, wanted)
    except (CopassAuthenticationError, CopassPermissionError):
        await connection.close()
    return await _look_once(connection, wanted)


async def _look_once(connection: _Connection, wanted: Collection[Target]) -> list[Look]:
    """Look at some targets.

    :raises CopassCallError: if the token is not accepted, or the list fails.
    """
    sources = [target for target in wanted if not isinstance(target, JobId)]
    jobs = [target for target in wanted if isinstance(target, JobId)]
    found: list[Look] = []
    one_by_one: list[Target] = [*jobs]
    if len(sources) > _FEW or any(isinstance(target, SourceName) for target in sources):
        listed = await connection.send(calls.list_sources)
        shown, rest = _in_list(sources, listed.result)
        found += [(target, outcome, listed.answered_at) for target, outcome in shown]
        one_by_one += rest
    else:
        one_by_one += sources
    return found + await _ask(connection, one_by_one)


def _in_list(
    sources: Iterable[Target], listed: SourceList
) -> tuple[list[tuple[Target, Source | CopassError | None]], list[Target]]:
    """Divide targets into those of which a list tells, and those to be asked for by their ids.

    :return: of the former each with its source, None for a name that no live source has, or the error of a list that is
        cut short, which tells nothing of a name; and the latter.
    """
    cut: CopassError | None = None
    try:
        listed.require_complete()
    except CopassAnswerError as error:
        cut = error
    by_id: dict[str, Source] = {}
    by_name: defaultdict[tuple[str, str], list[Source]] = defaultdict(list)
    for row in listed.sources:
        by_id[row.data_source_id] = row
        if row.is_live:
            by_name[row.provider, row.name].append(row)
    shown: list[tuple[Target, Source | CopassError | None]] = []
    rest: list[Target] = []
    for target in sources:
        if isinstance(target, SourceId):
            if target.data_source_id in by_id:
                shown.append((target, by_id[target.data_source_id]))
            else:
                rest.append(target)
        elif cut is not None:
            shown.append((target, cut))
        elif isinstance(target, SourceName):
            matching = by_name[target.provider, target.name]
            if len(matching) <= 1:
                shown.append((target, matching[0] if matching else None))
            else:
                ids = ", ".join(source.data_source_id for source in matching)
                _LOG.warning("%d live sources are the %s, so none is taken: %s.", len(matching), target, ids)
    return shown, rest


async def _ask(connection: _Connection, targets: Iterable[Target]) -> list[Look]:
    """Ask for some targets one by one.

    :raises CopassCallError: if the token is not accepted.
    """

    async def ask(target: SourceId | JobId) -> Look:
        try:
            answer: calls.Dated[Source] | calls.Dated[Job]
            if isinstance(target, SourceId):
                answer = await connection.send(lambda sandbox_id: calls.get_source(sandbox_id, target.data_source_id))
            else:
                answer = await connection.send(lambda sandbox_id: calls.get_job(sandbox_id, target.job_id))
            check_is_about(target, answer.result)
        except (CopassAuthenticationError, CopassPermissionError):
            raise
        except CopassCallError as error:
            return target, error, None
        return target, answer.result, answer.answered_at

    asked = [asyncio.ensure_future(ask(target)) for target in targets if not isinstance(target, SourceName)]
    try:
        return list(await asyncio.gather(*asked))
    finally:
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Watch]] = WeakKeyDictionary()


def shared_watch(key: Hashable, make: Callable[[], Watch]) -> Watch:
    """Return the watch of a key in the running event loop.

    :param key: what tells connection and sandbox.
    :param make: makes the watch if there is none.
    """
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), {})
    if key not in watches:
        watches[key] = make()
    return watches[key]
