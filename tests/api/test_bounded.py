"""Against real sockets: an attempt ends at its timeout, and no answer costs more memory than is allowed."""

from __future__ import annotations

import gc
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.api import (
    ClientSettings,
    CopassAnswerError,
    CopassCallError,
    CopassConnectError,
    CopassTimeoutError,
    calls,
)
from tests.api.scripted import FLAVOURS, send_once
from tests.harness.endless_servers import BOMBS, DRIPS, OK, Answer, drip, playing
from tests.harness.odd_servers import accepting_nobody, self_signed
from tests.harness.ports import LOOPBACK

TIMEOUT = 0.5
PIECES = 100
CUT = 10.0
"""Seconds in which an attempt has ended, on a busy machine, too; all pieces take thirty or more."""
MOST_MIB = 100
ROOT = Path(__file__).parents[2]
POST = calls.register_source("sb", provider="slack", name="chat")
CALM: Answer = lambda: [OK + b'Content-Length: 14\r\n\r\n{"sources":[]}']  # noqa: E731 - as the others

pytestmark = pytest.mark.parametrize("flavour", FLAVOURS)


def ask(flavour: str, url: str, call: calls.Call[Any] = POST, **settings: Any) -> tuple[CopassCallError, float]:
    """Make a call that fails, and return its error and the seconds that it took."""
    made = ClientSettings(**{"token": "olk_x", "base_url": url, "timeout": TIMEOUT, "max_attempts": 1, **settings})

    begun = time.monotonic()
    with pytest.raises(CopassCallError) as failed:
        send_once(flavour, made, call)
    return failed.value, time.monotonic() - begun


@pytest.mark.parametrize("place", DRIPS)
def test_a_server_that_drips_is_cut_at_the_deadline(flavour: str, place: str) -> None:
    """Wherever it drips, each piece in time; the write may have been applied, and the error says so."""
    with playing(DRIPS[place], pause=0.3, pieces=PIECES) as port:
        error, took = ask(flavour, f"http://{LOOPBACK}:{port}")
    assert took < CUT
    assert isinstance(error, CopassTimeoutError)
    assert error.maybe_applied
    assert "may have been carried out" in str(error)


def test_a_handshake_that_drips_is_cut_at_the_deadline(flavour: str) -> None:
    """Nothing was sent by then."""
    with playing(drip(b"\x16\x03\x03\x40\x00\x02", b"\x00"), pause=0.3, pieces=PIECES) as port:
        error, took = ask(flavour, f"https://{LOOPBACK}:{port}")
    assert took < CUT
    assert isinstance(error, CopassConnectError)


def test_a_proxy_that_drips_is_cut_at_the_deadline(flavour: str) -> None:
    """The answer of a proxy to CONNECT is no exception."""
    with playing(drip(b"HTTP/1.1 200 ", b"O"), pause=0.3, pieces=PIECES) as port:
        error, took = ask(flavour, "https://copass.invalid", proxy=f"http://{LOOPBACK}:{port}")
    assert took < CUT
    assert isinstance(error, CopassTimeoutError)


@pytest.mark.rounds
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_answer_costs_more_memory_than_the_limit(flavour: str, bomb: str) -> None:
    """Compressed, in headers, in trailers, in chunks, or as JSON that takes a hundred times its length when read."""
    with playing(CALM) as calm, playing(BOMBS[bomb]()) as port:
        at = f"http://{LOOPBACK}"
        command = [sys.executable, "-m", "tests.api.one_call", flavour, f"{at}:{calm}", f"{at}:{port}", "3"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    outcome, grown = ended.stdout.split()
    assert outcome == "answered" if bomb.startswith("as many") else outcome.startswith("Copass")
    assert float(grown) < MOST_MIB


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"gzip, gzip", b"br", b"zstd", b"made-up"])
def test_an_answer_in_another_encoding_is_refused(flavour: str, encoding: bytes) -> None:
    """It was not asked for; nothing is unpacked, and the error says what is wrong."""
    answer = OK + b'Content-Encoding: %s\r\nContent-Length: 23\r\n\r\n{"data_source_id": "d"}' % encoding
    with playing(lambda: [answer]) as port:
        error, _ = ask(flavour, f"http://{LOOPBACK}:{port}")
    assert isinstance(error, CopassAnswerError)
    assert "compressed" in str(error)
    assert "may have been carried out" in str(error)


def test_no_encoding_is_asked_for(flavour: str) -> None:
    """So that nobody compresses."""
    seen: list[bytes] = []
    with talking(lambda accepted: seen.append(accepted.recv(65536))) as port:
        ask(flavour, f"http://{LOOPBACK}:{port}")
    assert b"\r\naccept-encoding: identity\r\n" in seen[0].lower()


