"""No two clocks have to agree: a POST that takes effect late is found, whatever time the retry's host has."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.registration import acts
from tests.registration.checks import assert_once
from tests.registration.simulation import Fault, World

LATE = 24.0
AHEAD = (20.0, 300.0, -45.0, 5.0, -20.0, -300.0, 3600.0)


def killed(way: str, world: World, **script: Any) -> None:
    """Kill a try right after it has sent a POST that takes effect late."""
    first = acts.register_one(way, world, faults={"register": Fault(late=LATE)}, kill_at="after register", **script)
    assert acts.is_killed(first)


@acts.both_ways
@pytest.mark.parametrize(
    ("server", "first", "second"),
    [
        (0.0, 0.0, 0.0),
        *((0.0, 0.0, ahead) for ahead in AHEAD),
        *((0.0, ahead, 0.0) for ahead in AHEAD),
        *((ahead, 0.0, 0.0) for ahead in (-300.0, -45.0, 20.0, 300.0)),
    ],
)
def test_a_retry_makes_no_duplicate(way: str, server: float, first: float, second: float) -> None:
    """The POST takes effect 24 s after it was sent, and the retry starts at once: one live source.

    The clock of its host, or of the killed try's host, or of the server is ahead.
    """
    world = World(server_ahead=server)
    killed(way, world, ahead=first)
    retry = acts.until_green(partial(acts.register_one, way), world, first=2, ahead=second)
    assert_once(world, retry)
    assert world.posts == 1


@acts.both_ways
@pytest.mark.parametrize("ahead", [0.0, *AHEAD])
def test_another_task_on_a_host_with_another_clock_makes_no_duplicate(way: str, ahead: float) -> None:
    """Another DAG's tries follow each other at once, and later: one live source."""
    world = World()
    killed(way, world)
    other = acts.until_green(partial(acts.register_one, way), world, task=acts.OTHER, pause=120, tries=7, ahead=ahead)
    assert_once(world, other)
