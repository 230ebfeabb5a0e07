"""Rotating because a task asks for it: the valid secret is stored, and the one before it is kept if that is asked."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import (
    CopassAuthenticationError,
    CopassError,
    CopassInputError,
    CopassNotFoundError,
    CopassStatusError,
    SecretKeyTakenError,
    SourceChangedError,
    SourceMissingError,
)
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once
from tests.registration.each_boundary import killed_at_each
from tests.registration.simulation import Fault, Process, World, run_all

PREVIOUS = f"{acts.KEY}_previous"


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered."""
    return acts.registered()


def rotate_keeping(world: World, attempt: int = 1, **how: Any) -> Process:
    """Run one try of a rotation that keeps the secret before it."""
    return acts.rotate(world, attempt=attempt, keep_previous=True, **how)


@pytest.mark.parametrize("named", [{"data_source_id": "ds-1"}, {}], ids=["by id", "by name"])
def test_a_rotation_stores_the_new_secret(world: World, named: dict[str, str]) -> None:
    """One call, and it is nowhere else; a registration finds everything in place."""
    done = acts.rotate(world, **named)
    assert acts.told(done) == acts.Told("updated", "ds-1", acts.KEY)
    assert world.store == {acts.KEY: "canary-2"}
    assert "canary" not in f"{done.log.lines}{world.entries}"
    again = acts.register(world, task=acts.OTHER)
    assert_once(world, done, again)
    assert acts.told(again).outcome == "unchanged"
    assert world.sent == [("register", "n"), ("rotate", "ds-1")]


def test_an_unmanaged_sources_secret_is_rotated_as_well() -> None:
    """It was asked for."""
    world = acts.seeded()
    assert_once(world, acts.rotate(world))
    assert acts.told(acts.register(world)) == acts.Told("unchanged", "ds-1", acts.KEY)


def test_a_rotation_whose_answer_was_lost_is_repeated_with_a_word(world: World) -> None:
    """The try fails; the next one waits until the first can no longer take effect, rotates, and says so."""
    first = acts.rotate(world, faults={"rotate": Fault()})
    assert not acts.is_green(first)
    assert world.rotations == 1
    second = acts.rotate(world, attempt=2)
    assert_once(world, second)
    assert len(second.log.with_text("was not finished; rotating once more")) == 1
    assert world.rotations == 2
    assert second.elapsed > acts.SETTLE


@pytest.mark.parametrize("seed", range(3))
def test_it_races_a_registration_and_another_rotation(seed: int) -> None:
    """In whichever order: one after the other, and the valid secret is stored."""
    world = acts.registered()
    racers = [acts.start_rotate(world, task=f"rotate/run {number}/task/-1") for number in range(2)]
    racers.append(acts.start_register(world, task=acts.OTHER))
    order = itertools.count(seed)
    run_all(world, racers, lambda awake: next(order) % awake)
    assert_once(world, *racers)
    assert world.rotations == 2


# The secret before it.


def test_the_previous_secret_is_kept_if_asked_for(world: World) -> None:
    """Under a key of its own, for anyone who has not picked up the new one yet; a next run keeps the next one."""
    assert_once(world, rotate_keeping(world))
    assert world.store == {acts.KEY: "canary-2", PREVIOUS: "canary-1"}
    assert_once(world, rotate_keeping(world, task="rotate/next run/task/-1"))
    assert world.store == {acts.KEY: "canary-3", PREVIOUS: "canary-2"}


def test_killed_at_any_boundary_the_retry_keeps_the_secret_that_was_valid_before() -> None:
    """Whichever try has copied it, and however often was rotated since: once more at the most."""
    for world, _ in killed_at_each(acts.registered, rotate_keeping, more_than=15):
        assert_once(world, rotate_keeping(world, 2))
        assert world.store[PREVIOUS] == "canary-1"
        assert world.rotations <= 2


