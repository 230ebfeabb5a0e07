"""Somebody changes a source, a secret, a record or a task between two runs: what happens, and what the message says."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_copass.errors import (
    CopassRegistrationError,
    SecretKeyTakenError,
    SecretMissingError,
    SourceChangedError,
)
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import World
from tests.registration.worlds import run

KEY = "copass_webhook_secret_ds-1"
NEXT = "dag/run 2/task/-1"


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered."""
    world = World()
    assert run(world, ingestion_mode="realtime").error is None
    return world


def test_a_renamed_source_is_not_made_again(world: World) -> None:
    """The error names it by both names, and both ways out; giving the name back is one."""
    world.rows["ds-1"].fields["name"] = "renamed"
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert isinstance(done.error, SourceChangedError)
    assert "'renamed'" in str(done.error)
    assert "Give it its name back" in str(done.error)
    (record,) = world.records
    assert f"delete the record '{record}'" in str(done.error)
    world.rows["ds-1"].fields["name"] = "n"
    assert run(world, task=NEXT, attempt=2, ingestion_mode="realtime").result is not None
    assert world.posts == 1


def test_a_renamed_source_whose_record_is_deleted_gets_a_sibling(world: World) -> None:
    """That is the other way out: another source is registered under the name."""
    world.rows["ds-1"].fields["name"] = "renamed"
    world.records.clear()
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-2"


def test_a_deleted_source_is_registered_anew(world: World) -> None:
    """Its record is stale, and a new one takes its place; the new secret lies under the new source's key."""
    world.rows["ds-1"].alive = False
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-2"
    assert world.store["copass_webhook_secret_ds-2"] == world.rows["ds-2"].secret


def test_a_deleted_source_s_own_key_may_be_written_again() -> None:
    """A fixed key holds the secret of a source that is gone: by the record it is ours, and void."""
    world = World()
    fixed = StoreKey("my_secret")
    run(world, ingestion_mode="realtime", key=fixed)
    world.rows["ds-1"].alive = False
    done = run(world, task=NEXT, ingestion_mode="realtime", key=fixed)
    assert done.result is not None
    assert world.store == {"my_secret": world.rows["ds-2"].secret}


def test_a_fixed_key_s_old_secret_is_never_taken_for_the_new_one() -> None:
    """Wherever the registration that follows a deleted source is killed, its retry leaves the valid secret."""
    fixed = StoreKey("my_secret")
    for kill_at in itertools.count():
        world = World()
        run(world, ingestion_mode="realtime", key=fixed)
        world.rows["ds-1"].alive = False
        killed = run(world, task=NEXT, ingestion_mode="realtime", key=fixed, script={"kill_at": kill_at})
        done = run(world, task=NEXT, attempt=2, ingestion_mode="realtime", key=fixed)
        assert done.error is None
        assert world.live() == ["ds-2"]
        assert world.store == {"my_secret": world.rows["ds-2"].secret}
        if killed.error is None:
            break


def test_a_key_that_the_store_knows_to_be_another_source_s_is_refused(world: World) -> None:
    """The message names both sources and the way out; nothing is rotated or overwritten."""
    before = dict(world.store)
    world.owners[KEY] = "ds-of-others"
    done = run(world, task=NEXT, ingestion_mode="realtime", on_missing_secret="rotate")
    assert isinstance(done.error, SecretKeyTakenError)
    assert "holds the webhook secret of source ds-of-others, not of ds-1" in str(done.error)
    assert (world.rotations, world.store) == (0, before)


def test_a_key_noted_for_another_source_is_not_overwritten_by_a_mended_registration() -> None:
    """A dead try's secret is lost, and its key came to be another's: the new one goes under a spare key."""
    world = World()
    at = run(World(), ingestion_mode="realtime").trace.index("before write secret")
    run(world, ingestion_mode="realtime", script={"kill_at": at})
    world.store[KEY] = "somebody's"
    world.owners[KEY] = "ds-of-others"
    done = run(world, attempt=2, ingestion_mode="realtime")
    assert isinstance(done.error, SecretKeyTakenError)
    assert world.store == {KEY: "somebody's", "copass_spare_secret_ds_1": world.rows["ds-1"].secret}


@pytest.mark.parametrize("status", ["disconnected", "archived"])
def test_a_disconnected_source_is_gone(world: World, status: str) -> None:
    """A status that is terminal counts like a deletion."""
    world.rows["ds-1"].fields["status"] = status
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-2"


@pytest.mark.parametrize(("on_missing", "rotations"), [("fail", 0), ("ignore", 0), ("rotate", 1)])
def test_a_deleted_secret_is_missed_as_was_asked_for(world: World, on_missing: str, rotations: int) -> None:
    """Nobody rotates unasked, though the source is our own: its secret may be in use."""
    world.store.clear()
    done = run(world, task=NEXT, ingestion_mode="realtime", on_missing_secret=on_missing)
    assert world.rotations == rotations
    assert isinstance(done.error, SecretMissingError) is (on_missing == "fail")
    assert world.store == ({KEY: world.rows["ds-1"].secret} if rotations else {})


def test_a_deleted_record_is_made_again(world: World) -> None:
    """The source is found by its name and the secret by its key; nothing is registered or rotated."""
    before = dict(world.records)
    world.records.clear()
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.stored_as == KEY
    assert (world.posts, world.rotations) == (1, 0)
    assert list(world.records) == list(before)


@pytest.mark.parametrize(
    "changed", [{"key": StoreKey("another_secret")}, {"script": {"store": "another store"}}], ids=["key", "store"]
)
@pytest.mark.parametrize("task", [NEXT, "another dag/run/task/-1"])
def test_another_place_for_the_secret_is_an_error_that_names_both(
    world: World, changed: dict[str, object], task: str
) -> None:
    """Whether one task changed its mind or two tasks disagree: the message says where it is, and what to do."""
    done = run(world, task=task, ingestion_mode="realtime", **changed)  # type: ignore[arg-type]
    assert isinstance(done.error, SourceChangedError)
    said = str(done.error)
    assert f"is in the test store '{KEY}'" in said
    assert "Ask for the same; or move the secret there by hand and delete the record" in said
    assert "canary" not in said
    assert (world.posts, world.rotations) == (1, 0)


def test_the_way_out_of_another_key_works(world: World) -> None:
    """Moved by hand and the record deleted, the next run takes it from there."""
    world.store["another_secret"] = world.store.pop(KEY)
    world.records.clear()
    done = run(world, task=NEXT, ingestion_mode="realtime", key=StoreKey("another_secret"))
    assert done.result is not None
    assert done.result.stored_as == "another_secret"
    assert world.rotations == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"copass_record": 2}', '{"copass_record": 1, "state": "closed"}']
)
def test_a_record_that_makes_no_sense_is_not_guessed_at(world: World, text: str) -> None:
    """Nothing is concluded from it, and the message says what to do."""
    (name,) = world.records
    world.records[name] = text
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert isinstance(done.error, CopassRegistrationError)
    assert "Delete it to have the source looked up by its name" in str(done.error)
    assert (world.posts, world.rotations) == (1, 0)


def test_twins_made_by_others_are_named_and_left_alone(world: World) -> None:
    """The recorded source stays the one; a warning lists the others."""
    world.rows["ds-2"] = world.rows["ds-1"]
    done = run(world, task=NEXT, ingestion_mode="realtime")
    assert done.result is not None
    assert done.result.source.data_source_id == "ds-1"
    assert len(done.said_of("ds-2")) == 1
    assert world.live() == ["ds-1", "ds-2"]
