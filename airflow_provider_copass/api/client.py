"""The two clients: a synchronous and an asynchronous driver of the same exchange, each with one pool of connections.

httpx is known to ``api`` alone. Its exceptions hold the request, token included, so none of them leaves it.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

import httpx

from airflow_provider_copass._tracebacks import fresh_tracebacks
from airflow_provider_copass.api.connect_failure import connect_failure_of
from airflow_provider_copass.api.deadline import attempt_within
from airflow_provider_copass.api.exchange import MOST_BYTES, NoReply, Pause, Reply, Send, exchange
from airflow_provider_copass.api.http_setup import open_http
from airflow_provider_copass.api.retry import RetryPolicy
from airflow_provider_copass.api.transport import AsyncTransport, Transport
from airflow_provider_copass.api.wire_log import install, our_call
from airflow_provider_copass.errors import ConnectFailure, CopassInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Any, Self

    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.api.settings import ClientSettings
    from airflow_provider_copass.errors import CopassCallError

T = TypeVar("T")

# Nothing was sent, in each of these: no connection in time, or no place in the pool; no address, no connection, no TLS.
_NOT_IN_TIME = (httpx.ConnectTimeout, httpx.PoolTimeout)
_NOT_SENT = (httpx.ConnectError, httpx.UnsupportedProtocol)


_LARGE = 256 * 1024
"""Of an answer that has more bytes, as a list of some 800 sources has, the event loop reads nothing: a list of 10,000
would keep everything else in it waiting for a tenth of a second."""


def _advance(steps: Generator[Any, Any, Any], outcome: object) -> tuple[bool, Any]:
    """Go on with an exchange.

    :return: whether it has ended, and its result, or what to do next. No StopIteration can leave a thread.
    """
    try:
        return False, steps.send(outcome)
    except StopIteration as done:
        return True, done.value


async def _finished(parsing: Coroutine[Any, Any, T]) -> T:
    """Wait for a thread to its end, also if this is cancelled: what it works on cannot be closed before."""
    thread = asyncio.ensure_future(parsing)
    try:
        return await asyncio.shield(thread)
    finally:
        while not thread.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([thread])


def _ask(before_attempt: Callable[[], object], failure: CopassCallError | None) -> None:
    """Ask the caller before an attempt; if it objects to a further one, the failure of the one before stands."""
    try:
        before_attempt()
    except Exception:
        # Whatever the caller objects with: at a further attempt it says no more than "do not send it again".
        if failure is None:
            raise
        raise failure from None


class _Driver:
    """What both clients share: the settings, the requests, the classification of httpx's exceptions."""

    def __init__(self, settings: ClientSettings, *, policy: RetryPolicy | None, monotonic: Callable[[], float]) -> None:
        self.settings = settings
        self._policy = policy or RetryPolicy(max_attempts=settings.max_attempts)
        self._monotonic = monotonic
        self._is_closed = False
        self._inherited: list[object] = []
        """Pools of another process or event loop: kept, since what is collected is closed."""
        self._base = settings.base_url.rstrip("/")
        install()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.origin!r})"

    def _build(self, client: httpx.Client | httpx.AsyncClient, send: Send) -> httpx.Request:
        """Build httpx's request."""
        headers = None if send.content is None else {"Content-Type": "application/json"}
        params = dict(send.query) or None
        return client.build_request(
            send.method, self._base + send.path, params=params, content=send.content, headers=headers
        )

    def _require_open(self) -> None:
        """Refuse to send anything once the client is closed.

        :raises CopassInputError: if it is.
        """
        if self._is_closed:
            raise CopassInputError(
                "The client is closed. Nothing was sent. Open another, or ask the hook for it again."
            )

    def _deadline(self) -> float:
        """Return the moment after which an incomplete answer is given up."""
        return self._monotonic() + self.settings.timeout

    @staticmethod
    def _why_no_reply(error: httpx.HTTPError) -> NoReply | ConnectFailure:
        """Classify httpx's exception by its class and the classes of its causes only."""
        if isinstance(error, httpx.ProxyError):
            return ConnectFailure.PROXY
        if isinstance(error, _NOT_IN_TIME):
            return ConnectFailure.TOO_SLOW
        if isinstance(error, _NOT_SENT):
            return connect_failure_of(error)
        return NoReply.TIMED_OUT if isinstance(error, httpx.TimeoutException) else NoReply.LOST