def test_a_server_that_takes_a_request_bit_by_bit_is_cut_at_the_deadline(flavour: str) -> None:
    """A long request may be sent as slowly as an answer."""
    call = calls.register_source("sb", provider="p", name="n", adapter_config={"a": "x" * 48 * 1024 * 1024})
    is_cut = threading.Event()

    def take(accepted: socket.socket) -> None:
        while accepted.recv(200_000):
            if is_cut.wait(0.1):
                return

    with talking(take) as port:
        # Longer than the system waits until it takes another part.
        error, took = ask(flavour, f"http://{LOOPBACK}:{port}", call, timeout=2.0)
        is_cut.set()
    assert took < CUT
    assert isinstance(error, CopassTimeoutError)
    assert error.maybe_applied


def test_a_name_with_many_addresses_is_cut_at_the_deadline(flavour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them takes a connection; the last one gets as long as the first."""
    hosts = [f"127.0.0.{number}" for number in range(1, 31)]
    with accepting_nobody(*hosts) as port:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]
        look_up = socket.getaddrinfo

        def several(host: Any, *given: Any, **how: Any) -> Any:
            return found if host in {"localhost", b"localhost"} else look_up(host, *given, **how)

        monkeypatch.setattr(socket, "getaddrinfo", several)
        error, took = ask(flavour, f"http://localhost:{port}")
    assert took < CUT
    assert isinstance(error, CopassConnectError)


def test_an_attempt_after_one_that_was_cut_is_as_long(flavour: str) -> None:
    """The deadline is an attempt's: a retry has its own, on a connection of its own."""
    with playing(DRIPS["headers"], pause=0.3, pieces=PIECES) as port:
        error, took = ask(flavour, f"http://{LOOPBACK}:{port}", calls.get_source("sb", "d"), max_attempts=2)
    assert isinstance(error, CopassTimeoutError)
    assert 1.9 * TIMEOUT < took < 2 * CUT


@pytest.mark.parametrize("place", ["handshake", "headers"])
def test_a_server_behind_a_proxy_of_tls_that_drips_is_cut_at_the_deadline(
    flavour: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own TLS is within that of the proxy, and one of its records may take many reads."""
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def tunnel(accepted: socket.socket) -> None:
        with context.wrap_socket(accepted, server_side=True) as outer:
            outer.recv(65536)
            outer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            if place == "handshake":
                outer.recv(65536)
                outer.sendall(b"\x16\x03\x03\x40\x00\x02")
                slowly(outer.sendall, b"\x00")
            else:
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                inner = context.wrap_bio(incoming, outgoing, server_side=True)
                for step in (inner.do_handshake, lambda: inner.read(65536)):
                    while True:
                        try:
                            step()
                            break
                        except ssl.SSLWantReadError:
                            outer.sendall(outgoing.read())
                            if not (received := outer.recv(65536)):
                                return
                            incoming.write(received)
                outer.sendall(outgoing.read())
                inner.write(b"HTTP/1.1 200 OK\r\nX-More: " + b"1" * 1000)
                record = outgoing.read()
                for number in range(PIECES):
                    outer.sendall(record[number : number + 1])
                    time.sleep(0.3)

    with talking(tunnel) as port:
        # Long enough for both handshakes on a busy machine.
        error, took = ask(
            flavour,
            f"https://{LOOPBACK}:9",
            proxy=f"https://{LOOPBACK}:{port}",
            ca_bundle=str(certificate),
            timeout=3.0,
        )
    assert took < CUT
    assert isinstance(error, CopassConnectError if place == "handshake" else CopassTimeoutError)


def test_a_connection_that_is_made_at_the_very_deadline_is_closed(
    flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is busy, no time may be left for TLS; Python warns of a socket that is left open."""
    prepare = ssl.SSLContext.set_alpn_protocols

    def prepare_slowly(context: ssl.SSLContext, protocols: list[str]) -> None:
        time.sleep(TIMEOUT)
        prepare(context, protocols)

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", prepare_slowly)
    with warnings.catch_warnings(record=True) as warned, talking(lambda accepted: accepted.recv(1)) as port:
        warnings.simplefilter("always")
        kind = type(ask(flavour, f"https://{LOOPBACK}:{port}")[0])
        gc.collect()
    assert kind is CopassConnectError
    assert [str(each.message) for each in warned if issubclass(each.category, ResourceWarning)] == []


def slowly(send: Callable[[bytes], object], piece: bytes) -> None:
    """Send a piece again and again."""
    for _ in range(PIECES):
        send(piece)
        time.sleep(0.3)


@contextmanager
def talking(talk: Callable[[socket.socket], object]) -> Iterator[int]:
    """Take one connection on a free port for a ``with`` block, and hand it to a function."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                accepted, _ = listener.accept()
                with accepted:
                    talk(accepted)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)
            assert not thread.is_alive()
