"""A key that two sources would share serves one of them: no task is green whose secret another has overwritten."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_true
from tests.registration.each_boundary import paused_at_each
from tests.registration.simulation import Process, World, run_all


def as_azure(key: str) -> str:
    """Fold a key as Azure Key Vault does: it knows no underscore and no case."""
    return key.replace("_", "-").lower()


Two = tuple[dict[str, Any], dict[str, Any]]
"""What two tasks register, as of :func:`acts.register`, without the world."""

PAIRS: dict[str, tuple[Callable[[str], str], Two]] = {
    "names that are one key once they are cleaned": (
        str,
        (
            {"name": "x b", "store_as": "copass_secret_{name}", "task": "dag/run/task/0"},
            {"name": "x_b", "store_as": "copass_secret_{name}", "task": "dag/run/task/1"},
        ),
    ),
    "one fixed key in two DAGs": (
        str,
        (
            {"name": "a", "store_as": "fixed_secret", "task": "dag/run/task/-1"},
            {"name": "b", "store_as": "fixed_secret", "task": "other/run/task/-1"},
        ),
    ),
    "keys that a store folds": (
        as_azure,
        (
            {"name": "x-b", "store_as": "copass_secret_{name}", "task": "dag/run/task/0"},
            {"name": "X_B", "store_as": "copass-secret-{name}", "task": "dag/run/task/1"},
        ),
    ),
}
each_pair = pytest.mark.parametrize(("folds", "two"), PAIRS.values(), ids=PAIRS)


def start(world: World, how: dict[str, Any]) -> Process:
    """Start one of the two."""
    return acts.start_register(world, **how)


@each_pair
@pytest.mark.parametrize("seed", range(30))
def test_a_race_leaves_no_green_task_without_its_secret(folds: Callable[[str], str], two: Two, seed: int) -> None:
    """Two tasks race for one key, with starts up to three seconds apart: whichever is green has its secret there."""
    draw = random.Random(seed)
    world = World(folds=folds)
    processes = [start(world, how) for how in two]
    processes[1].sleep_until(world.now + draw.choice((0, 0, 0.5, 1, 1.5, 3)))
    run_all(world, processes, draw.randrange)
    assert_true(world, *processes)
    assert any(acts.is_green(process) for process in processes)


@each_pair
def test_a_task_that_is_overtaken_at_any_boundary_does_not_share_a_key(folds: Callable[[str], str], two: Two) -> None:
    """One is paused at a boundary while the other registers to its end: whichever is green has its secret there."""
    for world, paused in paused_at_each(lambda: World(folds=folds), lambda world: start(world, two[0])):
        other = acts.ended(start(world, two[1]))
        run_all(world, [paused])
        assert_true(world, paused, other)
        assert acts.is_green(paused) or acts.is_green(other)


@each_pair
def test_the_loser_of_a_race_goes_on_with_another_key(folds: Callable[[str], str], two: Two) -> None:
    """It fails with an error about the key; given another one, its next try has its one source and a valid secret."""
    for seed in range(6):
        draw = random.Random(seed)
        world = World(folds=folds)
        processes = [start(world, how) for how in two]
        run_all(world, processes, draw.randrange)
        green = [process for process in processes if acts.is_green(process)]
        assert len(green) == 1
        (lost,) = [how for how, process in zip(two, processes, strict=True) if not acts.is_green(process)]
        again = acts.until_green(acts.register, world, first=2, **{**lost, "store_as": None})
        assert_once(world, again, name=lost["name"])
        assert_true(world, *green)
        assert len(world.live()) == 2


@each_pair
def test_a_key_that_is_in_use_is_refused_before_the_post(folds: Callable[[str], str], two: Two) -> None:
    """The first source is in place; the second task fails without a POST, and the first one's secret stays."""
    world = World(folds=folds)
    first, second = (acts.ended(start(world, how)) for how in two)
    assert_green(first)
    assert type(acts.error_of(second)).__name__ == "SecretKeyTakenError"
    assert world.posts == 1
    assert_true(world, first)


def test_sources_of_one_list_do_not_share_a_location() -> None:
    """Two keys of a list differ as texts and are one in the store: no secret of a source that is reported is lost."""
    world = World(folds=as_azure)
    process = acts.register_list(world, ("x-b", "X_B"), store_as="copass_secret_{name}")
    assert not acts.is_green(process)
    assert_true(world, process)


def test_a_list_and_a_single_task_do_not_share_a_location() -> None:
    """The list is paused at each of its boundaries while a task with a key of the same location registers."""
    start = partial(acts.start_register_list, names=("x-b", "y"), store_as="copass_secret_{name}")
    for world, of_list in paused_at_each(lambda: World(folds=as_azure), start):
        other = acts.register(world, "X_B", store_as="copass-secret-{name}", task=acts.OTHER)
        run_all(world, [of_list])
        assert_true(world, of_list, other)
