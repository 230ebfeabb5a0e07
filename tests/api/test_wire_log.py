"""What is logged of a call by httpx and httpcore at DEBUG, against a real socket: no word that the server wrote."""

from __future__ import annotations

import logging
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import httpx
import pytest

from airflow_provider_copass.api import ClientSettings, CopassCallError, calls, wire_log
from tests.api.scripted import FLAVOURS, TOKEN, send_once

ANSWERS = {
    "reason phrase": b"HTTP/1.1 400 %s\r\ncontent-length: 2\r\n\r\n{}",
    "header": b"HTTP/1.1 422 X\r\nx-echo: %s\r\ncontent-length: 2\r\n\r\n{}",
    "broken header": b"HTTP/1.1 422 X\r\nx echo %s\r\ncontent-length: 2\r\n\r\n{}",
    "broken status line": b"%s 422 X\r\ncontent-length: 2\r\n\r\n{}",
    "cut off": b"HTTP/1.1 200 OK\r\nx-echo: %s\r\ncontent-length: 200\r\n\r\n{",
}


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    """Return a function that serves one answer on a free loopback port, and tells where."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answer: bytes) -> str:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline() not in {b"\r\n", b""}:
                    pass
                self.wfile.write(answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def call(flavour: str, url: str) -> None:
    """Make one call that fails."""
    settings = ClientSettings(token=TOKEN, base_url=url, max_attempts=1)
    with pytest.raises(CopassCallError):
        send_once(flavour, settings, calls.get_source("sb", "ds"))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("where", ANSWERS)
def test_a_server_s_words_are_not_logged(
    where: str, flavour: str, serve: Callable[[bytes], str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it echoes the token in the reason phrase, in a header or in what is none: no logger says it."""
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    call(flavour, serve(ANSWERS[where] % TOKEN.encode()))
    assert TOKEN not in caplog.text
    assert "send_request_headers.started" in caplog.text


def test_the_request_and_its_status_are_logged_as_ever(
    serve: Callable[[bytes], str], caplog: pytest.LogCaptureFixture
) -> None:
    """What helps a person stays: the method, the URL, the status and what it is called."""
    caplog.set_level(logging.INFO, "httpx")
    url = serve(ANSWERS["reason phrase"] % TOKEN.encode())
    call("sync", url)
    assert f'HTTP Request: GET {url}/api/v1/storage/sandboxes/sb/sources/ds "HTTP/1.1 400 Bad Request"' in caplog.text


def test_calls_of_others_are_logged_as_ever(serve: Callable[[bytes], str], caplog: pytest.LogCaptureFixture) -> None:
    """Somebody else's client in the same process is not touched, before or after a call of ours."""
    url = serve(ANSWERS["header"] % b"a-word-of-theirs")
    call("sync", url)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    with httpx.Client(trust_env=False) as theirs:
        theirs.get(url)
    assert "a-word-of-theirs" in caplog.text


def test_a_timeout_that_comes_as_a_call_begins_ends_the_mark(
    serve: Callable[[bytes], str], caplog: pytest.LogCaptureFixture
) -> None:
    """A signal's handler raises right after the call is marked as ours: calls of others are logged as ever."""
    url = serve(ANSWERS["header"] % b"a-word-of-theirs")

    def raise_once_marked(frame: FrameType, *_: object) -> Any:
        if frame.f_code.co_filename == wire_log.__file__ and _is_filtered():
            raise TimeoutError
        return raise_once_marked

    tracing = sys.gettrace()
    sys.settrace(raise_once_marked)
    try:
        with pytest.raises(TimeoutError), wire_log.our_call():
            pytest.fail("the call has begun")
    finally:
        sys.settrace(tracing)
    caplog.set_level(logging.DEBUG, "httpcore")
    with httpx.Client(trust_env=False) as theirs:
        theirs.get(url)
    assert "a-word-of-theirs" in caplog.text


def _is_filtered() -> bool:
    """Tell whether what a server wrote would be dropped now."""
    logger = logging.getLogger("httpcore.http11")
    record = logger.makeRecord(logger.name, logging.DEBUG, "", 0, "receive_response_headers.complete", (), None)
    return not logger.filter(record)
