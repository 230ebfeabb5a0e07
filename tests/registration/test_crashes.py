"""Killed, frozen, raced, answers lost: wherever it happens, one live source is left and its secret is in the store."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_copass.errors import CopassRegistrationError
from airflow_provider_copass.registration import Owner, Timing
from airflow_provider_copass.registration.record import Closed, from_text
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import Fault, Killed, World, run_all, server_error, timed_out
from tests.registration.worlds import Process, run, wish

pytestmark = pytest.mark.rounds

TIMING = Timing(settle=30, claim=1, take_over=5, takeover_after=300, patience=90, poll=1)
REALTIME = {"ingestion_mode": "realtime"}


def attempt(world: World, number: int = 1, *, task: str = "dag/run/task/-1", **script: object) -> Process:
    """Run one try of a task to its end."""
    process = Process(world, wish(**REALTIME), Owner(task, number), TIMING, **script)  # type: ignore[arg-type]
    run_all(world, [process])
    return process


def assert_good(world: World, process: Process, key: str = "copass_webhook_secret_{}") -> None:
    """One live source, its valid secret in the store under the key that was reported, the record closed."""
    assert process.error is None, (process.error, process.trace)
    assert process.result is not None
    (source_id,) = world.live()
    assert process.result.source.data_source_id == source_id
    assert process.result.stored_as == key.format(source_id)
    assert world.store[process.result.stored_as] == world.rows[source_id].secret
    (text,) = world.records.values()
    record = from_text(text, name="r")
    assert isinstance(record, Closed)
    assert record.source_id == source_id
    assert "canary" not in text
    assert "canary" not in json.dumps(process.said)


def boundaries() -> int:
    """Count the boundaries of an undisturbed registration."""
    return len(attempt(World()).trace)


def test_undisturbed_it_is_one_post_and_no_rotation() -> None:
    """The secret of the POST's own answer is the one that is stored."""
    world = World()
    assert_good(world, attempt(world))
    assert (world.posts, world.rotations) == (1, 0)


def test_the_second_run_writes_nothing() -> None:
    """It looks at the list, the record and the store, and that is all."""
    world = World()
    attempt(world)
    second = attempt(world, task="dag/second run/task/-1")
    assert_good(world, second)
    assert [step for step in second.trace if step.startswith("before")] == [
        "before list",
        "before read record",
        "before read secret",
    ]


@pytest.mark.parametrize("at", range(boundaries()))
def test_killed_at_any_boundary_the_retry_mends_it(at: int) -> None:
    """Before and after each request, each record and each secret: the retry ends with one source and a valid secret."""
    world = World()
    first = attempt(world, 1, kill_at=at)
    assert isinstance(first.error, Killed)
    assert_good(world, attempt(world, 2))
    assert world.posts == 1


def test_killed_at_any_pair_of_boundaries_the_third_try_mends_it() -> None:
    """The first try and its retry are both killed, wherever."""
    for first_at in range(boundaries()):
        for second_at in itertools.count():
            world = World()
            attempt(world, 1, kill_at=first_at)
            second = attempt(world, 2, kill_at=second_at)
            if not isinstance(second.error, Killed):
                assert_good(world, second)
                break
            assert_good(world, attempt(world, 3))


@pytest.mark.parametrize("at", range(boundaries()))
def test_frozen_at_any_boundary_it_wakes_to_a_finished_registration(at: int) -> None:
    """A process that stands still while its retry does the work harms nothing when it goes on."""
    world = World()
    zombie = Process(world, wish(**REALTIME), Owner("dag/run/task/-1", 1), TIMING, freezes={at: 1000.0})
    while zombie.wakes_at < world.now + 500 and not zombie.is_over:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    retry = attempt(world, 2)
    assert_good(world, retry)
    stored = dict(world.store)
    run_all(world, [zombie])
    assert_good(world, zombie)
    if "before write secret" not in zombie.trace[at : at + 2]:
        assert world.store == stored
        return
    # Between its look at the record and its write nothing can stop it: it sees afterwards what it did, and mends it.
    assert (world.posts, world.rotations) == (1, 2)
    assert len(zombie.said_of("wrote over it")) == 1


def test_a_late_write_over_the_secret_of_the_next_source_is_mended() -> None:
    """Under a fixed key the one who wakes up may find another source there than the one that it made."""
    world = World()
    key = StoreKey("my_secret")
    at = run(World(), **REALTIME, key=key).trace.index("before write secret")
    zombie = Process(world, wish(**REALTIME, key=key), Owner("dag/run/task/-1", 1), TIMING, freezes={at: 1000.0})
    while zombie.wakes_at < world.now + 500 and not zombie.is_over:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    assert run(world, attempt=2, **REALTIME, key=key).error is None
    world.rows["ds-1"].alive = False
    assert run(world, task="dag/run 2/task/-1", **REALTIME, key=key).error is None
    run_all(world, [zombie])
    assert_good(world, zombie, "my_secret")
    assert len(zombie.said_of("wrote over it")) == 1


@pytest.mark.parametrize("at", range(boundaries()))
def test_a_stranger_takes_over_only_what_is_dead_for_long(at: int) -> None:
    """Another task waits in vain for a dead one, says so, and takes over when that is old enough."""
    world = World()
    attempt(world, 1, kill_at=at)
    early = attempt(world, 1, task="other/run/task/-1")
    if early.error is not None:
        assert isinstance(early.error, CopassRegistrationError)
        assert not early.error.is_final
        world.advance(world.now + 301)
        early = attempt(world, 2, task="other/run/task/-1")
    assert_good(world, early)


