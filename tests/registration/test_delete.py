"""Deleting: the source goes last, so whatever dies before it, the retry finds it and leaves nothing behind."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.errors import CopassInputError, CopassNotFoundError, SourceChangedError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable
from tests.registration.each_boundary import killed_at_each
from tests.registration.simulation import Fault, Process, World, run_all, run_to

PREVIOUS = f"{acts.KEY}_previous"
FIXED = "sec_secret_{name}"
"""A key that does not tell the source: those of a name of all providers share it."""
NEXT = "delete/next run/task/-1"
both = pytest.mark.parametrize("named", [{"data_source_id": "ds-1"}, {}], ids=["by id", "by name"])


def rotated() -> World:
    """Return a world with a realtime source, its secret and the one before it."""
    world = acts.registered()
    assert_green(acts.rotate(world, keep_previous=True))
    assert sorted(world.store) == [acts.KEY, PREVIOUS]
    return world


def delete(world: World, **how: Any) -> Process:
    """Run one try of a deletion that removes the secrets as well."""
    return acts.delete(world, remove_secret=True, **how)


def assert_gone(world: World) -> None:
    """Nothing is left but, after a deletion by name, a note of it."""
    assert (world.live(), world.store, world.locations) == ([], {}, {})
    assert [json.loads(text)["state"] for text in world.entries.values()] in ([], ["tombstone"])


@both
def test_nothing_is_left_behind(named: dict[str, str]) -> None:
    """Neither the source, nor its secret, nor the one before it; a deletion by id leaves no entry either."""
    world = rotated()
    done = delete(world, **named)
    assert acts.told(done) == acts.Told("deleted", "ds-1")
    assert_gone(world)
    assert (world.entries == {}) == bool(named)
    sent = list(world.sent)
    again = delete(world, **named, task=NEXT)
    assert acts.told(again).outcome == "unchanged"
    assert world.sent == sent
    assert_gone(world)


@both
def test_killed_at_any_boundary_the_retry_finishes_it(named: dict[str, str]) -> None:
    """Before and after each look, each removal, each note and each request."""
    for world, _ in killed_at_each(rotated, partial(delete, **named, purge=True), is_end_given=True):
        assert_green(delete(world, **named, purge=True, attempt=2))
        assert (world.live(), world.store) == ([], {})
        # By an id, a retry cannot tell whose entry a try has left behind that was killed once the source was gone.
        other = acts.until_green(acts.register, world, task=acts.OTHER, pause=120)
        assert_once(world, other)
        assert named or other.elapsed < 10


@pytest.mark.parametrize("effect", ["purge", "remove secret", "delete"])
@pytest.mark.parametrize("applies", [True, False])
def test_a_write_that_fails_is_left_to_the_retry(effect: str, *, applies: bool) -> None:
    """Whether it took effect or not."""
    world = rotated()
    assert_retryable(delete(world, purge=True, faults={effect: Fault(applies=applies)}))
    assert_green(delete(world, purge=True, attempt=2))
    assert_gone(world)


def not_found() -> Exception:
    """There is no such source, or no such call."""
    return CopassNotFoundError("gone", status=404)


@both
def test_to_purge_what_is_gone_is_success(named: dict[str, str]) -> None:
    """Somebody deletes the source right before its purge."""
    world = rotated()
    process = acts.start_delete(world, purge=True, **named)
    assert run_to(world, process, "before purge")
    world.rows["ds-1"].alive = False
    run_all(world, [process])
    assert acts.told(process) == acts.Told("deleted", "ds-1")


def test_a_server_that_knows_no_purge_is_told() -> None:
    """It answers 404 for a source that lives: the source is not deleted, for its knowledge would stay for good."""
    world = rotated()
    process = delete(world, purge=True, faults={"purge": Fault(applies=False, error=not_found)})
    assert isinstance(acts.error_of(process), CopassNotFoundError)
    assert world.live() == ["ds-1"]


def test_a_secret_is_left_if_its_removal_is_not_asked_for() -> None:
    """So is the one before it."""
    world = rotated()
    assert_green(acts.delete(world))
    assert world.live() == []
    assert sorted(world.store) == [acts.KEY, PREVIOUS]


def test_a_secret_that_was_left_is_ours_to_write_over() -> None:
    """Under a key that does not hold the id, the next source of the name has its secret there."""
    world = acts.registered(store_as=FIXED)
    assert_green(acts.delete(world))
    assert assert_once(world, acts.register(world, task=acts.OTHER, store_as=FIXED)) == "ds-2"


@pytest.mark.parametrize("boundary", ["before rotate", "after rotate", ("before write secret", 1)])
def test_what_a_dead_task_knew_goes_with_the_source(boundary: Any) -> None:
    """A rotation that keeps the previous secret was killed; its entry alone tells both keys."""
    world = acts.registered(store_as="fixed")
    assert acts.is_killed(acts.rotate(world, keep_previous=True, store_as="fixed", kill_at=boundary))
    assert sorted(world.store) == ["fixed", "fixed_previous"]
    world.advance(world.now + acts.LONG)
    assert_green(delete(world))
    assert (world.live(), world.store) == ([], {})


def test_another_sources_entry_is_left_by_a_deletion_by_id() -> None:
    """Two sources have the name, and the other one is recorded."""
    world = acts.registered(store_as="fixed")
    other = acts.seed(world)
    assert_green(delete(world, data_source_id=other))
    again = acts.register(world, task=acts.OTHER, store_as="fixed")
    assert_once(world, again)
    assert acts.told(again) == acts.Told("unchanged", "ds-1", "fixed")


def test_a_secret_in_another_store_is_told() -> None:
    """Nothing is removed."""
    world = rotated()
    error = acts.error_of(delete(world, store="another store"))
    assert isinstance(error, SourceChangedError)
    assert "is in the test store" in str(error)
    assert (world.live(), len(world.store)) == (["ds-1"], 2)


# Which secrets are the source's.


def test_a_secret_that_is_noted_to_be_anothers_is_left() -> None:
    """And named."""
    world = rotated()
    world.owners[PREVIOUS] = "ds-7"
    done = delete(world)
    assert list(world.store) == [PREVIOUS]
    assert done.log.with_text("another source's secret")


def test_a_source_without_a_secret_takes_no_other_ones_along() -> None:
    """A manual source whose key, were there a secret, would be that of a live realtime one."""
    world = acts.registered(name="x", store_as=FIXED)
    github = acts.register(world, "x", store_as=FIXED, ingestion_mode="manual", fields={"provider": "github"})
    assert_green(github)
    assert_green(delete(world, data_source_id="ds-2", store_as=FIXED))
    assert (world.live(), world.store) == (["ds-1"], {"sec_secret_x": "canary-1"})


def test_a_source_for_which_no_secret_was_issued_takes_none_along() -> None:
    """A realtime one, of which the entry says so."""
    world = World(issues_secrets=False)
    assert_green(acts.register(world, store_as=FIXED))
    world.store["sec_secret_n"] = "another's"
    assert_green(delete(world, store_as=FIXED))
    assert (world.live(), world.store) == ([], {"sec_secret_n": "another's"})


def test_without_an_entry_a_key_that_does_not_tell_the_source_is_left() -> None:
    """So is the one of the secret before it; the log names each, and says what to do."""
    held = {"sec_secret_n": "somebody's", "sec_secret_n_previous": "somebody's, too"}
    world = World(store=dict(held))
    acts.seed(world)
    done = delete(world, store_as=FIXED)
    assert_green(done)
    assert (world.live(), world.store) == ([], held)
    for key in held:
        [said] = done.log.with_text(f"{key!r} is left there")
        assert "delete it by hand" in said
    assert "somebody" not in "".join(done.log.lines)


def test_a_key_that_holds_nothing_is_not_warned_of() -> None:
    """There is nothing that could be another source's."""
    world = acts.seeded()
    assert not delete(world, store_as=FIXED).log.with_text("sec_secret_n")


