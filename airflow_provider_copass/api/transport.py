"""httpx's transports over a pool of httpcore whose connections know the attempt's deadline.

httpx's own transports are made of the same pool, but take no network backend.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpcore
import httpx

from airflow_provider_copass.api.deadline import AsyncDeadlineBackend, DeadlineBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

P = TypeVar("P")

# What httpx's own transports have.
_LIMITS: dict[str, Any] = {"max_connections": 100, "max_keepalive_connections": 20, "keepalive_expiry": 5.0}
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class Transport(httpx.BaseTransport):
    """The synchronous transport.

    :param context: whom to trust; None for plain http.
    :param proxy: URL of the proxy for every call; None for none.
    :raises ValueError: if the proxy is of a kind that is not known.
    :raises ImportError: if it speaks SOCKS, and the package for that is not there.
    """

    def __init__(self, context: ssl.SSLContext | None, proxy: str | None = None) -> None:
        kinds = (httpcore.ConnectionPool, httpcore.HTTPProxy, httpcore.SOCKSProxy)
        self._pool = _open_pool(kinds, proxy, ssl_context=context, network_backend=DeadlineBackend(), **_LIMITS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        try:
            response = self._pool.handle_request(_request_of(request))
        except _FAILURES as failure:
            raise _failure_of(failure) from failure
        return _response_of(response, _Stream(response))

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """The asynchronous transport; parameters and errors are those of :class:`Transport`."""

    def __init__(self, context: ssl.SSLContext | None, proxy: str | None = None) -> None:
        kinds = (httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy)
        self._pool = _open_pool(kinds, proxy, ssl_context=context, network_backend=AsyncDeadlineBackend(), **_LIMITS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        try:
            response = await self._pool.handle_async_request(_request_of(request))
        except _FAILURES as failure:
            raise _failure_of(failure) from failure
        return _response_of(response, _AsyncStream(response))

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._pool.aclose()


class _Stream(httpx.SyncByteStream):
    """The body of an answer."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except _FAILURES as failure:
            raise _failure_of(failure) from failure

    def close(self) -> None:
        self._response.close()


class _AsyncStream(httpx.AsyncByteStream):
    """The body of an answer."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.aiter_stream():
                yield part
        except _FAILURES as failure:
            raise _failure_of(failure) from failure

    async def aclose(self) -> None:
        await self._response.aclose()


def _open_pool(kinds: tuple[type[P], type[Any], type[Any]], proxy: str | None, **options: Any) -> P:
    """Make a pool.

    :param kinds: the class without a proxy, through one that speaks HTTP, and through one that speaks SOCKS.
    """
    direct, http, socks = kinds
    if proxy is None:
        return direct(**options)
    # Refuses a scheme that is not known, and takes the user and the password out of the URL.
    read = httpx.Proxy(proxy)
    is_socks = read.url.scheme.startswith("socks")
    if is_socks and find_spec("socksio") is None:
        # httpcore would say so at the first call.
        raise ImportError("socksio")
    auth = None if read.auth is None else tuple(part.encode() for part in read.auth)
    return cast("P", (socks if is_socks else http)(proxy_url=_url_of(read.url), proxy_auth=auth, **options))


def _url_of(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _request_of(request: httpx.Request) -> httpcore.Request:
    return httpcore.Request(
        method=request.method,
        url=_url_of(request.url),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response_of(response: httpcore.Response, stream: Any) -> httpx.Response:
    return httpx.Response(response.status, headers=response.headers, stream=stream, extensions=response.extensions)


def _failure_of(failure: Exception) -> httpx.TransportError:
    """Return httpx's exception of the same name. Its text stays behind: it may be a server's."""
    kind: type[httpx.TransportError] = getattr(httpx, type(failure).__name__)
    return kind("")
