"""A relay in front of a server, which remembers what the server answered: who listens here knows every secret shown.

A secret that was lost on its way, or never stored, is known to nobody else: the server keeps a hash of it alone.
"""

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.harness.ports import LOOPBACK

_SECRET = re.compile(rb'"webhook_signing_secret"\s*:\s*"([^"]+)')


class Wiretap:
    """A relay on a loopback port, for a ``with`` block.

    :param url: the server behind it.
    """

    def __init__(self, url: str) -> None:
        behind = urlsplit(url)
        self._behind = (behind.hostname or LOOPBACK, behind.port or 80)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._answers: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A listener that is closed alone keeps waiting in its thread.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for each in self._sockets:
            each.close()

    def secrets(self) -> set[str]:
        """Return every webhook secret that was in an answer, one that was cut short included."""
        with self._lock:
            heard = [bytes(answers) for answers in self._answers]
        return {found.decode() for answers in heard for found in _SECRET.findall(answers)}

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._behind)
            answers = bytearray()
            with self._lock:
                self._answers.append(answers)
            self._sockets += [client, server]
            for source, target, heard in ((client, server, bytearray()), (server, client, answers)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                relay = threading.Thread(target=self._relay, args=(source, target, heard), daemon=True)
                self._threads.append(relay)
                relay.start()

    def _relay(self, source: socket.socket, target: socket.socket, heard: bytearray) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                with self._lock:
                    heard += piece
                target.sendall(piece)
        # Where one side hangs up, the other one is told, as without the relay.
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
