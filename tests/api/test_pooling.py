"""Against a real socket: one connection for all calls, and real faults of a real network."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from airflow_provider_copass.api import (
    ClientSettings,
    CopassClient,
    CopassConnectionLostError,
    calls,
)

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\r\n{"data_source_id": "d"}'


class Server(socketserver.ThreadingTCPServer):
    """Counts connections and requests, and can hang up instead of answering."""

    daemon_threads = True
    connections = 0
    requests = 0
    hangs_up = False


class Handler(socketserver.StreamRequestHandler):
    """Answers every request on a connection."""

    server: Server

    def handle(self) -> None:
        """Read requests without bodies until the peer leaves."""
        self.server.connections += 1
        while line := self.rfile.readline():
            if line == b"\r\n":
                self.server.requests += 1
                if self.server.hangs_up:
                    return
                self.wfile.write(ANSWER)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server on a free loopback port."""
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def client_for(server: Server) -> CopassClient:
    """Make a client of that server."""
    return CopassClient(
        ClientSettings(token="t", base_url=f"http://127.0.0.1:{server.server_address[1]}", max_attempts=2),
        sleep=lambda _: None,
    )


def test_all_calls_share_one_connection(server: Server) -> None:
    """A hundred calls in a row open one connection."""
    with client_for(server) as client:
        for _ in range(100):
            client.send(calls.get_source("s", "d"))
    assert (server.connections, server.requests) == (1, 100)


def test_a_dropped_connection_is_lost_after_all_tries_of_a_read(server: Server) -> None:
    """A server that hangs up without an answer is asked as often as a read may be."""
    server.hangs_up = True
    with client_for(server) as client, pytest.raises(CopassConnectionLostError):
        client.send(calls.get_source("s", "d"))
    assert server.requests == 2


def test_a_write_on_a_dropped_connection_is_not_sent_again(server: Server) -> None:
    """The server has read the POST, and may have applied it."""
    server.hangs_up = True
    with client_for(server) as client, pytest.raises(CopassConnectionLostError, match="may have been carried out"):
        client.send(calls.pause_source("s", "d"))
    assert server.requests == 1