@pytest.mark.rounds
def test_killed_twice_at_any_boundary_the_last_retry_keeps_it_as_well() -> None:
    """A retry goes on from what a killed retry has left."""
    length = len(rotate_keeping(acts.registered()).trace)
    for first, second in itertools.product(range(0, length, 2), range(0, length + 20, 3)):
        world = acts.registered()
        rotate_keeping(world, kill_at=first)
        rotate_keeping(world, 2, kill_at=second)
        assert_once(world, rotate_keeping(world, 3))
        assert world.store[PREVIOUS] == "canary-1"


def test_another_tasks_dead_rotation_is_gone_on_from_with_the_stored_secret_kept() -> None:
    """Killed at any boundary: what was in the store when this task began is under the second key."""
    for world, _ in killed_at_each(acts.registered, partial(acts.rotate, task="another/run/task/-1")):
        world.advance(world.now + acts.LONG)
        before = world.store[acts.KEY]
        rotate_keeping(world, kill_at="before rotate")
        assert_once(world, rotate_keeping(world, 2))
        assert world.store[PREVIOUS] == before


def test_the_previous_secret_is_not_kept_over_the_secret_of_a_source_that_is_called_so() -> None:
    """A key of the name alone tells nobody whose it is: nothing is rotated, and nothing is overwritten."""
    world = World()
    for name in ("n", "n_previous"):
        assert_green(acts.register(world, name, task=f"dag/run/{name}/-1", store_as="of_{name}"))
    before = dict(world.store)
    assert set(before) == {"of_n", "of_n_previous"}
    error = acts.error_of(rotate_keeping(world, store_as="of_{name}"))
    assert isinstance(error, SecretKeyTakenError)
    assert (world.store, world.rotations) == (before, 0)


def test_the_previous_secret_is_not_kept_over_one_that_is_noted_to_be_anothers() -> None:
    """The key for it is judged as any other."""
    world = World(notes_owners=True)
    assert_green(acts.register(world))
    world.store[PREVIOUS], world.owners[PREVIOUS] = "somebody's", "ds-99"
    assert isinstance(acts.error_of(rotate_keeping(world)), SecretKeyTakenError)
    assert (world.store[PREVIOUS], world.rotations) == ("somebody's", 0)


def test_a_second_key_that_the_store_cannot_hold_is_refused_before_anything_is_minted(world: World) -> None:
    """With the suffix it may be too long."""
    world.serves = lambda key: not key.endswith("_previous")
    before = dict(world.store), dict(world.entries)
    assert isinstance(acts.error_of(rotate_keeping(world)), CopassInputError)
    assert (world.rotations, (world.store, world.entries)) == (0, before)


# What is refused.


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        (CopassNotFoundError, 404, SourceChangedError),
        (CopassStatusError, 405, SourceChangedError),
        (CopassAuthenticationError, 401, CopassAuthenticationError),
    ],
)
def test_a_refused_rotation_leaves_all_as_it_was(
    world: World, kind: type[CopassStatusError], status: int, told: type[CopassError]
) -> None:
    """What was not carried out is not remembered; a server without rotation is said to be one."""
    before = dict(world.store), dict(world.entries)
    refused = Fault(applies=False, error=lambda: kind("no", status=status))
    error = acts.error_of(acts.rotate(world, faults={"rotate": refused}))
    assert type(error) is told
    assert ("Its secret is as it was" in str(error)) == (told is SourceChangedError)
    assert (world.store, world.entries) == before


def test_another_key_than_the_recorded_one_is_refused(world: World) -> None:
    """Anyone who reads the secret where it is would be left a void one."""
    error = acts.error_of(acts.rotate(world, store_as="another_secret"))
    assert isinstance(error, SourceChangedError)
    assert f"is in the test store '{acts.KEY}'" in str(error)
    assert "Nothing was done" in str(error)
    assert world.rotations == 0


@pytest.mark.parametrize(
    ("mode", "kind"), [(None, SourceMissingError), ("polling", SourceChangedError)], ids=["missing", "not realtime"]
)
def test_a_source_that_has_no_secret_is_an_error(mode: str | None, kind: type[CopassError]) -> None:
    """It is registered first; or it is not one with a webhook."""
    world = World()
    if mode is not None:
        acts.seed(world, ingestion_mode=mode)
    assert isinstance(acts.error_of(acts.rotate(world)), kind)
    assert (world.sent, world.entries) == ([], {})