EFFECTS = attempt(World()).effects
LOST = {
    "dropped before the effect": Fault(applies=False),
    "dropped after the effect": Fault(),
    "503 before the effect": Fault(applies=False, error=server_error),
    "503 after the effect": Fault(error=server_error),
    "timed out, effect 20 s late": Fault(late=20, error=timed_out),
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("number", [n for n, name in enumerate(EFFECTS) if name in {"list", "register"}])
def test_a_lost_answer_never_makes_a_second_source(number: int, lost: str) -> None:
    """The same try or the next one heals it, and a POST is repeated only where the first one had no effect."""
    world = World()
    process = attempt(world, 1, faults={number: LOST[lost]})
    if process.error is not None:
        process = attempt(world, 2)
    assert_good(world, process)
    applied = EFFECTS[number] != "register" or "before" not in lost
    assert world.posts == (1 if applied else 2)


def test_an_effect_later_than_settle_is_reported_and_not_deleted() -> None:
    """A server that breaks its promise leaves a twin: its id is said, and nobody touches it."""
    world = World()
    number = EFFECTS.index("register")
    first = attempt(world, 1, faults={number: Fault(late=200, error=timed_out)})
    assert first.result is not None
    world.advance(world.now + 300)
    second = attempt(world, 1, task="dag/run 2/task/-1")
    assert second.result is not None
    assert second.result.source.data_source_id == first.result.source.data_source_id
    assert len(world.live()) == 2
    twin = next(source_id for source_id in world.live() if source_id != first.result.source.data_source_id)
    assert any(twin in said for said in second.said)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_raced_in_any_order_there_is_one_source(data: st.DataObject) -> None:
    """Up to six tasks interleave at every boundary as they like; all end with the same source."""
    world = World()
    count = data.draw(st.integers(2, 6))
    racers = [Process(world, wish(**REALTIME), Owner(f"dag/run {n}/task/-1", 1), TIMING) for n in range(count)]
    run_all(world, racers, lambda awake: data.draw(st.integers(0, awake - 1)))
    for racer in racers:
        assert_good(world, racer)
    assert world.rotations == 0


@pytest.mark.parametrize("key", [StoreKey(), StoreKey("my_secret")], ids=["key with the id", "fixed key"])
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_happens_the_last_try_finds_one_source(data: st.DataObject, key: StoreKey) -> None:
    """Racing tasks are killed or frozen, and lose answers, at random, and are tried again until each succeeds."""
    world = World()
    tasks = [f"dag/run {n}/task/-1" for n in range(data.draw(st.integers(1, 3)))]
    fault = st.sampled_from([None, None, None, *LOST.values()])

    def process(task: str, number: int, *, calm: bool) -> Process:
        if calm:
            return Process(world, wish(**REALTIME, key=key), Owner(task, number), TIMING)
        # One that stood still, wrote over a newer secret and is killed before it sees that: a stated limit.
        is_frozen = data.draw(st.booleans())
        pauses = st.dictionaries(st.integers(0, 50), st.sampled_from([3.0, 20.0, 400.0, 1000.0]), max_size=2)
        return Process(
            world,
            wish(**REALTIME, key=key),
            Owner(task, number),
            TIMING,
            kill_at=None if is_frozen else data.draw(st.none() | st.integers(0, 50)),
            freezes=data.draw(pauses) if is_frozen else None,
            faults={n: f for n, f in enumerate(data.draw(st.lists(fault, max_size=30))) if f is not None},
        )

    for number in range(1, 4):
        run_all(
            world,
            [process(task, number, calm=False) for task in tasks],
            lambda awake: data.draw(st.integers(0, awake - 1)),
        )
        world.advance(world.now + data.draw(st.sampled_from([0.0, 10.0, 400.0])))
    world.advance(world.now + 400)
    last = [process(task, 4, calm=True) for task in tasks]
    run_all(world, last)
    for done in last:
        assert_good(world, done, key.template.replace("{data_source_id}", "{}"))


@pytest.mark.parametrize("claim", [0.0, 0.02])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_claim_that_was_too_short_is_tidied_up(data: st.DataObject, claim: float) -> None:
    """Where the pause does not keep racers apart, twins are made, and each is deleted by the one that made it."""
    world = World()
    timing = Timing(settle=30, claim=claim, take_over=5, takeover_after=300, patience=90, poll=1)
    # One of them stands still for long as well.
    pauses = [data.draw(st.dictionaries(st.integers(15, 45), st.just(50.0), max_size=1)), None, None, None]
    racers = [
        Process(world, wish(**REALTIME), Owner(f"dag/run {n}/task/-1", 1), timing, freezes=freezes)
        for n, freezes in enumerate(pauses)
    ]
    run_all(world, racers, lambda awake: data.draw(st.integers(0, awake - 1)))
    again = [
        racer if racer.error is None else attempt(world, 2, task=f"dag/run {n}/task/-1")
        for n, racer in enumerate(racers)
    ]
    for racer in again:
        assert_good(world, racer)
    # Nor does a secret of a source that was deleted stay behind, even one that was written late.
    assert list(world.store) == [again[0].result.stored_as if again[0].result else None]
