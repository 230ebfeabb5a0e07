"""The README's table of failures, measured: each row is played in the simulation, and what came of it is written down.

``python -m tests.registration.failure_table`` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_copass.registration import Owner, Timing
from tests.registration.simulation import Fault, Killed, World, run_all, server_error, timed_out
from tests.registration.worlds import Process, wish

TIMING = Timing(settle=30, claim=1, take_over=5, takeover_after=300, patience=90, poll=1)
TASK = "dag/run/task/-1"
HEADER = (
    "| what happens | mended by | POSTs | secrets minted anew |",
    "| --- | --- | --- | --- |",
)


@dataclass(frozen=True)
class Outcome:
    """What a failure came to, once there was one live source and its valid secret in the store."""

    mended_by: str
    posts: int
    rotations: int


def start(world: World, number: int, task: str = TASK, **script: object) -> Process:
    """Start one try of a task."""
    return Process(world, wish(ingestion_mode="realtime"), Owner(task, number), TIMING, **script)  # type: ignore[arg-type]


def undisturbed() -> Process:
    """Return a registration in which nothing goes wrong."""
    world = World()
    process = start(world, 1)
    run_all(world, [process])
    return process


TRACE = undisturbed().trace
EFFECTS = undisturbed().effects


def play(**script: object) -> Outcome:
    """Play a script in the first try, and let the task be tried again while it fails."""
    world = World()
    for number in range(1, 4):
        process = start(world, number, **(script if number == 1 else {}))
        run_all(world, [process])
        if process.error is None:
            check(world, [process])
            return Outcome("the same try" if number == 1 else "the next try", world.posts, world.rotations)
        assert isinstance(process.error, Killed) or not getattr(process.error, "is_final", True), process.error
    raise AssertionError("three tries did not mend it")


def killed(step: str) -> Outcome:
    """Kill the first try at a boundary, the last one of that name."""
    return play(kill_at=len(TRACE) - 1 - TRACE[::-1].index(step))


def lost(effect: str, fault: Fault) -> Outcome:
    """Let something happen to the first effect of a name."""
    return play(faults={EFFECTS.index(effect): fault})


def raced() -> Outcome:
    """Let sixteen tasks of one identity run at once."""
    world = World()
    racers = [start(world, 1, f"dag/run/task/{n}") for n in range(16)]
    turn = iter(range(1_000_000))
    run_all(world, racers, lambda awake: next(turn) % awake)
    check(world, racers)
    return Outcome("the same try", world.posts, world.rotations)


def frozen() -> Outcome:
    """Let the first try stand still right after its POST, and wake up when its retry has done the work."""
    world = World()
    zombie = start(world, 1, freezes={TRACE.index("after register"): 1000.0})
    while zombie.wakes_at < world.now + 500:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    retry = start(world, 2)
    run_all(world, [retry])
    run_all(world, [zombie])
    check(world, [retry, zombie])
    return Outcome("the next try", world.posts, world.rotations)


def check(world: World, processes: list[Process]) -> None:
    """Look for the one source and its valid secret."""
    (source_id,) = world.live()
    for process in processes:
        assert process.error is None, process.error
        assert process.result is not None
        assert process.result.source.data_source_id == source_id
        assert world.store[str(process.result.stored_as)] == world.rows[source_id].secret


ROWS: dict[str, Callable[[], Outcome]] = {
    "nothing": play,
    "killed before the POST": lambda: killed("before register"),
    "killed after the POST had its effect": lambda: killed("after register"),
    "killed before the secret is written": lambda: killed("before write secret"),
    "killed after the secret is written": lambda: killed("after write secret"),
    "killed before the record is closed": lambda: killed("before write record"),
    "the connection drops before the POST has an effect": lambda: lost("register", Fault(applies=False)),
    "the connection drops after the POST had its effect": lambda: lost("register", Fault()),
    "502, 503 or 504 after the POST had its effect": lambda: lost("register", Fault(error=server_error)),
    "a time-out, and the POST takes effect 20 s later": lambda: lost("register", Fault(late=20, error=timed_out)),
    "the list cannot be had": lambda: lost("list", Fault(applies=False, error=server_error)),
    "sixteen tasks of one source at once": raced,
    "a process stands still after the POST, and wakes up after its retry": frozen,
}


def table() -> str:
    """Play every row and return the table."""
    rows = [(what, outcome()) for what, outcome in ROWS.items()]
    lines = [f"| {what} | {found.mended_by} | {found.posts} | {found.rotations} |" for what, found in rows]
    return "\n".join([*HEADER, *lines])


if __name__ == "__main__":
    print(table())  # noqa: T201 - this is a command
