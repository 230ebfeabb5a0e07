"""Lists of sources in the simulated world."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from airflow_provider_copass.registration.batch import Batch
from airflow_provider_copass.registration.batch_item import Outcome
from airflow_provider_copass.registration.wish import Wish

from airflow_provider_copass.registration import Owner
from tests.registration.simulation import World, run_all
from tests.registration.worlds import TIMING, Process, wish

K = TypeVar("K")
T = TypeVar("T")

TASK = "list/run/task/-1"


class InTurn:
    """Does as many jobs as it is wide before it tells of any: what was answered together can be lost together.

    :param width: how many.
    """

    def __init__(self, width: int = 3) -> None:
        self._width = width

    def each(self, jobs: Iterable[tuple[K, Callable[[], T]]]) -> Iterator[tuple[K, T]]:
        """Do them."""
        source = iter(jobs)
        while together := list(itertools.islice(source, self._width)):
            yield from [(word, job()) for word, job in together]


def wishes(names: Iterable[str], **fields: Any) -> list[Wish]:
    """Ask for sources that differ by their names."""
    return [wish(**{"ingestion_mode": "realtime", **fields, "name": name}) for name in names]


def build(_: Wish, *, of: list[Wish], **ports: Any) -> Batch:
    """Make a batch out of what the simulation gives to one registration."""
    return Batch(of, pool=InTurn(), mask=lambda _: None, **ports)


def start(
    world: World,
    names: Iterable[str] = "abcde",
    attempt: int = 1,
    *,
    task: str = TASK,
    script: Any = None,
    **fields: Any,
) -> Process:
    """Start one try of a list."""
    of = wishes(names, **fields)
    make = functools.partial(build, of=of)
    return Process(world, of[0], Owner(task, attempt), TIMING, build=make, **(script or {}))


def run(world: World, names: Iterable[str] = "abcde", attempt: int = 1, **how: Any) -> Process:
    """Run one try of a list to its end."""
    process = start(world, names, attempt, **how)
    run_all(world, [process])
    return process


def outcomes(process: Process) -> list[Outcome]:
    """Return what became of each source."""
    assert process.error is None, (process.error, process.trace)
    assert isinstance(process.result, list)
    return process.result


def acts(process: Process) -> list[str]:
    """Return what became of each source, in a word."""
    return [outcome.act for outcome in outcomes(process)]


def single(world: World, name: str, task: str = "single/run/task/-1", attempt: int = 1, **script: Any) -> Process:
    """Start one try of a single source."""
    of = wish(ingestion_mode="realtime", name=name)
    return Process(world, of, Owner(task, attempt), TIMING, **script)


def assert_good_beside_singles(world: World, process: Process, names: str = "abc") -> None:
    """One live source a name, and its valid secret where the list says."""
    live = {world.rows[source_id].fields["name"]: source_id for source_id in world.live()}
    assert sorted(live) == sorted(names)
    assert len(world.live()) == len(names)
    for outcome in outcomes(process):
        assert outcome.error is None
        assert outcome.registered is not None
        source_id = outcome.registered.source.data_source_id
        assert source_id == live[outcome.wish.source.name]
        assert world.store[outcome.registered.stored_as or ""] == world.rows[source_id].secret