def test_without_an_entry_a_note_tells_whose_a_secret_is() -> None:
    """If the store keeps notes, the source's own secret goes, whatever its key; the one before it too."""
    world = World(store={"sec_secret_n": "its own", "sec_secret_n_previous": "its own, too"})
    acts.seed(world)
    world.owners |= dict.fromkeys(world.store, "ds-1")
    assert_green(delete(world, store_as=FIXED))
    assert (world.live(), world.store) == ([], {})


def test_without_an_entry_a_key_that_tells_the_source_goes() -> None:
    """Nobody else has a key with this source's id in it."""
    world = rotated()
    world.entries.clear()
    assert_green(delete(world))
    assert (world.live(), world.store) == ([], {})


def test_if_nothing_was_rotated_the_key_of_the_secret_before_is_another_sources() -> None:
    """A source whose name ends in the same word has its secret there."""
    world = acts.registered(store_as=FIXED)
    assert_green(acts.register(world, "n_previous", store_as=FIXED))
    done = delete(world)
    assert (world.live(), world.store) == (["ds-2"], {"sec_secret_n_previous": "canary-2"})
    assert done.log.with_text("'sec_secret_n_previous' is left there")


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_key_that_the_store_cannot_hold_is_refused_before_anything_is_lost(*, is_recorded: bool) -> None:
    """The store might take it for another one: nothing is purged, removed or deleted then."""
    world = World()
    if is_recorded:
        assert_green(acts.register(world, store_as="shared?n"))
    else:
        acts.seed(world)
    world.store = {"shared": "another's"}
    world.serves = lambda key: "?" not in key
    before, sent = dict(world.entries), list(world.sent)
    error = acts.error_of(delete(world, store_as="shared?{name}", purge=True))
    assert isinstance(error, CopassInputError)
    assert (world.live(), world.store) == (["ds-1"], {"shared": "another's"})
    assert (world.entries, world.sent) == (before, sent)


def test_a_key_of_the_secret_before_that_the_store_cannot_hold_is_in_nobodys_way() -> None:
    """A rule of the store's, such as the length, allows the key and not the longer one: there is nothing there."""
    world = World(serves=lambda key: not key.endswith("_previous"))
    assert_green(acts.register(world))
    done = delete(world)
    assert_green(done)
    assert_gone(world)
    assert done.effects.count("remove secret") == 1
