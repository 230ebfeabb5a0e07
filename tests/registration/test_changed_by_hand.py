"""Somebody changes a source, a secret, an entry or a task between two runs: what happens, and what the message says."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_provider_copass.errors import EntryFormatError, SourceChangedError
from tests.registration import acts
from tests.registration.checks import assert_once, assert_true
from tests.registration.each_boundary import killed_at_each
from tests.registration.simulation import World

FIXED = "my_secret"


@pytest.fixture
def world() -> World:
    """A world in which a realtime source was registered."""
    return acts.registered()


@acts.both_ways
def test_a_renamed_source_that_gets_its_name_back_is_reused(world: World, way: str) -> None:
    """The first of the two ways out that the error tells."""
    world.rows["ds-1"].fields["name"] = "renamed"
    error = acts.error_of(acts.register_one(way, world, task=acts.NEXT))
    assert isinstance(error, SourceChangedError)
    assert "ds-1" in str(error)
    assert "Rename it back" in str(error)
    world.rows["ds-1"].fields["name"] = "n"
    assert_once(world, acts.register_one(way, world, task=acts.NEXT, attempt=2))
    assert world.posts == 1


def test_a_renamed_source_whose_entry_is_deleted_gets_a_sibling(world: World) -> None:
    """The second one: another source is registered under the name."""
    world.rows["ds-1"].fields["name"] = "renamed"
    world.entries.clear()
    assert assert_once(world, acts.register(world, task=acts.NEXT)) == "ds-2"
    assert len(world.live()) == 2


@pytest.mark.parametrize("end", ["deleted", "disconnected", "archived"])
@acts.both_ways
def test_a_source_that_is_gone_is_registered_anew(world: World, way: str, end: str) -> None:
    """A status that is terminal counts like a deletion; the new secret is under the new source's key."""
    if end == "deleted":
        world.rows["ds-1"].alive = False
    else:
        world.rows["ds-1"].fields["status"] = end
    done = acts.register_one(way, world, task=acts.NEXT)
    assert assert_once(world, done) == "ds-2"
    assert acts.told(done) == acts.Told("created", "ds-2", "copass_webhook_secret_ds-2")


def test_a_fixed_keys_old_secret_is_never_taken_for_the_new_one() -> None:
    """Wherever the registration that follows a deleted source is killed, its retry leaves the valid secret."""

    def gone() -> World:
        world = acts.registered(store_as=FIXED)
        world.rows["ds-1"].alive = False
        return world

    anew = partial(acts.register, task=acts.NEXT, store_as=FIXED)
    for world, _ in killed_at_each(gone, anew, is_end_given=True):
        assert assert_once(world, anew(world, attempt=2)) == "ds-2"


def test_a_deleted_entry_is_written_again(world: World) -> None:
    """The source is found by its name and the secret by its key; nothing is registered or rotated."""
    before = dict(world.entries)
    world.entries.clear()
    done = acts.register(world, task=acts.NEXT)
    assert acts.told(done) == acts.Told("unchanged", "ds-1", acts.KEY)
    assert world.sent == [("register", "n")]
    assert list(world.entries) == list(before)


def test_another_store_for_the_secret_is_an_error_that_names_both(world: World) -> None:
    """It says where the secret is, and what to do; nothing is minted."""
    error = acts.error_of(acts.register(world, task=acts.NEXT, store="another store"))
    assert isinstance(error, SourceChangedError)
    assert f"is in the test store '{acts.KEY}', and this task declares the another store" in str(error)
    assert "Declare the same; or move the secret there by hand and delete the journal entry" in str(error)
    assert "canary" not in str(error)
    assert world.sent == [("register", "n")]


@acts.both_ways
def test_the_way_out_of_another_key_works(world: World, way: str) -> None:
    """The error says where the secret is. Moved by hand and the entry deleted, the next run takes it from there."""
    error = acts.error_of(acts.register_one(way, world, task=acts.NEXT, store_as=FIXED))
    assert isinstance(error, SourceChangedError)
    assert f"{acts.KEY!r}" in str(error)
    world.store[FIXED] = world.store.pop(acts.KEY)
    world.entries.clear()
    done = acts.register_one(way, world, task=acts.NEXT, attempt=2, store_as=FIXED)
    assert_once(world, done)
    assert acts.told(done).stored_as == FIXED
    assert world.rotations == 0


@pytest.mark.parametrize("text", ["canary", '{"copass_entry": 2}'], ids=["garbage", "a newer format"])
@pytest.mark.parametrize("act", [acts.register, acts.rotate, acts.delete, acts.disconnect, acts.rename])
def test_an_entry_that_makes_no_sense_stops_every_operator(world: World, act: acts.Act, text: str) -> None:
    """Nothing is concluded from it and nothing written over it; the message says what to do."""
    (name,) = world.entries
    world.entries[name] = text
    error = acts.error_of(act(world, task=acts.NEXT))
    assert isinstance(error, EntryFormatError)
    assert name in str(error)
    assert "delete the Variable, and the source is looked up by its name" in str(error)
    assert "canary" not in str(error)
    assert (world.entries, world.sent) == ({name: text}, [("register", "n")])


def test_a_secret_that_is_changed_by_hand_is_left(world: World) -> None:
    """Nobody can tell which of the two is valid: the source is reused, and the value stays."""
    world.store[acts.KEY] = "put there by hand"
    done = acts.register(world, task=acts.NEXT)
    assert acts.told(done).outcome == "unchanged"
    assert world.store == {acts.KEY: "put there by hand"}
    world.store[acts.KEY] = world.rows["ds-1"].secret or ""
    assert_true(world, done)
