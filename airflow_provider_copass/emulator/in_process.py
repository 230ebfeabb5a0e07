"""The emulator inside the present process: a context manager, and the control surface as methods."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_copass.emulator.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_copass.emulator.server import Server

_MISSING = (
    "The emulator needs fastapi and uvicorn, its extra: pip install '.[emulator]' in a checkout of "
    "airflow-provider-copass"
)
_NOT_RUNNING = "The emulator is not running"
_LOOK = 1.0
"""Seconds after which who waits for the server's thread looks whether it lives."""


class Emulator:
    """An emulated Copass account, served by a thread of this process on a port of the loopback interface.

    :param token: the bearer token that the API asks for; None makes one up.
    :param port: the port, or 0 for a free one.
    :param sandboxes: the ids of the sandboxes that exist from the start.
    :param any_sandbox: an unknown sandbox comes into being when it is first named.
    :param report: called from the server's thread with a line for each request that is over; without queries.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        port: int = 0,
        sandboxes: Iterable[str] = ("sb_demo",),
        any_sandbox: bool = False,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.token = token or "olk_" + secrets.token_hex(16)
        self.url = ""
        self._port = port
        self._report = report
        self._state = State(sandboxes, any_sandbox=any_sandbox)
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def control_url(self) -> str:
        """Where the control surface is, for another process."""
        return self.url + "/_emulator"

    def __enter__(self) -> Self:
        """Start, and return the emulator once it accepts connections."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start to serve; returns once connections are accepted.

        :raises ImportError: where the extra is missing.
        :raises OSError: where the port is taken, or cannot be listened on.
        """
        if self._thread is not None:
            raise RuntimeError("The emulator is running already")
        try:
            from airflow_provider_copass.emulator import server  # noqa: PLC0415 - heavy, and of an extra
        except ModuleNotFoundError as missing:
            raise ImportError(_MISSING) from missing
        bound = server.bind(self._port)
        self.url = self._state.base_url = f"http://{server.HOST}:{bound.getsockname()[1]}"
        self._server = server.Server(self._state, self.token, bound, self._report)
        started = threading.Event()
        failures: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._serve, args=(self._server, started, failures), name="copass-emulator", daemon=True
        )
        self._thread.start()
        started.wait()
        if failures:
            self._thread.join()
            self._thread = self._loop = self._server = None
            bound.close()
            raise failures[0]

    def _serve(self, server: Server, started: threading.Event, failures: list[BaseException]) -> None:
        try:
            # The plain loop, whatever the process has set: cutting connections relies on its transports.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                self._loop = runner.get_loop()
                runner.run(server.serve(started.set))
        except BaseException as failure:
            if started.is_set():
                raise
            failures.append(failure)
        finally:
            started.set()

    def stop(self) -> None:
        """Stop at once: requests under way are dropped."""
        if self._thread is None or self._loop is None or self._server is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join()
        self._thread = self._loop = self._server = None

    def _on_loop(self, act: Callable[[Server], Any]) -> Any:
        """Let the server's own thread do something, so that it is never half way through a request."""
        server, loop, thread = self._server, self._loop, self._thread
        if server is None or loop is None or thread is None or not thread.is_alive():
            raise RuntimeError(_NOT_RUNNING)

        async def acted() -> Any:
            result = act(server)
            return await result if inspect.isawaitable(result) else result

        result = asyncio.run_coroutine_threadsafe(acted(), loop)
        # What a loop is asked for as it ends, it may never do.
        while not wait([result], timeout=_LOOK).done:
            if not thread.is_alive():
                raise RuntimeError(_NOT_RUNNING)
        return result.result()

    def reset(self) -> None:
        """Go back to the start; requests that are held back are dropped without effect."""
        self._on_loop(lambda server: server.control.reset())

    def seed(self, sources: Iterable[dict[str, Any]] = (), *, sandboxes: Iterable[str] = ()) -> list[str]:
        """Put sources and sandboxes there as if they had always been, and return the sources' ids.

        :param sources: their rows; ``provider`` and ``name`` are required, see ``docs/emulator.md``.
        :param sandboxes: ids of sandboxes.
        """
        rows, ids = list(sources), list(sandboxes)
        seeded = self._on_loop(lambda server: server.control.seed(sources=rows, sandboxes=ids))
        return list(seeded["data_source_ids"])

    def sources(self) -> list[dict[str, Any]]:
        """Return every source there is or was, of every sandbox, in the order of making."""
        return list(self._on_loop(lambda server: server.control.sources()))

    def set_source(self, data_source_id: str, **fields: Any) -> dict[str, Any]:
        """Change a source behind the API's back, and return it.

        :param data_source_id: the source.
        :param fields: any of its fields, such as ``status`` or ``last_sync_at``; and ``deleted``.
        """
        return dict(self._on_loop(lambda server: server.control.set_source(data_source_id, fields)))

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job, of every sandbox, in the order of queuing; this takes none of them further.

        Each has the fields that the API answers, its ``sandbox_id`` and ``data_source_id``, and of the text that it
        is about the ``text_length`` in characters and the ``text_sha256`` in hex; both are None for a pull.
        """
        return list(self._on_loop(lambda server: server.control.jobs()))

    def set_job(self, job_id: str, **fields: Any) -> dict[str, Any]:
        """Change a job, which does not get on by itself from then on, and return it.

        :param job_id: the job.
        :param fields: any that the API answers, such as ``status``, ``children``, ``error_message``, ``result``.
            A status brings what the API shows of such a job, unless it is given or there already: its times, the
            ``result`` of a completed one, the ``error_message`` of a failed one.
        """
        return dict(self._on_loop(lambda server: server.control.set_job(job_id, fields)))

    def verify_secret(self, data_source_id: str, secret: str | None = None, *, sha256: str | None = None) -> bool:
        """Tell whether a secret opens a source's webhook.

        :param data_source_id: the source.
        :param secret: the plain secret, or
        :param sha256: its fingerprint in hex.
        """
        verdict = self._on_loop(lambda server: server.control.verify_secret(data_source_id, secret, sha256))
        return bool(verdict["valid"])

    def requests(
        self, operation: str | None = None, *, after: int = 0, answered: bool = False, wait: float = 0
    ) -> list[dict[str, Any]]:
        """Return the requests that came in, oldest first.

        :param operation: only those of this operation.
        :param after: only those with a greater ``n``.
        :param answered: only those that are over.
        :param wait: wait up to so many seconds for one that matches.
        """
        return list(
            self._on_loop(
                lambda server: server.control.log.read(operation=operation, after=after, answered=answered, wait=wait)
            )
        )

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings and return them all; see ``Settings`` for their names.

        :param changes: new values by name; none to look only.
        """
        return dict(self._on_loop(lambda server: server.control.settings(changes)))

    def add_fault(self, *, operation: str, action: str | dict[str, Any], **rule: Any) -> int:
        """Add a fault behind the others and return its id.

        :param operation: the operation that it is for, or ``*``.
        :param action: what it does, such as ``"drop"`` or ``{"status": 503}``.
        :param rule: as wanted ``when``, ``times``, ``skip`` and ``match``.
        """
        script = {"operation": operation, "action": action, **rule}
        return int(self._on_loop(lambda server: server.control.faults.add(script))["id"])

    def faults(
        self, fault_id: int | None = None, *, hits: int = 1, waiting: int = 0, wait: float = 0
    ) -> list[dict[str, Any]]:
        """Return the faults and what they have met.

        :param fault_id: only this one.
        :param hits: wait until one of them has met so many requests.
        :param waiting: wait until the same one holds so many back, too.
        :param wait: how long to wait for that at most, in seconds.
        """
        return list(
            self._on_loop(
                lambda server: server.control.faults.read(fault_id=fault_id, hits=hits, waiting=waiting, wait=wait)
            )
        )

    def release(self, fault_id: int) -> int:
        """Let go on what a fault holds back, and return how many requests that are.

        :param fault_id: the fault.
        """
        return int(self._on_loop(lambda server: server.control.faults.release(fault_id)))

    def clear_faults(self) -> int:
        """Remove every fault, let go on what they hold back, and return how many there were."""
        return int(self._on_loop(lambda server: server.control.faults.clear()))
