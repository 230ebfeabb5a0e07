"""One try of a task in the world, and how several of them are played, one after the other or in turns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from typing import Any, Protocol

from airflow_provider_copass.registration.ports import Journal, Secrets
from tests.registration.simulation.boundaries import Boundaries, Effects, Fault, Turns, Where
from tests.registration.simulation.ports import (
    JournalOfWorld,
    MemoryLog,
    SimulatedClient,
    SimulatedClock,
    StoreOfWorld,
)
from tests.registration.simulation.world import World


class Work(Protocol):
    """What a process runs: it returns something when it is done."""

    def run(self) -> Any:
        """Run."""


class Process:
    """One try of a task. It has a thread of its own, which runs when it is its turn.

    :param build: returns what it runs, given this process: its ``client``, ``clock``, ``log``, ``secrets`` and
        ``journal``.
    :param kill_at: as of :class:`Boundaries`.
    :param freezes: as of :class:`Boundaries`.
    :param faults: as of :class:`Effects`.
    :param ahead: seconds by which its wall clock is ahead of the world's.
    :param store: the name of its store.
    :param secrets: another store than the world's own, such as a real one.
    :param journal: another journal than the world's own.
    """

    def __init__(
        self,
        world: World,
        build: Callable[[Process], Work],
        *,
        kill_at: Where | None = None,
        freezes: Mapping[Any, float] | None = None,
        faults: Mapping[int | str | tuple[str, int], Fault] | None = None,
        ahead: float = 0.0,
        store: str = "test store",
        secrets: Secrets | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.world = world
        self.result: Any = None
        self.error: BaseException | None = None
        self.started_at = self.ended_at = world.now
        self.is_over = False
        self._turns = Turns()
        self._boundaries = Boundaries(world, self._turns, kill_at=kill_at, freezes=freezes or {})
        effects = Effects(world, self._boundaries, faults or {})
        self.clock = SimulatedClock(world, self._boundaries, ahead)
        self.client = SimulatedClient(world, effects, self.clock)
        self.log = MemoryLog()
        self.secrets: Secrets = secrets or StoreOfWorld(world, effects, store)
        self.journal: Journal = journal or JournalOfWorld(world, effects)
        self._thread = Thread(target=self._run, args=(build(self),), daemon=True)
        self._thread.start()

    @property
    def trace(self) -> list[str]:
        """The names of the boundaries that it has come to."""
        return self._boundaries.trace

    @property
    def frozen_at(self) -> list[str]:
        """The names of those at which it was paused."""
        return self._boundaries.frozen_at

    @property
    def effects(self) -> list[str]:
        """The names of its effects, in their order; a sleep is none."""
        befores = [name.removeprefix("before ") for name in self.trace if name.startswith("before ")]
        return [name for name in befores if name != "sleep"]

    @property
    def elapsed(self) -> float:
        """For how many seconds it ran, or has run so far."""
        return (self.ended_at if self.is_over else self.world.now) - self.started_at

    @property
    def wakes_at(self) -> float:
        """When it runs on."""
        return self._boundaries.wakes_at

    def sleep_until(self, moment: float) -> None:
        """Let it run on, or begin, at a moment and not before."""
        self._boundaries.wakes_at = moment

    def step(self) -> None:
        """Let it run to its next boundary, or its end."""
        self._turns.give()
        if self.is_over:
            self._thread.join()

    def _run(self, work: Work) -> None:
        self._turns.wait()
        self.started_at = self.world.now
        try:
            self.result = work.run()
        except BaseException as error:  # noqa: BLE001 - the killed included
            self.error = error
        self.ended_at = self.world.now
        self.is_over = True
        self._turns.end()


def run_all(
    world: World, processes: list[Process], choose: Callable[[int], int] = lambda _: 0, *, most: int = 40_000
) -> None:
    """Let processes run until all are over; among those awake ``choose`` picks, and where all sleep, time jumps."""
    for _ in range(most):
        alive = [process for process in processes if not process.is_over]
        if not alive:
            return
        awake = [process for process in alive if process.wakes_at <= world.now]
        if not awake:
            world.advance(min(process.wakes_at for process in alive))
            continue
        awake[choose(len(awake))].step()
        world.advance(world.now + 0.01)
    raise AssertionError("the processes do not come to an end")


def run_to(world: World, process: Process, boundary: int | str) -> bool:
    """Let one process run alone to a boundary, where it is paused until it is told to run on.

    :param boundary: its number, counted from 0; or a name, for the next of that name.
    :return: whether it stands there; False where it is over before.
    """

    def is_there() -> bool:
        return process.trace[-1:] == [boundary] if isinstance(boundary, str) else len(process.trace) > boundary

    while not process.is_over and not is_there():
        if process.wakes_at > world.now:
            world.advance(process.wakes_at)
        process.step()
        world.advance(world.now + 0.01)
    return not process.is_over


def killed(world: World, process: Process) -> Iterator[World]:
    """Give the world that a process leaves if it is killed, for each of its boundaries, or if it comes to its end."""
    before = ""
    is_alive = True
    while is_alive:
        is_alive = run_to(world, process, len(process.trace))
        left = repr((world.rows, world.store, world.entries, world.locations, world.later))
        if left != before:
            yield copy.deepcopy(world)
        before = left
