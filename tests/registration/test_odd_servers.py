"""A server that does what its page does not say: nothing is lost, nothing is guessed, and the message tells."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_copass.api import SourceList
from airflow_provider_copass.errors import CopassConflictError, CopassRateLimitError, SourceChangedError, error_class
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, live_of
from tests.registration.simulation import Fault, World, run_all, run_to, server_error, turned_away

each_field = pytest.mark.parametrize("rewrites", [{"name": "N (2)"}, {"provider": "Slack"}], ids=["name", "provider"])


@acts.both_ways
@each_field
def test_a_source_that_the_server_named_otherwise_keeps_its_secret(way: str, rewrites: dict[str, str]) -> None:
    """The secret is stored before the task fails, and the message names the source."""
    world = World(rewrites=rewrites)
    error = acts.error_of(acts.register_one(way, world))
    assert isinstance(error, SourceChangedError)
    assert "'n'" in str(error)
    assert "ds-1" in str(error)
    assert world.store == {"copass_webhook_secret_ds-1": world.rows["ds-1"].secret}


@acts.both_ways
@each_field
@pytest.mark.parametrize("mode", ["manual", "realtime"])
def test_a_source_that_the_server_named_otherwise_is_not_registered_again(
    way: str, mode: str, rewrites: dict[str, str]
) -> None:
    """However often the task is retried, and wherever the first try is killed once its answer is noted."""
    trace = acts.register_one(way, World(rewrites=rewrites), ingestion_mode=mode).trace
    noted = trace.index("after write entry", trace.index("after register"))
    for kill_at in range(noted, len(trace)):
        world = World(rewrites=rewrites)
        acts.register_one(way, world, kill_at=kill_at, ingestion_mode=mode)
        for attempt in (2, 3):
            retry = acts.register_one(way, world, attempt=attempt, ingestion_mode=mode)
            assert isinstance(acts.error_of(retry), SourceChangedError), kill_at
        assert world.posts == 1, kill_at


@acts.both_ways
@each_field
def test_a_source_that_the_server_named_otherwise_is_not_registered_again_for_a_store(
    way: str, rewrites: dict[str, str]
) -> None:
    """The store does not take the secret: the retry finds the source all the same."""
    world = World(rewrites=rewrites)
    first = acts.register_one(way, world, faults={"write secret": Fault(applies=False)})
    assert acts.error_of(first) is not None
    retry = acts.register_one(way, world, attempt=2)
    assert isinstance(acts.error_of(retry), SourceChangedError)
    assert world.posts == 1


@acts.both_ways
def test_a_source_too_many_that_cannot_be_deleted_is_deleted_by_the_next_try(way: str) -> None:
    """Who lost the lease while it sent its POST, and cannot delete what that created, fails and leaves a note of it."""
    world = World()
    first = acts.start_one(way, world, faults={"delete": Fault(applies=False, error=server_error)})
    assert run_to(world, first, "before register")
    retry = acts.register_one(way, world, attempt=2)
    assert_green(retry)
    run_all(world, [first])
    assert_retryable(first)
    assert len(live_of(world)) == 2
    last = acts.register_one(way, world, attempt=3)
    assert_once(world, retry, last)


TURNED_AWAY = {"register": Fault(applies=False, error=turned_away), "delete": Fault(applies=False, error=turned_away)}


@acts.both_ways
def test_a_post_that_is_turned_away_for_long_is_sent_again(way: str) -> None:
    """The server asks for longer pauses than a look at the lease is good for: the lease is looked at once more."""
    world = World()
    faults = {("register", number): TURNED_AWAY["register"] for number in range(3)}
    assert_once(world, acts.register_one(way, world, faults=faults))
    assert world.posts == 4


@acts.both_ways
def test_a_post_that_is_always_turned_away_fails_the_task(way: str) -> None:
    """With the server's own answer, which Airflow retries; nobody waits for the entry then."""
    world = World()
    refused = acts.register_one(way, world, faults=TURNED_AWAY)
    assert isinstance(acts.error_of(refused), CopassRateLimitError)
    assert_retryable(refused)
    other = acts.register_one(way, world, task=acts.OTHER)
    assert_once(world, other)
    assert other.elapsed < acts.SETTLE


def test_a_deletion_that_is_always_turned_away_fails_the_task() -> None:
    """With the server's own answer, which Airflow retries."""
    world = acts.registered()
    refused = acts.delete(world, faults=TURNED_AWAY)
    assert isinstance(refused.error, CopassRateLimitError)
    assert_once(world, acts.register(world, task=acts.OTHER))


@acts.both_ways
@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_rotation_is_no_matter_for_an_entry_that_is_completed_late(way: str, status: int) -> None:
    """The secret cannot be minted once more, nor can anybody have voided it."""
    world = World()
    no_rotation = Fault(applies=False, error=lambda: error_class(status)("no", status=status))
    writes = acts.register_one(way, World()).trace.count("before write entry")
    late = acts.register_one(
        way, world, freezes={("before write entry", writes - 1): 10}, faults={"rotate": no_rotation}
    )
    assert late.frozen_at
    assert "before rotate" in late.trace
    assert_once(world, late)


def test_a_server_that_shows_a_refused_name_now_and_then_ends_the_task() -> None:
    """Each POST is answered with 409, and every other list is without the source: one POST more, and an error."""
    world = acts.seeded()
    lists = itertools.count()
    list_sources = world.list_sources

    def flap(provider: str | None = None) -> SourceList:
        world.hidden = set() if next(lists) % 2 else {"ds-1"}
        return list_sources(provider)

    world.list_sources = flap  # type: ignore[method-assign]
    conflict = Fault(applies=False, error=lambda: CopassConflictError("409", status=409))
    refused = acts.start_register(world, faults={"register": conflict})
    run_all(world, [refused], most=2000)
    assert isinstance(acts.error_of(refused), CopassConflictError)
    assert world.posts <= 2
