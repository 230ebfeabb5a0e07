"""What a task costs: requests to the API, and calls on Airflow's Variables."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Variable

from airflow_provider_copass.airflow_variables import SENTINEL, AirflowVariables
from airflow_provider_copass.secret_stores.variable import VariableStore
from tests.registration import acts
from tests.registration.checks import assert_green
from tests.registration.simulation import Process, World, run_all

API = {"list", "get", "register", "update", "rotate", "delete", "disconnect"}


def requests(process: Process) -> dict[str, int]:
    """Count the requests of a green task."""
    assert_green(process)
    return dict(Counter(effect for effect in process.effects if effect in API))


def sandbox_of(count: int) -> World:
    """Return a world with so many sources."""
    world = World()
    for number in range(count):
        acts.seed(world, f"other {number}", ingestion_mode="polling")
    return world


@pytest.mark.parametrize("count", [10, 5_000])
def test_a_source_is_registered_with_one_list_and_one_post_and_in_place_costs_one_get(count: int) -> None:
    """Whatever the sandbox holds; in place nothing is written anywhere."""
    world = sandbox_of(count)
    assert requests(acts.register(world)) == {"list": 1, "register": 1}
    in_place = acts.register(world, task=acts.NEXT)
    assert requests(in_place) == {"get": 1}
    assert not [effect for effect in in_place.effects if "write" in effect]


def test_a_long_list_costs_a_post_a_source_and_a_list_a_chunk() -> None:
    """And one more list at the end, to look for duplicates. In place: a list a chunk, for much may change meanwhile."""
    world = World()
    names = [f"source {number}" for number in range(1_000)]
    how = {"ingestion_mode": "polling"}
    assert requests(acts.register_list(world, names, **how)) == {"list": 11, "register": 1_000}
    in_place = acts.register_list(world, names, task=acts.NEXT, **how)
    assert requests(in_place) == {"list": 2}
    assert not [effect for effect in in_place.effects if "write" in effect]


@pytest.mark.parametrize(("count", "cost"), [(1, {"get": 1}), (3, {"get": 3}), (4, {"list": 1}), (100, {"list": 1})])
def test_a_list_in_place_is_looked_at_one_by_one_up_to_three(count: int, cost: dict[str, int]) -> None:
    """For more a list is cheaper."""
    world = sandbox_of(10)
    names = [f"source {number}" for number in range(count)]
    acts.register_list(world, names)
    assert requests(acts.register_list(world, names, task=acts.NEXT)) == cost


class Variables:
    """Airflow's Variables in memory; each call is counted."""

    def __init__(self) -> None:
        self.held = {SENTINEL: "here"}
        self.calls = 0

    def get_variable(self, *, key: str) -> str | None:
        """Read one."""
        self.calls += 1
        return self.held.get(key)

    def change(self, key: str, value: str | None = None) -> None:
        """Write one, or remove it."""
        self.calls += 1
        if value is None:
            del self.held[key]
        else:
            self.held[key] = value


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    """Airflow's Variables, to which Airflow's own writes go as well."""
    variables = Variables()
    monkeypatch.setattr(Variable, "set", staticmethod(variables.change))
    monkeypatch.setattr(Variable, "delete", staticmethod(variables.change))
    return variables


def calls_of(variables: Variables, world: World, names: list[str], **how: Any) -> float:
    """Return how many calls on Variables a source costs, by itself or in a list."""
    ours = AirflowVariables(backends=[variables], monotonic=lambda: world.now)
    how |= {"secrets": VariableStore(ours), "journal": ours}
    start = (
        acts.start_register(world, names[0], **how)
        if len(names) == 1
        else acts.start_register_list(world, names, **how)
    )
    before = variables.calls
    run_all(world, [start])
    assert_green(start)
    return (variables.calls - before) / len(names)


@pytest.mark.parametrize(
    ("count", "how", "new", "in_place"),
    [
        (1, {"ingestion_mode": "polling"}, 10, 1),
        (1, {}, 18, 2),
        (1, {"store_as": "key_{name}"}, 22, 2),
        (100, {"ingestion_mode": "polling"}, 8, 1),
        (100, {}, 16, 2),
    ],
    ids=[
        "a source",
        "with a secret",
        "with a secret under a key without the id",
        "in a list",
        "in a list with a secret",
    ],
)
def test_variable_calls(variables: Variables, count: int, how: dict[str, str], new: int, in_place: int) -> None:
    """At most so many for a new source, and exactly so many for one in place."""
    world = World()
    names = [f"source {number}" for number in range(count)]
    first, second = calls_of(variables, world, names, **how), calls_of(variables, world, names, task=acts.NEXT, **how)
    assert first <= new, first
    assert second == in_place
