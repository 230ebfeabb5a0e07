"""Deleting: the source goes last, so that whatever dies before it, the retry finds it and leaves nothing behind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_copass.errors import CopassInputError, EntryBusyError, SourceChangedError
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.deletion import Deletion
from airflow_provider_copass.registration.named import Named
from airflow_provider_copass.registration.record import Closed, Open, name_of, to_text
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import Fault, Killed, World, run_all
from tests.registration.test_rotation import KEY, rotate
from tests.registration.worlds import TIMING, Process, run, seed, wish

RECORD = name_of("sb", "slack", "n")


@dataclass
class LookedUp:
    """What the operator does: it looks the source up, and deletes it where it is there."""

    named: Named
    sources: Any
    deletion: Deletion

    def run(self) -> str:
        """Do it."""
        source = self.named.found(self.sources)
        if source is None:
            return "nothing there"
        self.deletion.run(source)
        return source.data_source_id


def deleting(
    *, named: Named | None = None, key: StoreKey | None = None, remove_secret: bool = True, **options: Any
) -> Any:
    """Return what builds a deletion."""

    def build(_: object, *, sources: Any, secrets: Any, owner: object, mark: object, **ports: Any) -> LookedUp:
        deletion = Deletion(
            "sb",
            key=key or StoreKey(),
            sources=sources,
            secrets=secrets if remove_secret else None,
            **ports,
            **options,
        )
        return LookedUp(named or Named(provider="slack", name="n"), sources, deletion)

    return build


def delete(world: World, *, script: dict[str, Any] | None = None, **options: Any) -> Process:
    """Run one try of a deletion to its end."""
    process = Process(
        world, wish(), Owner("delete/run/task/-1", 1), TIMING, build=deleting(**options), **(script or {})
    )
    run_all(world, [process])
    return process


def rotated() -> World:
    """Return a world with a realtime source, its secret and the one before it."""
    world = World()
    run(world, ingestion_mode="realtime")
    rotate(world, options={"keep_previous": True})
    assert sorted(world.store) == [KEY, f"{KEY}_previous"]
    return world


def test_nothing_is_left_behind() -> None:
    """Neither the source, nor its secret, nor the one before it, nor the record."""
    world = rotated()
    done = delete(world)
    assert done.error is None
    assert (world.live(), world.store, world.records) == ([], {}, {})


def test_a_second_run_sends_nothing() -> None:
    """It only looks."""
    world = rotated()
    delete(world)
    assert delete(world).trace == ["before list", "after list"]


@pytest.mark.parametrize("named", [Named("ds-1"), Named(None, "slack", "n")], ids=["by id", "by name"])
@pytest.mark.parametrize("purge", [True, False], ids=["purging", "not purging"])
def test_killed_at_any_boundary_the_retry_finishes_it(named: Named, *, purge: bool) -> None:
    """Before and after each look, each removal, and each request."""
    for kill_at in itertools.count():
        world = rotated()
        first = delete(world, named=named, purge=purge, script={"kill_at": kill_at})
        if first.error is None:
            break
        assert isinstance(first.error, Killed)
        assert delete(world, named=named, purge=purge).error is None
        assert (world.live(), world.store, world.records) == ([], {}, {})
    assert kill_at > 10


@pytest.mark.parametrize("effect", ["purge", "remove secret", "remove record", "delete"])
@pytest.mark.parametrize("applies", [True, False])
def test_a_write_that_fails_is_mended_by_the_retry(effect: str, *, applies: bool) -> None:
    """Whether it had its effect or not."""
    world = rotated()
    assert delete(world, purge=True, script={"faults": {effect: Fault(applies=applies)}}).error
    assert delete(world, purge=True).error is None
    assert (world.live(), world.store, world.records) == ([], {}, {})


def test_a_secret_is_left_where_it_is_not_asked_for() -> None:
    """So is the one before it."""
    world = rotated()
    delete(world, remove_secret=False)
    assert (world.live(), world.records) == ([], {})
    assert sorted(world.store) == [KEY, f"{KEY}_previous"]


def opened(world: World, *, ago: float, before: Closed | None = None) -> None:
    """Leave an open record of another task."""
    world.records[RECORD] = to_text(Open("mark", Owner("other/run/task/-1", 1), world.now - ago, before=before))


def test_a_task_that_is_at_it_is_not_disturbed() -> None:
    """Nothing was done, and Airflow retries."""
    world = rotated()
    opened(world, ago=TIMING.takeover_after - 1)
    done = delete(world, purge=True)
    assert isinstance(done.error, EntryBusyError)
    assert not done.error.is_final
    assert (world.live(), len(world.store)) == (["ds-1"], 2)
    assert "before purge" not in done.trace


def test_a_dead_task_s_record_goes_with_the_source() -> None:
    """It is older than any live task's, and its secret is found where it was before."""
    world = rotated()
    world.store["fixed_secret"] = world.store.pop(KEY)
    opened(world, ago=TIMING.takeover_after + 1, before=Closed("ds-1", store="test store", key="fixed_secret"))
    done = delete(world)
    assert done.error is None
    assert done.said_of("is dead")
    assert (world.live(), world.records) == ([], {})
    assert sorted(world.store) == [f"{KEY}_previous"]


