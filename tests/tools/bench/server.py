"""The other end of the measured calls: ``python -m tests.tools.bench.server``, which answers with one constant source.

It is as plain as a server can be (asyncio, raw HTTP/1.1, keep-alive), and a process of its own, so that what is
measured is the client. It prints its port, then serves loopback until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

SOURCE: dict[str, Any] = {
    "data_source_id": "ds_0123456789abcdef",
    "user_id": "user_0123456789abcdef",
    "sandbox_id": "sb_bench",
    "provider": "slack",
    "name": "Support channel",
    "ingestion_mode": "realtime",
    "status": "active",
    "kind": "durable",
    "external_account_id": "T0123456789",
    "adapter_config": {"channels": ["C0123456789", "C9876543210"], "include_threads": True},
    "poll_interval_seconds": None,
    "webhook_url": "https://hooks.example/v1/ds_0123456789abcdef",
    "last_sync_at": None,
    "created_at": "2026-11-23T09:30:00Z",
}
SECRET = "bench-webhook-secret-0123456789abcdef"

_END_OF_HEAD = b"\r\n\r\n"


def whole_answer(answer: dict[str, Any]) -> bytes:
    """Return a whole answer."""
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


READ = whole_answer(SOURCE)
REGISTERED = whole_answer({**SOURCE, "webhook_signing_secret": SECRET})


class Connection(asyncio.Protocol):
    """Answers each request of one connection: a POST with the source and its secret, any other without."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole by now."""
        assert self._transport is not None
        self._received += data
        while (length := _length_of_request(self._received)) is not None:
            request, self._received = self._received[:length], self._received[length:]
            self._transport.write(self.answer(request))

    def answer(self, request: bytes) -> bytes:
        """Return the whole answer to a whole request."""
        return REGISTERED if request.startswith(b"POST ") else READ


def _length_of_request(received: bytes) -> int | None:
    """Return the length of the first request, head and body; None while it is not whole."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return None
    length = end + len(_END_OF_HEAD)
    for line in received[:end].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length += int(value)
    return length if len(received) >= length else None


async def serve(connection: type[Connection] = Connection) -> None:
    """Listen on a free loopback port, say which, and serve until the parent closes our standard input."""
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
