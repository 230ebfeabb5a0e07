"""An end to every attempt: no connect, handshake, read or write of it waits beyond its deadline.

httpx bounds each wait by itself, so a server that sends a byte now and then holds a call for as long as it likes. What
it drips need not be a part of the body: before the headers are whole, or in a chunk's extension, no code of ours runs.
So the deadline is kept where all bytes pass. httpcore lets a pool be given a network backend
(https://www.encode.io/httpcore/network-backends/), and these two cut each wait to what is left of the attempt. There is
no thread, no timer and no task, so nothing can leak or be lost in a fork.
"""

# ruff: noqa: ASYNC109 - httpcore calls these methods with a timeout

from __future__ import annotations

import socket
import ssl
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RECORD = 16 * 1024 + 2048
"""The longest record of TLS."""

_DEADLINE: ContextVar[float | None] = ContextVar("copass_attempt_deadline", default=None)


@contextmanager
def attempt_within(seconds: float) -> Iterator[None]:
    """Bound what is sent and received inside, on connections of these backends, by this thread or task.

    :param seconds: how long the attempt may take. Looking up a host name cannot be cut short by the synchronous one.
    """
    before = _DEADLINE.get()
    try:
        # In here: a task's timeout comes by a signal, which may arrive as soon as the deadline is set.
        _DEADLINE.set(time.monotonic() + seconds)
        yield
    finally:
        # Not by a token: a coroutine that is not awaited to its end is closed in another context.
        _DEADLINE.set(before)


def _left(timeout: float | None, expired: type[httpcore.TimeoutException]) -> float | None:
    """Return how long the next wait may be.

    :param timeout: the wait's own timeout.
    :raises httpcore.TimeoutException: of the given class, if the attempt is over.
    """
    deadline = _DEADLINE.get()
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise expired
    return left if timeout is None else min(left, timeout)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connects, for the synchronous client."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes a connection; the time that is left is shared among them."""
        addresses = _look_up(host, port)
        first_failure: Exception | None = None
        for tried, address in enumerate(addresses):
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                share = None if left is None else left / (len(addresses) - tried)
                stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
                return _DeadlineStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                first_failure = first_failure or failure
        raise first_failure or httpcore.ConnectError


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose every wait ends at the attempt's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The stream below would wait anew after each part that the server takes.
        unsent = memoryview(buffer)
        while unsent:
            self._socket.settimeout(_left(timeout, httpcore.WriteTimeout))
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except TimeoutError as error:
                raise httpcore.WriteTimeout from error
            except OSError as error:
                raise httpcore.WriteError from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        if self.get_extra_info("ssl_object") is not None:
            # To a server behind a proxy that speaks TLS itself. httpcore's own stream reads many times for one record.
            return _TlsInTlsStream(self, ssl_context, server_hostname, timeout)
        # One wait: Python counts a handshake as one.
        try:
            left = _left(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            # As httpcore's own stream does when a handshake fails: nothing else has the connection yet.
            self.close()
            raise
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TlsInTlsStream(httpcore.NetworkStream):
    """TLS within the connection to a proxy that speaks TLS itself; the stream below ends each wait."""

    def __init__(
        self, stream: _DeadlineStream, context: ssl.SSLContext, server_hostname: str | None, timeout: float | None
    ) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        try:
            self._run(self._tls.do_handshake, timeout=timeout)
        except (httpcore.TimeoutException, httpcore.NetworkError, ssl.SSLError) as error:
            self.close()
            is_late = isinstance(error, httpcore.TimeoutException)
            raise (httpcore.ConnectTimeout if is_late else httpcore.ConnectError) from error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return bytes(self._run(self._tls.read, max_bytes, timeout=timeout))
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise httpcore.ReadError from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            # Nothing is left over: what is written goes into memory first.
            self._run(self._tls.write, buffer, timeout=timeout)
        except ssl.SSLError as error:
            raise httpcore.WriteError from error

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._stream.get_extra_info(info)

    def _run(self, step: Any, *arguments: Any, timeout: float | None) -> Any:
        """Run a step of TLS, and move bytes until it is done."""
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._send_out(timeout)
                received = self._stream.read(_RECORD, timeout)
                self._incoming.write(received) if received else self._incoming.write_eof()
            else:
                self._send_out(timeout)
                return result

    def _send_out(self, timeout: float | None) -> None:
        if pending := self._outgoing.read():
            self._stream.write(pending, timeout)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """Connects, for the asynchronous client; each operation of the backend below is one wait."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that takes a connection, which is tried beside the others."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _AsyncDeadlineStream(await self._backend.connect_tcp(host, port, left, local_address, socket_options))


class _AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """A connection whose every wait ends at the attempt's deadline."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            left = _left(timeout, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            await self.aclose()
            raise
        return _AsyncDeadlineStream(await self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
