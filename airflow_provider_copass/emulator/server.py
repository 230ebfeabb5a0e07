"""The HTTP server: one listening socket of this machine, served until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from airflow_provider_copass.emulator.app import build_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.emulator.state import State

HOST = "127.0.0.1"
# Longer than any client keeps an idle connection: the server is not the one to close it under a request.
_KEEP_ALIVE = 75
_LAST_WORDS = 1.0


class _Connection(H11Protocol):
    """A connection whose requests can find the transport below them, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
        # uvicorn's own log would show queries; the emulator has one that does not.
        self.access_log = False


def bind(port: int) -> socket.socket:
    """Return a socket of the loopback interface, not yet listening.

    :param port: the port, or 0 for a free one.
    :raises OSError: where the port is taken.
    """
    # The protocol is named because asyncio turns Nagle's algorithm off, 40 ms an answer, only where it is.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


class Server:
    """One run of the emulator on the current event loop.

    uvicorn's protocol does the HTTP. Its ``Server`` is left out, for its orderly end takes a third of a second
    and waits for requests that a fault holds back.

    :param state: the emulated account.
    :param token: the bearer token that the API asks for.
    :param bound: the socket to listen on; closed at the end.
    :param report: called with a line for each request that is over, or None.
    """

    def __init__(
        self, state: State, token: str, bound: socket.socket, report: Callable[[str], None] | None = None
    ) -> None:
        app, self.control = build_app(state, token, report)
        self._socket = bound
        self._config = uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._uvicorn = ServerState()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the server to end; from its own event loop."""
        self._stop.set()

    async def serve(self, started: Callable[[], None]) -> None:
        """Serve until :meth:`stop`.

        :param started: called once connections are accepted.
        """
        self._config.load()
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._connection, sock=self._socket, backlog=2048)
        try:
            started()
            await self._stop.wait()
        finally:
            listener.close()
        self.control.faults.close()
        self.control.log.close()
        for connection in list(self._uvicorn.connections):
            connection.transport.abort()
        if under_way := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(under_way, timeout=_LAST_WORDS)

    def _connection(self) -> Any:
        return self._config.http_protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._uvicorn, app_state={}
        )
