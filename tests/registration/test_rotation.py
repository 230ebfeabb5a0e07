"""Rotating: once a task instance; wherever it is killed, frozen or robbed of answers, the valid secret is stored."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

from airflow_provider_copass.errors import (
    CopassAuthenticationError,
    CopassInputError,
    CopassNotFoundError,
    SecretKeyTakenError,
    SourceChangedError,
    SourceMissingError,
)
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.record import Closed, from_text
from airflow_provider_copass.registration.rotation import Rotation
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import Fault, Killed, World, run_all, server_error, timed_out
from tests.registration.worlds import TIMING, Process, run, wish

KEY = "copass_webhook_secret_ds-1"
TASK = "rotate/run/task/-1"


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered."""
    return registered()


def registered() -> World:
    """Return a world in which a realtime source was registered."""
    world = World()
    assert run(world, ingestion_mode="realtime").error is None
    return world


def start(
    world: World, attempt: int = 1, *, task: str = TASK, options: dict[str, Any] | None = None, **script: Any
) -> Process:
    """Start one try of a rotation."""
    build = functools.partial(Rotation, **(options or {}))
    return Process(world, wish(ingestion_mode="realtime"), Owner(task, attempt), TIMING, build=build, **script)


def rotate(world: World, attempt: int = 1, **how: Any) -> Process:
    """Run one try of a rotation to its end."""
    process = start(world, attempt, **how)
    run_all(world, [process])
    return process


def assert_good(world: World, process: Process) -> None:
    """The valid secret is stored under the key that was reported, and the record is closed and tells who rotated."""
    assert process.error is None, (process.error, process.trace)
    assert process.result is not None
    assert process.result.stored_as == KEY
    assert world.live() == ["ds-1"]
    assert world.store[KEY] == world.rows["ds-1"].secret
    (text,) = world.records.values()
    record = from_text(text, name="r")
    assert isinstance(record, Closed)
    assert record.key == KEY
    assert "canary" not in text + "".join(process.said)


def test_a_rotation_stores_the_new_secret(world: World) -> None:
    """One call, and the old secret is worthless."""
    assert_good(world, rotate(world))
    assert world.store[KEY] == "canary-2"
    assert (world.posts, world.rotations) == (1, 1)


def test_a_retry_of_a_task_that_has_rotated_does_not_rotate_again(world: World) -> None:
    """The record tells which task instance did it."""
    rotate(world)
    assert_good(world, rotate(world, 2))
    assert world.rotations == 1


def test_the_next_run_rotates_again(world: World) -> None:
    """It is another task instance."""
    rotate(world)
    assert_good(world, rotate(world, task="rotate/run 2/task/-1"))
    assert world.rotations == 2


def test_a_registration_after_it_finds_everything_in_place(world: World) -> None:
    """Nothing is minted or sent again."""
    rotate(world)
    again = run(world, task="dag/run 2/task/-1", ingestion_mode="realtime")
    assert_good(world, again)
    assert (world.posts, world.rotations) == (1, 1)


def test_killed_at_any_boundary_the_retry_leaves_the_valid_secret() -> None:
    """Before and after each look, the rotation, and each write; one rotation more at the most."""
    for kill_at in itertools.count():
        world = registered()
        first = rotate(world, kill_at=kill_at)
        if first.error is None:
            break
        assert isinstance(first.error, Killed)
        assert_good(world, rotate(world, 2))
        assert world.rotations <= 2


def test_killed_at_any_boundary_the_next_registration_waits_or_mends_it() -> None:
    """A schedule that registers meets a dead rotation: it waits, and takes it over when that is old enough."""
    for kill_at in itertools.count():
        world = registered()
        first = rotate(world, kill_at=kill_at)
        if first.error is None:
            break
        world.advance(world.now + 1000)
        assert_good(world, run(world, task="dag/run 2/task/-1", ingestion_mode="realtime"))


def test_frozen_at_any_boundary_it_wakes_and_leaves_the_valid_secret() -> None:
    """Its retry has done the work meanwhile."""
    for at in itertools.count():
        world = registered()
        zombie = start(world, freezes={at: 1000.0})
        while zombie.wakes_at < world.now + 500 and not zombie.is_over:
            world.advance(max(world.now, zombie.wakes_at))
            zombie.step()
        if zombie.is_over:
            break
        assert_good(world, rotate(world, 2))
        run_all(world, [zombie])
        assert_good(world, zombie)


@pytest.mark.parametrize(
    "fault",
    [Fault(applies=False), Fault(), Fault(error=server_error), Fault(late=20, error=timed_out)],
    ids=["dropped before", "dropped after", "503 after", "20 s late"],
)
def test_a_lost_answer_is_not_repeated_without_a_word(world: World, fault: Fault) -> None:
    """The try fails; the next one rotates once more, and says that it does so."""
    first = rotate(world, faults={"rotate": fault})
    assert first.error is not None
    assert world.rotations == 1
    world.advance(world.now + 60)
    second = rotate(world, 2)
    assert_good(world, second)
    assert world.rotations == 2
    assert len(second.said_of("was lost; rotating once more")) == 1


def test_it_races_a_registration_and_another_rotation() -> None:
    """In whichever order: one after the other, and the valid secret is stored."""
    for turn in range(3):
        world = registered()
        racers = [start(world, task=f"rotate/run {n}/task/-1") for n in range(2)]
        racers.append(Process(world, wish(ingestion_mode="realtime"), Owner("dag/run 2/task/-1", 1), TIMING))
        order = itertools.count(turn)
        run_all(world, racers, lambda awake, order=order: next(order) % awake)
        for racer in racers:
            assert_good(world, racer)
        assert world.rotations == 2


