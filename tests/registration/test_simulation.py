"""The simulation does what its tests rely on: a fault that is never met proves nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassConnectionLostError
from tests.registration import acts
from tests.registration.simulation import START, Fault, Killed, Process, World, run_all, run_to, settle


@dataclass
class Steps:
    """Runs a function of its process."""

    process: Process
    steps: Callable[[Process], Any]

    def run(self) -> Any:
        """Run."""
        return self.steps(self.process) or "done"


def run(world: World, steps: Callable[[Process], Any], **script: Any) -> Process:
    """Run a process to its end."""
    process = Process(world, lambda it: Steps(it, steps), **script)
    run_all(world, [process])
    return process


def test_a_freeze_at_a_sleep_comes_on_top_of_the_sleep() -> None:
    """Before it as well as at its end."""
    for where in ("before sleep", "after sleep", 0, 1, ("after sleep", 0), lambda name, _: name == "after sleep"):
        process = run(World(), lambda it: it.clock.sleep(5), freezes={where: 100.0})
        assert 105 <= process.elapsed < 106


def test_a_process_is_killed_at_a_sleep() -> None:
    """Before it or at its end, and nothing of it runs on: not even what it does on its way out."""
    for where in ("before sleep", "after sleep", 0, 1):
        world = World()

        def steps(process: Process) -> None:
            try:
                process.clock.sleep(5)
            finally:
                process.journal.write("never", "never")

        process = run(world, steps, kill_at=where)
        assert isinstance(process.error, Killed)
        assert world.entries == {}
        assert (process.elapsed >= 5) == (where in {"after sleep", 1})


def test_a_process_stands_still_at_each_of_its_boundaries() -> None:
    """Sleeps included, until somebody lets it run on."""
    world = World()
    process = Process(
        world, lambda it: Steps(it, lambda it: (it.clock.sleep(5), it.client.send(calls.list_sources("sb"))))
    )
    seen = []
    while run_to(world, process, len(seen)):
        seen.append(process.trace[-1])
    assert seen == ["before sleep", "after sleep", "before list", "after list"]


def test_only_the_wall_clock_is_ahead() -> None:
    """The monotonic one runs with the world, and a sleep is as long as anybody's."""
    process = run(
        World(), lambda it: (it.clock.now(), it.clock.monotonic(), it.clock.sleep(5), it.clock.monotonic()), ahead=300
    )
    now, before, _, after = process.result
    assert now == START + 300
    assert before < 1
    assert 5 <= after - before < 6


def test_the_servers_clock_is_its_own() -> None:
    """Dates of lists and of sources are by the server's clock."""
    world = World(server_ahead=300)
    process = run(
        world,
        lambda it: (
            it.client.send(calls.register_source("sb", provider="slack", name="n")),
            it.client.send(calls.list_sources("sb")),
        ),
    )
    created, listed = process.result
    assert created.created_at.timestamp() == pytest.approx(START + 300, abs=1)
    assert listed.answered_at.timestamp() == pytest.approx(START + 300, abs=1)


@pytest.mark.parametrize(
    ("name", "send"),
    [
        ("register", lambda it: it.client.send(calls.register_source("sb", provider="slack", name="another"))),
        ("update", lambda it: it.client.send(calls.update_source("sb", "ds-1", {"name": "another"}))),
        ("rotate", lambda it: it.client.send(calls.rotate_webhook_secret("sb", "ds-1"))),
        ("delete", lambda it: it.client.send(calls.delete_source("sb", "ds-1"))),
        ("disconnect", lambda it: it.client.send(calls.disconnect_source("sb", "ds-1"))),
    ],
)
def test_every_write_to_the_server_can_be_late_or_lose_its_answer(name: str, send: Callable[[Process], Any]) -> None:
    """The process gets no answer in any case; it takes effect later, at once, or never."""
    ends = {}
    for fault in (Fault(late=12), Fault(), Fault(applies=False)):
        world = acts.seeded()
        before = copy.deepcopy(world.rows)
        process = run(world, send, faults={name: fault})
        assert isinstance(process.error, CopassConnectionLostError)
        assert (world.rows == before) == (fault.late is not None or not fault.applies)
        world.advance(world.now + 11)
        assert (world.rows == before) == (fault.late is not None or not fault.applies)
        settle(world)
        ends[fault.late, fault.applies] = world.rows != before
        assert [sent[0] for sent in world.sent] == [name]
    assert ends == {(12, True): True, (None, True): True, (None, False): False}


def test_a_copy_of_a_world_is_a_world_of_its_own() -> None:
    """With what is in flight in it."""
    world = acts.seeded()
    run(world, lambda it: it.client.send(calls.delete_source("sb", "ds-1")), faults={"delete": Fault(late=12)})
    other = copy.deepcopy(world)
    settle(other)
    assert (world.live(), other.live()) == (["ds-1"], [])


def test_a_store_that_folds_keys_has_one_value_for_both() -> None:
    """Reading, writing and removing go by the location."""
    world = World(folds=str.lower)
    assert acts.is_green(acts.register(world, store_as="Fixed"))
    assert list(world.store) == ["fixed"]
    assert acts.is_green(acts.register(world, store_as="Fixed", task=acts.OTHER))
    assert acts.is_green(acts.delete(world, store_as="Fixed", remove_secret=True))
    assert world.store == {}


@pytest.mark.parametrize(
    ("date", "year"), [("Fri, 31 Dec 9999 23:59:59 GMT", None), ("yesterday", None), ("", None), (None, 2023)]
)
def test_a_date_is_handed_on_as_the_client_reads_it(date: str | None, year: int | None) -> None:
    """However odd."""
    listed = run(World(date=date), lambda it: it.client.send(calls.list_sources("sb"))).result
    assert getattr(listed.answered_at, "year", None) == year


def test_a_list_is_cut_without_saying_so() -> None:
    """It counts as many sources as it sends."""
    world = acts.seeded()
    acts.seed(world, "m")
    world.hidden.add("ds-1")
    listed = run(world, lambda it: it.client.send(calls.list_sources("sb"))).result
    assert [source.data_source_id for source in listed.sources] == ["ds-2"]
    assert listed.is_complete
