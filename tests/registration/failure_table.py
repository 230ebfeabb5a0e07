"""The table of failures in ``docs/failures.md``, measured: each row is played in the simulation.

``python -m tests.registration.failure_table`` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.registration import acts
from tests.registration.checks import assert_once
from tests.registration.simulation import Fault, Process, World, run_all, run_to, server_error, timed_out

HEADER = (
    "| what happens | finished by | POSTs | new secrets |",
    "| --- | --- | --- | --- |",
)


TRACE = acts.register(World()).trace
"""Of a registration in which nothing goes wrong."""


def play(**script: Any) -> str:
    """Play a script in the first try, and let the task be tried again while it fails."""
    world = World()
    process = acts.register(world, **script)
    if acts.is_green(process):
        return row("the same try", world, process)
    return row("the next try", world, acts.register(world, attempt=2))


def row(finished_by: str, world: World, *processes: Process) -> str:
    """Return what a failure came to, once there is one live source and its valid secret is stored."""
    assert_once(world, *processes)
    return f"{finished_by} | {world.posts} | {world.rotations}"


def killed(step: str) -> str:
    """Kill the first try at a boundary, the last one of that name."""
    return play(kill_at=len(TRACE) - 1 - TRACE[::-1].index(step))


def lost(effect: str, fault: Fault) -> str:
    """Let something happen to the first effect of a name."""
    return play(faults={(effect, 0): fault})


def raced() -> str:
    """Let sixteen tasks of one source run at once."""
    world = World()
    racers = [acts.start_register(world, task=f"dag/run/task/{number}") for number in range(16)]
    turn = iter(range(1_000_000))
    run_all(world, racers, lambda awake: next(turn) % awake)
    return row("the same try", world, *racers)


def frozen(step: str) -> str:
    """Pause the first try at a boundary, until its retry has done the work."""
    world = World()
    first = acts.start_register(world)
    run_to(world, first, TRACE.index(step))
    retry = acts.register(world, attempt=2)
    run_all(world, [first])
    return row("the next try", world, first, retry)


ROWS: dict[str, Callable[[], str]] = {
    "nothing": play,
    "killed before the POST": lambda: killed("before register"),
    "killed after the POST had its effect": lambda: killed("after register"),
    "killed before the secret is written": lambda: killed("before write secret"),
    "killed after the secret is written": lambda: killed("after write secret"),
    "killed before the entry is completed": lambda: killed("before write entry"),
    "the connection drops before the POST has an effect": lambda: lost("register", Fault(applies=False)),
    "the connection drops after the POST had its effect": lambda: lost("register", Fault()),
    "502, 503 or 504 after the POST had its effect": lambda: lost("register", Fault(error=server_error)),
    "a timeout, and the POST takes effect 20 s later": lambda: lost("register", Fault(late=20, error=timed_out)),
    "the list cannot be read": lambda: lost("list", Fault(applies=False, error=server_error)),
    "sixteen tasks of one source at once": raced,
    "a process is paused before the POST, and wakes up after its retry": lambda: frozen("before register"),
    "a process is paused after the POST, and wakes up after its retry": lambda: frozen("after register"),
    "a process is paused before the secret is written, and wakes up after its retry": lambda: frozen(
        "before write secret"
    ),
}


def table() -> str:
    """Play every row and return the table."""
    return "\n".join([*HEADER, *(f"| {what} | {played()} |" for what, played in ROWS.items())])


if __name__ == "__main__":
    print(table())  # noqa: T201 - this is a command
