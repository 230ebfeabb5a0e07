"""Wishes, and one process after another in the simulated world, in the words of the tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.registration import Owner, Registration, Timing, Wish
from tests.registration import simulation

TIMING = Timing(settle=30, claim=1, take_over=5, takeover_after=300, patience=90, poll=1)
TASK = "dag/run/task/-1"
_NUMBERS = itertools.count()


class Process(simulation.Process):
    """One try of a task that runs one of today's protocols.

    :param build: what it runs.
    :param script: of :class:`tests.registration.simulation.Process`.
    """

    def __init__(
        self,
        world: simulation.World,
        wish: Wish,
        owner: Owner,
        timing: Timing,
        *,
        build: Callable[..., simulation.Work] = Registration,
        **script: Any,
    ) -> None:
        def built(process: simulation.Process) -> simulation.Work:
            return build(
                wish,
                sources=process,
                secrets=process.secrets,
                records=process.records,
                report=process,
                clock=process,
                owner=owner,
                mark=f"{owner}/{next(_NUMBERS)}",
                timing=timing,
            )

        super().__init__(world, built, **script)


def wish(**fields: Any) -> Wish:
    """Ask for a source."""
    of_wish = {name: fields.pop(name) for name in ("if_exists", "on_missing_secret", "key") if name in fields}
    source = read_register(**{"provider": "slack", "name": "n", "ingestion_mode": "manual", **fields})
    return Wish(sandbox_id="sb", source=source, **of_wish)


def run(
    world: simulation.World, *, task: str = TASK, attempt: int = 1, script: dict[str, Any] | None = None, **fields: Any
) -> Process:
    """Run one try of a task to its end."""
    process = Process(world, wish(**fields), Owner(task, attempt), TIMING, **(script or {}))
    simulation.run_all(world, [process])
    return process


def seed(world: simulation.World, *, secret: str | None = None, **fields: Any) -> str:
    """Put a source there as if it had always been, and return its id."""
    source_id = f"ds-{len(world.rows) + 1}"
    known = {"provider": "slack", "name": "n", "ingestion_mode": "manual", **fields}
    world.rows[source_id] = simulation.Row(known, secret, world.now - 1000)
    return source_id
