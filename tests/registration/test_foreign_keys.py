"""A key that holds somebody else's secret: it is neither taken for ours nor overwritten, whatever fails on the way."""

from __future__ import annotations

import functools

import pytest

from airflow_provider_copass.errors import SecretKeyTakenError, SecretStoreError, SourceChangedError
from airflow_provider_copass.registration.rotation import Rotation
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import Fault, World
from tests.registration.worlds import Process, run, seed

KEY = "team_secret_ds-1"
TEMPLATE = StoreKey("team_secret_{data_source_id}")
FIXED = StoreKey("team_secret")
THEIRS = "somebody's"


def register(world: World, *, attempt: int = 1, key: StoreKey = TEMPLATE, **more: object) -> Process:
    """Run one try of the task."""
    return run(world, attempt=attempt, ingestion_mode="realtime", key=key, **more)  # type: ignore[arg-type]


def ours(world: World) -> str | None:
    """Return the valid secret of the source."""
    return world.rows["ds-1"].secret


def outage() -> Exception:
    """A store that does not answer."""
    return OSError("no answer")


def test_the_spare_key_is_one_that_the_store_serves() -> None:
    """Where the usual one is not read as a Variable, one that is like the key is taken; no later try adopts theirs."""
    world = World(store={KEY: THEIRS}, serves=lambda key: key.startswith("team_"))
    done = register(world)
    assert isinstance(done.error, SecretKeyTakenError)
    assert f"{KEY}_spare" in str(done.error)
    assert world.store == {KEY: THEIRS, f"{KEY}_spare": ours(world)}
    again = register(world, attempt=2)
    assert isinstance(again.error, SourceChangedError)
    assert f"{KEY}_spare" in str(again.error)
    assert (world.posts, world.rotations) == (1, 0)


def test_where_no_spare_key_would_do_the_secret_is_minted_anew_once_there_is_room() -> None:
    """Until then no try takes their value for the secret, nor writes over it."""
    world = World(store={KEY: THEIRS}, serves=lambda key: len(key) in {len(KEY), len(TEMPLATE.template) + 20})
    for attempt in (1, 2):
        done = register(world, attempt=attempt)
        assert isinstance(done.error, SecretKeyTakenError)
        assert "is not stored" in str(done.error)
        assert world.store == {KEY: THEIRS}
    del world.store[KEY]
    done = register(world, attempt=3)
    assert done.error is None
    assert world.store == {KEY: ours(world)}
    assert world.posts == 1


def test_a_spare_key_that_holds_something_is_not_overwritten() -> None:
    """The next one is taken."""
    world = World(store={KEY: THEIRS, "copass_spare_secret_ds_1": THEIRS})
    assert isinstance(register(world).error, SecretKeyTakenError)
    assert world.store == {KEY: THEIRS, "copass_spare_secret_ds_1": THEIRS, f"{KEY}_spare": ours(world)}


def test_a_written_key_that_does_not_read_as_a_secret_is_not_given_back() -> None:
    """The error is one that is tried again, and what is under the key then is not taken for the secret unseen."""
    world = World()

    def unread() -> Exception:
        world.serves = lambda key: key != KEY
        return OSError("written, but the answer was lost")

    done = register(world, script={"faults": {("write secret", 0): Fault(error=unread)}})
    assert isinstance(done.error, SecretStoreError)
    world.serves, world.store[KEY] = lambda _: True, THEIRS
    assert register(world, attempt=2).error is None
    assert world.store[KEY] == ours(world)
    assert world.rotations == 1


def test_an_outage_before_the_write_does_not_make_a_foreign_value_ours() -> None:
    """What the key holds was not seen, so the next try looks as closely as the first."""
    world = World(store={KEY: THEIRS})
    done = register(world, script={"faults": {("read secret", 0): Fault(error=outage)}})
    assert isinstance(done.error, SecretStoreError)
    done = register(world, attempt=2)
    assert isinstance(done.error, SecretKeyTakenError)
    assert world.store == {KEY: THEIRS, "copass_spare_secret_ds_1": ours(world)}


@pytest.mark.parametrize("notes", [True, False], ids=["with notes", "without notes"])
def test_killed_while_the_key_is_taken_the_next_try_leaves_it_alone(notes: bool) -> None:
    """At every boundary from the moment on at which the spare key is written; with notes, at every one."""
    clean = world_with_theirs(notes=notes)
    trace = register(clean).trace
    first = 0 if notes else trace.index("before write secret")
    for boundary in range(first, len(trace)):
        world = world_with_theirs(notes=notes)
        register(world, script={"kill_at": boundary})
        world.now += 1000
        error = register(world, attempt=2).error
        assert isinstance(error, SecretKeyTakenError | SourceChangedError), trace[boundary]
        assert world.store == {KEY: THEIRS, "copass_spare_secret_ds_1": ours(world)}, trace[boundary]
        assert world.live() == ["ds-1"]


def world_with_theirs(*, notes: bool) -> World:
    """Return a world whose store holds another source's secret under the key."""
    return World(store={KEY: THEIRS}, owners={KEY: "ds-99"} if notes else {}, notes_owners=notes)


def test_a_key_that_was_ours_and_is_another_live_source_s_now_is_refused_before_the_post() -> None:
    """The record remembers the key; the store's note knows better."""
    world = World(notes_owners=True)
    assert register(world, key=FIXED).error is None
    world.rows["ds-1"].alive = False
    world.store["team_secret"], world.owners["team_secret"] = THEIRS, "ds-99"
    done = register(world, attempt=2, key=FIXED)
    assert isinstance(done.error, SecretKeyTakenError)
    assert world.store == {"team_secret": THEIRS}
    assert world.posts == 1


def test_a_key_that_was_ours_is_written_again_once_its_source_is_gone() -> None:
    """The note names the source that the record knows to be gone."""
    world = World(notes_owners=True)
    assert register(world, key=FIXED).error is None
    world.rows["ds-1"].alive = False
    assert register(world, attempt=2, key=FIXED).error is None
    assert world.store == {"team_secret": world.rows["ds-2"].secret}
    assert world.owners == {"team_secret": "ds-2"}


def test_a_note_beside_nothing_takes_no_key() -> None:
    """A secret that was deleted with its note left behind: one rotation, as was asked for, and under the very key."""
    world = World(owners={"team_secret": "ds-99"}, notes_owners=True)
    seed(world, secret="lost", ingestion_mode="realtime")
    done = register(world, key=FIXED, on_missing_secret="rotate")
    assert done.error is None
    assert world.store == {"team_secret": ours(world)}
    assert world.rotations == 1


def test_the_secret_before_it_is_not_kept_over_another_source_s() -> None:
    """The key for it is judged as any other, and nothing is rotated."""
    world = World(notes_owners=True)
    assert register(world).error is None
    world.store[f"{KEY}_previous"], world.owners[f"{KEY}_previous"] = THEIRS, "ds-99"
    script = {"build": functools.partial(Rotation, keep_previous=True)}
    done = register(world, task="rotate/run/task/-1", script=script)
    assert isinstance(done.error, SecretKeyTakenError)
    assert world.store[f"{KEY}_previous"] == THEIRS
    assert world.rotations == 0