def test_killed_over_a_dead_task_s_record_the_retry_finishes_it() -> None:
    """At any boundary."""
    for kill_at in itertools.count():
        world = rotated()
        opened(world, ago=TIMING.takeover_after + 1)
        if delete(world, script={"kill_at": kill_at}).error is None:
            break
        assert delete(world).error is None
        assert (world.live(), world.store, world.records) == ([], {}, {})


def test_another_source_s_record_is_left() -> None:
    """One of the same name that is recorded beside it."""
    world = rotated()
    other = to_text(Closed("ds-7", store="test store", key="other"))
    world.records[RECORD] = other
    delete(world)
    assert world.records == {RECORD: other}


def test_a_secret_in_another_store_is_told() -> None:
    """Nothing was removed."""
    world = rotated()
    world.records[RECORD] = to_text(Closed("ds-1", store="another store", key=KEY))
    done = delete(world)
    assert isinstance(done.error, SourceChangedError)
    assert "another store" in str(done.error)
    assert world.live() == ["ds-1"]


def test_another_source_s_secret_is_left() -> None:
    """Where the store knows whose it is; the one before it too."""
    world = rotated()
    world.owners[f"{KEY}_previous"] = "ds-7"
    done = delete(world)
    assert list(world.store) == [f"{KEY}_previous"]
    assert done.said_of("another source's secret")


FIXED = StoreKey("sec_secret_{name}")
"""A key that does not tell the source: those of a name of all providers share it."""


def test_a_source_without_a_secret_takes_no_other_source_s_along() -> None:
    """A manual source whose key, were there a secret, would be that of a live realtime one."""
    world = World()
    run(world, name="x", ingestion_mode="realtime", key=FIXED)
    run(world, name="x", provider="github", key=FIXED)
    done = delete(world, named=Named(None, "github", "x"), key=FIXED)
    assert done.error is None
    assert (world.live(), world.store) == (["ds-1"], {"sec_secret_x": "canary-1"})
    assert done.said_of("No webhook secret was issued for source ds-2")
    assert not done.said_of("any more")


def test_a_source_that_was_issued_none_takes_none_along() -> None:
    """A realtime one, of which the record says so."""
    world = World(store={"sec_secret_n": "another's"})
    seed(world, ingestion_mode="realtime")
    world.records[RECORD] = to_text(Closed("ds-1", none_issued=True))
    assert delete(world, key=FIXED).error is None
    assert (world.live(), world.store) == ([], {"sec_secret_n": "another's"})