def test_the_previous_secret_is_kept_where_asked_for(world: World) -> None:
    """Under a key of its own, for whoever has not picked up the new one yet."""
    assert_good(world, rotate(world, options={"keep_previous": True}))
    assert world.store == {KEY: "canary-2", f"{KEY}_previous": "canary-1"}


KEEP = {"keep_previous": True}


def test_a_previous_secret_is_not_written_over_the_secret_of_a_source_that_is_called_so() -> None:
    """A key of the name alone tells nobody whose it is: nothing is rotated, and nothing is overwritten."""
    key = StoreKey("of_{name}")
    world = World()
    for name in ("n", "n_previous"):
        assert run(world, task=f"dag/run/{name}/-1", name=name, ingestion_mode="realtime", key=key).error is None
    before = dict(world.store)
    assert set(before) == {"of_n", "of_n_previous"}
    process = Process(
        world,
        wish(ingestion_mode="realtime", key=key),
        Owner(TASK, 1),
        TIMING,
        build=functools.partial(Rotation, keep_previous=True),
    )
    run_all(world, [process])
    assert isinstance(process.error, SecretKeyTakenError)
    assert world.store == before
    assert world.rotations == 0


def test_killed_at_any_boundary_the_retry_keeps_the_secret_that_was_valid_before() -> None:
    """Whichever try has copied it, and however many secrets were minted since."""
    for kill_at in itertools.count():
        world = registered()
        first = rotate(world, kill_at=kill_at, options=KEEP)
        if first.error is None:
            break
        assert isinstance(first.error, Killed)
        assert_good(world, rotate(world, 2, options=KEEP))
        assert world.store[f"{KEY}_previous"] == "canary-1"
    assert kill_at > 15


@pytest.mark.rounds
def test_killed_twice_at_any_boundary_the_last_retry_keeps_it_as_well() -> None:
    """A retry takes a retry's record over."""
    length = len(rotate(registered(), options=KEEP).trace)
    for first, second in itertools.product(range(length), repeat=2):
        world = registered()
        rotate(world, kill_at=first, options=KEEP)
        rotate(world, 2, kill_at=second, options=KEEP)
        assert_good(world, rotate(world, 3, options=KEEP))
        assert world.store[f"{KEY}_previous"] == "canary-1"


def test_a_dead_stranger_s_rotation_is_gone_on_from_with_the_stored_secret_kept() -> None:
    """Killed at any boundary: what was in the store when this task began is under the second key."""
    for kill_at in itertools.count():
        world = registered()
        if rotate(world, kill_at=kill_at, task="stranger/run/task/-1").error is None:
            break
        world.advance(world.now + 1000)
        before = world.store[KEY]
        rotate(world, options=KEEP, kill_at=12)
        assert_good(world, rotate(world, 2, options=KEEP))
        assert world.store[f"{KEY}_previous"] == before


def test_a_second_key_that_cannot_be_written_is_refused_before_anything_is_minted(world: World) -> None:
    """With the suffix it may be too long for the store."""

    class Short(Rotation):
        def __init__(self, *args: Any, secrets: Any, **options: Any) -> None:
            def check(key: str) -> None:
                if key.endswith("_previous"):
                    raise CopassInputError("store_as is too long", fields=("store_as",))

            secrets.check = check
            super().__init__(*args, secrets=secrets, **options)

    before = dict(world.store), dict(world.records)
    process = Process(
        world,
        wish(ingestion_mode="realtime"),
        Owner(TASK, 1),
        TIMING,
        build=functools.partial(Short, keep_previous=True),
    )
    run_all(world, [process])
    assert isinstance(process.error, CopassInputError)
    assert (world.rotations, (world.store, world.records)) == (0, before)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_rotation_leaves_all_as_it_was(world: World, status: int) -> None:
    """The secret is good, the record is closed, and the message says so."""
    before = dict(world.store), dict(world.records)
    error = CopassNotFoundError if status == 404 else CopassAuthenticationError
    done = rotate(world, faults={"rotate": Fault(applies=False, error=lambda: error("no", status=status))})
    assert isinstance(done.error, SourceChangedError)
    assert "is as it was" in str(done.error)
    assert (world.store, world.records) == before


def test_a_refused_token_leaves_all_as_it_was(world: World) -> None:
    """What was not carried out is not remembered as a rotation."""
    before = dict(world.store), dict(world.records)
    done = rotate(
        world, faults={"rotate": Fault(applies=False, error=lambda: CopassAuthenticationError("", status=401))}
    )
    assert isinstance(done.error, CopassAuthenticationError)
    assert (world.store, world.records) == before


def test_another_key_than_the_recorded_one_is_refused(world: World) -> None:
    """Whoever reads the secret where it is would be left a void one."""
    process = Process(
        world, wish(ingestion_mode="realtime", key=StoreKey("another_secret")), Owner(TASK, 1), TIMING, build=Rotation
    )
    run_all(world, [process])
    assert isinstance(process.error, SourceChangedError)
    assert "Nothing was rotated" in str(process.error)
    assert world.rotations == 0


def test_a_source_that_is_not_there_is_an_error() -> None:
    """It is registered first."""
    assert isinstance(rotate(World()).error, SourceMissingError)