class _Body:
    """Collects the parts of an answer as they were sent, up to a length."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        # Not a list of parts: in parts of two bytes, an answer would take twenty times its length.
        self._content = bytearray()

    def add(self, part: bytes) -> bool:
        """Add a part; return False if the answer is too long."""
        self._content += part
        return len(self._content) <= MOST_BYTES

    def reply(self) -> Reply:
        """Return the answer."""
        is_too_long = len(self._content) > MOST_BYTES
        body = b"" if is_too_long else bytes(self._content)
        self._content.clear()
        # httpx names headers in lower case.
        return Reply(self._response.status_code, dict(self._response.headers), body, is_too_long)


@fresh_tracebacks
class CopassClient(_Driver):
    """The Copass API, synchronously. Safe to share between threads.

    ::

        with CopassClient(ClientSettings(token="olk_...")) as client:
            source = client.send(calls.get_source("sb_1", "ds_1"))

    :param settings: where the API is and how to talk to it.
    :param policy: when a call is sent again; by default full jitter, up to ``settings.max_attempts`` attempts.
    :param transport: httpx's transport; a test puts a scripted one here.
    :param sleep: how to pause, in seconds.
    :param now: seconds since the epoch.
    :param monotonic: seconds of a clock that is never set back.
    :raises CopassInputError: if ``settings.ca_bundle`` holds no certificate, or the environment's proxy or
        certificates cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        policy: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings, policy=policy, monotonic=monotonic)
        self._transport = transport
        self._open()
        self._sleep = sleep
        self._now = now

    def send(self, call: Call[T], *, before_attempt: Callable[[], object] | None = None) -> T:
        """Send one call, and send it again if the policy allows it.

        :param call: from :mod:`airflow_provider_copass.api.calls`.
        :param before_attempt: called right before each attempt is sent, the first one included. If it raises, nothing
            is sent: at the first attempt its exception goes to the caller; at a further one, the failure of the attempt
            before it does. A write may be sent again after a pause (429, no connection); the lease that allowed it may
            have been lost by then, which the caller can check here.
        :return: what the call returns.
        :raises CopassCallError: its subclass tells what went wrong.
        """
        steps = exchange(call, self._policy, now=self._now, is_private=self.settings.is_token_in)
        outcome: Reply | NoReply | ConnectFailure | None = None
        failure: CopassCallError | None = None
        try:
            while True:
                try:
                    step = steps.send(outcome)
                except StopIteration as done:
                    result: T = done.value
                    return result
                outcome = None
                if isinstance(step, Pause):
                    failure = step.failure
                    self._sleep(step.seconds)
                    continue
                if before_attempt is not None:
                    _ask(before_attempt, failure)
                outcome = self._once(step)
        finally:
            outcome = None
            steps.close()

    def _once(self, send: Send) -> Reply | NoReply | ConnectFailure:
        """Send once."""
        self._require_open()
        if os.getpid() != self._pid:
            # A process that was forked off has the parent's sockets, and would read the answers to the parent's calls.
            self._inherited.append(self._http)
            self._open()
        with our_call(), attempt_within(self.settings.timeout):
            return self._answer(send)

    def _open(self) -> None:
        """Open a pool of connections; it is closed with the client, or when the client is no longer used."""
        self._pid = os.getpid()
        self._http = open_http(httpx.Client, Transport, self.settings, transport=self._transport)
        weakref.finalize(self, self._http.close)

    def _answer(self, send: Send) -> Reply | NoReply | ConnectFailure:
        deadline = self._deadline()
        try:
            response = self._http.send(self._build(self._http, send), stream=True)
            try:
                body = _Body(response)
                for part in cast("httpx.SyncByteStream", response.stream):
                    if not body.add(part):
                        break
                    if self._monotonic() > deadline:
                        return NoReply.TIMED_OUT
            finally:
                response.close()
            return body.reply()
        except httpx.HTTPError as error:
            return self._why_no_reply(error)

    def close(self) -> None:
        """Close the pooled connections."""
        self._is_closed = True
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@fresh_tracebacks
class AsyncCopassClient(_Driver):
    """The Copass API, asynchronously: the same exchange and the same errors as :class:`CopassClient`.

    :param sleep: how to pause, in seconds; the other parameters are those of :class:`CopassClient`.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings, policy=policy, monotonic=monotonic)
        self._transport = transport
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._open()
        self._sleep = sleep
        self._now = now

    async def send(self, call: Call[T], *, before_attempt: Callable[[], object] | None = None) -> T:
        """Send one call, and send it again if the policy allows it.

        :param call: from :mod:`airflow_provider_copass.api.calls`.
        :param before_attempt: as of :meth:`CopassClient.send`; called in the event loop, so it must not block.
        :return: what the call returns.
        :raises CopassCallError: its subclass tells what went wrong.
        """
        steps = exchange(call, self._policy, now=self._now, is_private=self.settings.is_token_in)
        outcome: Reply | NoReply | ConnectFailure | None = None
        failure: CopassCallError | None = None
        try:
            while True:
                if isinstance(outcome, Reply) and len(outcome.body) > _LARGE:
                    has_ended, step = await _finished(asyncio.to_thread(_advance, steps, outcome))
                else:
                    has_ended, step = _advance(steps, outcome)
                outcome = None
                if has_ended:
                    result: T = step
                    return result
                if isinstance(step, Pause):
                    failure = step.failure
                    await self._sleep(step.seconds)
                    continue
                if before_attempt is not None:
                    _ask(before_attempt, failure)
                outcome = await self._once(step)
        finally:
            outcome = None
            steps.close()

    async def _once(self, send: Send) -> Reply | NoReply | ConnectFailure:
        """Send once."""
        self._require_open()
        loop = weakref.ref(asyncio.get_running_loop())
        if os.getpid() != self._pid or (self._loop is not None and self._loop != loop):
            # The sockets of another process are not ours to read, and those of another event loop cannot be.
            self._inherited.append(self._http)
            self._open()
        self._loop = loop
        with our_call(), attempt_within(self.settings.timeout):
            return await self._answer(send)

    def _open(self) -> None:
        """Open a pool of connections."""
        self._pid = os.getpid()
        self._http = open_http(httpx.AsyncClient, AsyncTransport, self.settings, transport=self._transport)

    async def _answer(self, send: Send) -> Reply | NoReply | ConnectFailure:
        deadline = self._deadline()
        try:
            response = await self._http.send(self._build(self._http, send), stream=True)
            try:
                body = _Body(response)
                async for part in cast("httpx.AsyncByteStream", response.stream):
                    if not body.add(part):
                        break
                    if self._monotonic() > deadline:
                        return NoReply.TIMED_OUT
            finally:
                await response.aclose()
            return body.reply()
        except httpx.HTTPError as error:
            return self._why_no_reply(error)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        self._is_closed = True
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
