"""What a registration does in each state of the account and the store, where nothing goes wrong."""

from __future__ import annotations

import pytest

from airflow_provider_copass.errors import SecretMissingError, SourceExistsError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once
from tests.registration.simulation import World


@acts.both_ways
def test_a_secret_goes_into_the_store_and_no_further(way: str) -> None:
    """It is under the key that is reported, and neither in what was said nor in the journal."""
    world = World()
    done = acts.register_one(way, world)
    assert acts.told(done) == acts.Told("created", "ds-1", acts.KEY)
    assert world.store == {acts.KEY: "canary-1"}
    assert "canary" not in f"{done.log.lines}{world.entries}{world.locations}"


def test_a_source_that_is_not_realtime_has_no_secret() -> None:
    """Nothing is stored, and nothing missed at the next run."""
    world = World()
    for task in (acts.TASK, acts.NEXT):
        assert_once(world, acts.register(world, task=task, ingestion_mode="polling"))
    assert (world.store, world.sent) == ({}, [("register", "n")])


def test_fail_means_fail() -> None:
    """``if_exists='fail'`` names the source that exists, and the way out."""
    world = acts.seeded()
    error = acts.error_of(acts.register(world, if_exists="fail"))
    assert isinstance(error, SourceExistsError)
    assert error.data_source_ids == ("ds-1",)
    assert "source ds-1. Nothing was done. Choose another name, or if_exists='reuse'" in str(error)


@acts.both_ways
def test_fail_does_not_mean_this_tasks_own_source(way: str) -> None:
    """A try that died when all was done has created the source; its retry is green, another run fails."""
    world = World()
    assert_green(acts.register_one(way, world, if_exists="fail"))
    assert_once(world, acts.register_one(way, world, attempt=2, if_exists="fail"))
    other = acts.register_one(way, world, task=acts.NEXT, if_exists="fail")
    assert isinstance(acts.error_of(other), SourceExistsError)


@pytest.mark.parametrize("by", ["one", "list"])
@acts.both_ways
def test_a_source_in_place_is_unchanged(by: str, way: str) -> None:
    """Each reuses what the other has registered, without a write."""
    world = World()
    assert_green(acts.register_one(by, world))
    process = acts.register_one(way, world, task=acts.NEXT)
    assert_once(world, process)
    assert acts.told(process) == acts.Told("unchanged", "ds-1", acts.KEY)
    assert world.sent == [("register", "n")]


@pytest.mark.parametrize("by", ["one", "list"])
@acts.both_ways
def test_a_source_for_which_no_secret_was_issued_needs_none(by: str, way: str) -> None:
    """A later run reuses it, and suggests no rotation."""
    world = World(issues_secrets=False)
    assert_green(acts.register_one(by, world))
    assert acts.told(acts.register_one(way, world, task=acts.NEXT)) == acts.Told("unchanged", "ds-1", None)
    assert world.sent == [("register", "n")]


@pytest.mark.parametrize(("on_missing", "rotations"), [("fail", 0), ("ignore", 0), ("rotate", 1)])
@pytest.mark.parametrize("is_unmanaged", [True, False], ids=["unmanaged", "recorded, secret removed by hand"])
def test_a_secret_that_is_not_in_the_store(is_unmanaged: bool, on_missing: str, rotations: int) -> None:
    """It is an error, passed over, or minted anew: as is asked for. Nobody rotates unasked."""
    world = World()
    if is_unmanaged:
        acts.seed(world)
    else:
        assert_green(acts.register(world))
        world.store.clear()
    before = world.rows["ds-1"].secret
    done = acts.register(world, task=acts.NEXT, on_missing_secret=on_missing)
    assert (world.rotations, world.rows["ds-1"].secret == before) == (rotations, not rotations)
    if on_missing == "fail":
        error = acts.error_of(done)
        assert isinstance(error, SecretMissingError)
        assert f"is not in the test store '{acts.KEY}'" in str(error)
        assert "on_missing_secret='rotate'" in str(error)
    else:
        assert_once(world, done)
        assert acts.told(done).stored_as == (acts.KEY if rotations else None)
        assert acts.told(done).outcome == ("updated" if rotations else "unchanged")
    assert sorted(world.store) == [acts.KEY] * rotations


def test_an_unmanaged_sources_secret_may_be_put_there_by_hand() -> None:
    """What the error proposes works: the next try takes what is under the key, and rotates nothing."""
    world = acts.seeded()
    assert not acts.is_green(acts.register(world))
    world.store[acts.KEY] = world.rows["ds-1"].secret or ""
    done = acts.register(world, attempt=2)
    assert_once(world, done)
    assert acts.told(done) == acts.Told("unchanged", "ds-1", acts.KEY)
    assert world.sent == []


def test_differing_fields_are_named_without_values() -> None:
    """A source that is reused is left as it is, and each field that differs is named once."""
    world = World()
    acts.seed(
        world,
        ingestion_mode="polling",
        poll_interval_seconds=60,
        kind="ephemeral",
        adapter_config={"a": "canary-old", "b": 1, "extra": 1},
    )
    fields = {
        "poll_interval_seconds": 90,
        "kind": "durable",
        "adapter_config": {"a": "canary-new", "b": 1, "c": None},
        "external_account_id": "x",
    }
    done = acts.register(world, ingestion_mode="polling", fields=fields)
    assert acts.told(done).outcome == "unchanged"
    (said,) = done.log.with_text("differs")
    for name in ("external_account_id", "adapter_config.a", "adapter_config.c", "poll_interval_seconds", "kind"):
        assert said.count(name) == 1
    assert "adapter_config.b" not in said
    assert "canary" not in said
    assert world.sent == []
