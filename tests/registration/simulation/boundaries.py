"""Where a process stops, and what befalls it there: before and after every effect, and before and after every sleep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from airflow_provider_copass.errors import (
    CopassConnectionLostError,
    CopassNotFoundError,
    CopassRateLimitError,
    CopassServerError,
    CopassTimeoutError,
)
from tests.registration.simulation.world import World

T = TypeVar("T")

Where = int | str | tuple[str, int] | Callable[[str, int], bool]
"""Which boundaries: by number, counted from 0; all of a name, such as ``before rotate``; the n-th of a name, counted
from 0; or those for whose name and number a function returns True."""


class Killed(BaseException):
    """The process is no more; nothing of it runs on."""


@dataclass
class Fault:
    """What happens to one effect.

    :param applies: whether it takes place; its answer is lost in either case.
    :param late: seconds after which it takes place, for a write to the server.
    :param error: what the process gets in place of an answer.
    """

    applies: bool = True
    late: float | None = None
    error: Callable[[], Exception] = lambda: CopassConnectionLostError("lost")


def server_error() -> Exception:
    """A 503 whose effect took place or not."""
    return CopassServerError("503", status=503)


def timed_out() -> Exception:
    """No answer in time."""
    return CopassTimeoutError("timeout")


def turned_away() -> Exception:
    """A 429 that asks to come back after more seconds than a look at the lease is good for."""
    return CopassRateLimitError("429", status=429, retry_after=5)


class Turns:
    """Whose turn it is: a process's, which has a thread of its own, or its player's. One waits while the other runs."""

    def __init__(self) -> None:
        self._process, self._player = Lock(), Lock()
        self._process.acquire()
        self._player.acquire()

    def give(self) -> None:
        """Let the process run until it stops; called by its player."""
        self._process.release()
        self._player.acquire()

    def wait(self) -> None:
        """Wait for a turn; called by the process."""
        self._process.acquire()

    def end(self) -> None:
        """Let the player run on; called by the process."""
        self._player.release()


class Boundaries:
    """The boundaries of one process: at each it stops, and may be paused or killed.

    :param turns: how it stops, and runs on.
    :param kill_at: the boundary at which it is killed, or the first after it, where that is a number.
    :param freezes: for boundaries, for how many seconds it is paused there; at a sleep this comes on top of the sleep.
    :ivar trace: their names, so far.
    :ivar frozen_at: the names of those at which it was paused.
    :ivar wakes_at: when it runs on.
    """

    def __init__(self, world: World, turns: Turns, *, kill_at: Where | None, freezes: Mapping[Any, float]) -> None:
        self.trace: list[str] = []
        self.frozen_at: list[str] = []
        self.wakes_at = world.now
        self._world = world
        self._turns = turns
        self._kill_at = kill_at
        self._freezes = freezes
        self._count_of: dict[str, int] = {}
        self._is_killed = False

    def stop(self, name: str, pause: float = 0.0) -> None:
        """Stop at a boundary.

        :param pause: the seconds of the sleep that ends here.
        :raises Killed: if the process is killed here, or was before.
        """
        number, of_name = len(self.trace), self._count_of.get(name, 0)
        self._count_of[name] = of_name + 1
        self.trace.append(name)

        def is_here(where: Where) -> bool:
            return where(name, number) if callable(where) else where in (number, name, (name, of_name))

        frozen = sum(seconds for where, seconds in self._freezes.items() if is_here(where))
        if frozen:
            self.frozen_at.append(name)
        self.wakes_at = self._world.now + pause + frozen
        self._turns.end()
        self._turns.wait()
        kill_at = self._kill_at
        if kill_at is not None and (is_here(kill_at) or (isinstance(kill_at, int) and number >= kill_at)):
            self._is_killed = True
        if self._is_killed:
            raise Killed


class Effects:
    """What one process does to the world, with a boundary before and after each, and what is scripted for it.

    :param faults: what happens to the n-th effect, counted from 0 over all effects; or, by name and number, to the
        n-th of a name; or, by name, to each of a name.
    """

    def __init__(
        self, world: World, boundaries: Boundaries, faults: Mapping[int | str | tuple[str, int], Fault]
    ) -> None:
        self._world = world
        self._boundaries = boundaries
        self._faults = faults
        self._count = 0
        self._count_of: dict[str, int] = {}

    def run(self, name: str, act: Callable[[], T], given: dict[str, Any] | None = None) -> T:
        """Do something to the world.

        :param given: what a write to the server, a method of the world of this name, is given. Of a journal entry or a
            secret the protocol takes it that a write has its effect soon or never: a stated limit.
        """
        fault = self._next_fault(name)
        self._boundaries.stop(f"before {name}")
        if given is not None:
            self._world.note_sent(name, given)
        if fault is None:
            result = act()
            self._boundaries.stop(f"after {name}")
            return result
        if fault.late is not None and given is not None:
            self._world.take_effect(fault.late, name, **given)
        elif fault.applies:
            # A refusal of the server's own is an answer, and lost as well.
            with suppress(CopassNotFoundError):
                act()
        self._boundaries.stop(f"after {name}")
        raise fault.error()

    def _next_fault(self, name: str) -> Fault | None:
        """Count an effect; return what is to happen to it."""
        of_name = self._count_of.get(name, 0)
        keys = (self._count, (name, of_name), name)
        self._count += 1
        self._count_of[name] = of_name + 1
        return next((self._faults[key] for key in keys if key in self._faults), None)
