"""How one part of the emulator waits for another without polling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Bell:
    """Wakes everyone who waits for something to have changed.

    Used on the server's event loop only.
    """

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._closed = False

    def ring(self) -> None:
        """Let every waiting one look again."""
        self._rung.set()
        self._rung = asyncio.Event()

    def close(self) -> None:
        """Let every waiting one go, now and from now on; the server is about to stop."""
        self._closed = True
        self.ring()

    async def wait_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Return once a condition holds, or when the time is up, whichever is first.

        :param holds: the condition, looked at now and after each ring.
        :param seconds: how long to wait at most; 0 does not wait.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (self._closed or holds()) and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait_for(self._rung.wait(), left)
            except TimeoutError:
                return