def test_without_a_record_a_key_that_does_not_tell_the_source_is_left() -> None:
    """So is the one of the secret before it; the log names each, and says what to do."""
    held = {"sec_secret_n": "somebody's", "sec_secret_n_previous": "somebody's, too"}
    world = World(store=dict(held))
    seed(world, ingestion_mode="realtime")
    done = delete(world, key=FIXED)
    assert done.error is None
    assert (world.live(), world.store) == ([], held)
    for key in held:
        [said] = done.said_of(f"{key!r} is left there")
        assert "delete it by hand" in said
    assert "somebody" not in "".join(done.said)


def test_without_a_record_a_note_tells_whose_a_secret_is() -> None:
    """Where the store keeps notes, the source's own secret goes, whatever its key; the one before it too."""
    world = World(store={"sec_secret_n": "its own", "sec_secret_n_previous": "its own, too"})
    seed(world, ingestion_mode="realtime")
    world.owners |= dict.fromkeys(world.store, "ds-1")
    assert delete(world, key=FIXED).error is None
    assert (world.live(), world.store) == ([], {})


def test_without_a_record_a_key_that_tells_the_source_goes() -> None:
    """Nobody else has a key with this source's id in it."""
    world = rotated()
    world.records.clear()
    assert delete(world).error is None
    assert (world.live(), world.store) == ([], {})


def test_a_key_that_holds_nothing_is_not_warned_of() -> None:
    """There is nothing that could be another source's."""
    world = World()
    seed(world, ingestion_mode="realtime")
    assert not delete(world, key=FIXED).said_of("sec_secret_n")


def test_where_nothing_was_rotated_the_key_of_the_secret_before_is_another_source_s() -> None:
    """A source whose name ends in the same word has its secret there."""
    world = World()
    run(world, ingestion_mode="realtime", key=FIXED)
    run(world, name="n_previous", ingestion_mode="realtime", key=FIXED)
    done = delete(world)
    assert (world.live(), world.store) == (["ds-2"], {"sec_secret_n_previous": "canary-2"})
    assert done.said_of("'sec_secret_n_previous' is left there")


def test_the_secret_before_a_dead_task_s_rotation_goes() -> None:
    """The record that it left open tells that it had begun to rotate."""
    world = World(store={"fixed_secret": "new", "fixed_secret_previous": "old"})
    seed(world, ingestion_mode="realtime")
    before = Closed("ds-1", store="test store", key="fixed_secret")
    held = Open("mark", Owner("other", 1), world.now - TIMING.takeover_after - 1, mints=1, before=before)
    world.records[RECORD] = to_text(held)
    assert delete(world).error is None
    assert (world.live(), world.store) == ([], {})


def test_nothing_is_said_to_be_removed_that_was_not_there() -> None:
    """A store does not tell what was there, so the log says what is so now."""
    world = World()
    seed(world, ingestion_mode="realtime")
    done = delete(world)
    assert not done.said_of("emoved")
    assert done.said_of(f"{KEY!r} holds no secret of source ds-1 any more")


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_key_that_the_store_cannot_hold_is_refused_before_anything_is_lost(*, recorded: bool) -> None:
    """The store might take it for another one: nothing is purged, removed or deleted then."""
    world = World(store={"shared": "another's"}, serves=lambda key: "?" not in key)
    seed(world, ingestion_mode="realtime")
    if recorded:
        world.records[RECORD] = to_text(Closed("ds-1", store="test store", key="shared?n"))
    before = dict(world.records)
    done = delete(world, key=StoreKey("shared?{name}"), purge=True)
    assert isinstance(done.error, CopassInputError)
    assert (world.live(), world.store, world.records) == (["ds-1"], {"shared": "another's"}, before)
    assert not {"before purge", "before remove secret"} & set(done.trace)


def test_a_key_of_the_secret_before_that_the_store_cannot_hold_is_in_nobody_s_way() -> None:
    """A rule of the store's, such as the length, allows the key and not the longer one: there can be nothing there."""
    world = World(serves=lambda key: not key.endswith("_previous"))
    run(world, ingestion_mode="realtime")
    done = delete(world)
    assert done.error is None
    assert (world.live(), world.store) == ([], {})
    assert done.trace.count("before remove secret") == 1
