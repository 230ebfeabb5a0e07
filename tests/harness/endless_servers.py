"""Servers on the loopback interface whose answers drip without an end, or are a hundred times as large as they look."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache

from tests.harness.ports import LOOPBACK

Answer = Callable[[], Iterable[bytes]]
"""Makes the pieces of an answer, which may never end."""

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
_MIB = 1024 * 1024


def drip(begin: bytes, piece: bytes) -> Answer:
    """Return an answer that begins, and then repeats a piece for ever."""
    return lambda: itertools.chain([begin], itertools.repeat(piece))


def gzip_header() -> bytes:
    """Return what a gzip stream begins with, before any block."""
    return gzip.compress(b"")[:10]


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
"""A block of deflate that holds nothing, and is not the last one."""

DRIPS: dict[str, Answer] = {
    "status line": drip(b"HTTP/1.1 200 ", b"O"),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
    "one header": drip(b"HTTP/1.1 200 OK\r\nX-More: ", b"1"),
    "answers before the answer": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body in chunks": drip(CHUNKED + b"\r\n", b"1\r\n \r\n"),
    "chunk extension": drip(CHUNKED + b"\r\n1;", b"a"),
    "trailers": drip(CHUNKED + b"\r\n0\r\n", b"X-More: 1\r\n"),
    "empty compressed blocks": drip(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip_header(), EMPTY_BLOCK),
}


def _whole(content: bytes, *headers: bytes) -> Answer:
    head = OK + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(content)
    return lambda: [head, content]


@cache
def _packed(times: int) -> bytes:
    """Return that many mebibytes of blanks, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b" " * _MIB) for _ in range(times)]
    return b"".join([*parts, packer.flush()])


def _refused(content: bytes) -> Answer:
    return lambda: [b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n" % len(content), content]


def _rows(row: bytes, length: int = 23 * _MIB) -> bytes:
    return b'{"sources":[' + b",".join([row] * (length // (len(row) + 1))) + b"]}"


BOMBS: dict[str, Callable[[], Answer]] = {
    "gzip": lambda: _whole(_packed(512), b"Content-Encoding: gzip"),
    "gzip, gzip": lambda: _whole(gzip.compress(_packed(512)), b"Content-Encoding: gzip, gzip"),
    "deflate": lambda: _whole(zlib.compress(b" " * 256 * _MIB), b"Content-Encoding: deflate"),
    "chunk extension": lambda: drip(CHUNKED + b"\r\n1;", b"a" * _MIB),
    "chunk extensions": lambda: drip(CHUNKED + b"\r\n", b"1;" + b"a" * 60_000 + b"\r\n \r\n"),
    "trailers": lambda: drip(CHUNKED + b"\r\n0\r\n", b"X-More: " + b"a" * _MIB + b"\r\n"),
    "headers": lambda: drip(OK, b"X-More: " + b"a" * 60_000 + b"\r\n"),
    "one header": lambda: drip(OK + b"X-More: ", b"a" * _MIB),
    "status line": lambda: drip(b"HTTP/1.1 200 ", b"a" * _MIB),
    "answers before the answer": lambda: drip(b"", b"HTTP/1.1 100 Continue\r\nX-More: " + b"a" * 60_000 + b"\r\n\r\n"),
    "body": lambda: drip(OK + b"\r\n", b" " * _MIB),
    "body of a refusal": lambda: drip(b"HTTP/1.1 422 No\r\n\r\n", b" " * _MIB),
    "body in small chunks": lambda: drip(CHUNKED + b"\r\n", b"2\r\n  \r\n" * 8192),
    "lists in lists": lambda: _whole(b"[" * 23 * _MIB),
    "small lists": lambda: _whole(b'{"sources":[' + b"[]," * (7 * _MIB) + b"[]]}"),
    "small objects": lambda: _whole(_rows(b'{"":1}')),
    "small sources": lambda: _whole(_rows(b'{"data_source_id":"d"}')),
    "as many sources as are read": lambda: _whole(
        b'{"sources":['
        + b",".join([b'{"data_source_id":"d","x":"%s","y":[{"":1},{"":1},{"":1},{"":1}]}' % (b"a" * 1150)] * 20_000)
        + b"]}"
    ),
    "small fields": lambda: _whole(
        b'{"data_source_id":"d"' + b"".join(b',"%x":1' % number for number in range(2_500_000)) + b"}"
    ),
    "a refusal's small problems": lambda: _refused(b'{"detail":[' + b'{"loc":[]},' * (2 * _MIB) + b"{}]}"),
}
"""Answers that would take far more memory than a client may spend on one, each made when it is needed."""


@contextmanager
def playing(answer: Answer, *, pause: float = 0.0, pieces: int | None = None) -> Iterator[int]:
    """Serve on a free port for a ``with`` block: each connection gets the same answer once it has sent some bytes.

    :param answer: the answer.
    :param pause: seconds before each piece but the first.
    :param pieces: after how many pieces the server hangs up; None for the end of the answer.
    """
    is_over = threading.Event()
    threads: list[threading.Thread] = []

    def play(accepted: socket.socket) -> None:
        with accepted, suppress(OSError):
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted.settimeout(5)
            accepted.recv(65536)
            for number, piece in enumerate(itertools.islice(answer(), pieces)):
                if is_over.wait(pause if number else 0):
                    return
                accepted.sendall(piece)

    with ExitStack() as held:
        listener = held.enter_context(socket.create_server((LOOPBACK, 0)))
        port: int = listener.getsockname()[1]

        def serve() -> None:
            # Ends when the listener is shut down.
            with suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    threads.append(threading.Thread(target=play, args=(accepted,), name=f"endless answer on {port}"))
                    threads[-1].start()

        threads.append(threading.Thread(target=serve, name=f"endless server on {port}"))
        threads[0].start()
        try:
            yield port
        finally:
            is_over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)
            assert not any(thread.is_alive() for thread in threads)
