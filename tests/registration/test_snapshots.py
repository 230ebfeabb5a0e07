"""Nothing acts on what it saw a while ago: a process that was paused looks again before it writes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from airflow_provider_copass.errors import CopassCallError
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable, assert_true, live_of
from tests.registration.simulation import Fault, Process, World, run_all, run_to


def registered(store_as: str | None = None) -> World:
    """Return a world in which a realtime source was registered."""
    world = World()
    assert_green(acts.register(world, store_as=store_as))
    return world


# A rename.


def paused_renames() -> Iterator[tuple[World, Process]]:
    """Give a rename that is paused, at each of its boundaries in turn, each time in a world of its own."""
    for at in itertools.count():
        world = registered()
        paused = acts.start_rename(world)
        if not run_to(world, paused, at):
            assert at > 10
            return
        yield world, paused


def assert_one_of_each_name(world: World, *processes: Process) -> None:
    """Neither name has two live sources, and the green tasks tell the truth."""
    assert len(live_of(world, "new")) == 1
    assert len(live_of(world, "n")) <= 1
    assert_true(world, *processes)


def test_a_rename_that_is_paused_for_a_moment_makes_no_second_source_of_the_new_name() -> None:
    """It is paused for 1.5 s at a boundary while another task registers the new name from the start of the pause on."""
    for world, paused in paused_renames():
        other = acts.start_register(world, "new", task=acts.OTHER)
        paused.sleep_until(world.now + 1.5)
        run_all(world, [paused, other])
        assert_one_of_each_name(world, other)


def test_a_rename_that_is_paused_during_a_registration_makes_no_second_source_of_the_new_name() -> None:
    """It is paused at a boundary until the registration of the new name is over."""
    for world, paused in paused_renames():
        other = acts.register(world, "new", task=acts.OTHER)
        run_all(world, [paused])
        assert_one_of_each_name(world, other)


def test_after_a_paused_rename_everything_goes_on() -> None:
    """Retries of both tasks end: each is green or fails for good, and a registration of the new name is green."""
    for world, paused in paused_renames():
        acts.register(world, "new", task=acts.OTHER)
        run_all(world, [paused])
        again = acts.until_green(acts.register, world, "new", first=2, task=acts.OTHER, pause=120)
        assert_green(again)
        assert_one_of_each_name(world, again)


def test_a_registration_of_the_new_name_that_is_paused_during_a_rename_makes_no_second_source() -> None:
    """The other way round: the registration is paused at a boundary while the source is renamed."""
    for at in itertools.count():
        world = registered()
        paused = acts.start_register(world, "new", task=acts.OTHER)
        if not run_to(world, paused, at):
            break
        acts.rename(world)
        run_all(world, [paused])
        assert_one_of_each_name(world, paused)
    assert at > 10


# A deletion.


purging = pytest.mark.parametrize("purge", [False, True], ids=["", "purged"])


def wake(world: World, paused: Process) -> None:
    """Let a deletion go on whose retry has done the work: it sends nothing that it was not just about to send."""
    woken_at = len(paused.trace)
    run_all(world, [paused])
    assert not {"before purge", "before delete", "before disconnect"} & set(paused.trace[woken_at:]), paused.trace
    assert not isinstance(acts.error_of(paused), CopassCallError)


@purging
@pytest.mark.parametrize(
    ("store_as", "remove_secret"),
    [(None, False), (None, True), ("fixed_secret", True)],
    ids=["secret kept", "secret removed", "secret under a fixed key removed"],
)
def test_a_deletion_that_is_paused_leaves_what_was_registered_since(
    store_as: str | None, remove_secret: bool, purge: bool
) -> None:
    """At each boundary: its retry deletes the source, another task registers it anew, then the deletion wakes."""
    how = {"store_as": store_as, "remove_secret": remove_secret, "purge": purge}
    for at in itertools.count():
        world = registered(store_as)
        paused = acts.start_delete(world, **how)
        if not run_to(world, paused, at):
            break
        retry = acts.until_green(acts.delete, world, first=2, **how)
        assert_green(retry)
        assert live_of(world) == []
        other = acts.until_green(acts.register, world, task=acts.OTHER, store_as=store_as, pause=60)
        assert_green(other)
        wake(world, paused)
        source_id = assert_once(world, other)
        later = acts.register(world, task="later/run/task/-1", store_as=store_as)
        assert assert_once(world, later) == source_id
        assert acts.told(later).outcome == "unchanged"
    assert at > 4


@purging
def test_a_deletion_by_id_that_is_paused_leaves_what_was_registered_since(purge: bool) -> None:
    """The same for a source that is named by its id."""
    for at in itertools.count():
        world = registered("fixed_secret")
        by_id = {"data_source_id": "ds-1", "remove_secret": True, "store_as": "fixed_secret", "purge": purge}
        paused = acts.start_delete(world, **by_id)
        if not run_to(world, paused, at):
            break
        assert_green(acts.until_green(acts.delete, world, first=2, **by_id))
        # Its retry cannot tell whose lease the paused process holds.
        other = acts.until_green(acts.register, world, task=acts.OTHER, store_as="fixed_secret", pause=60, tries=6)
        assert_green(other)
        wake(world, paused)
        assert_once(world, other)
    assert at > 4


def test_a_disconnection_that_is_paused_leaves_what_was_registered_since() -> None:
    """At each boundary: its retry disconnects the source, another task registers it anew, then it wakes."""
    for at in itertools.count():
        world = registered()
        paused = acts.start_disconnect(world)
        if not run_to(world, paused, at):
            break
        assert_green(acts.until_green(acts.disconnect, world, first=2))
        assert live_of(world) == []
        other = acts.until_green(acts.register, world, task=acts.OTHER, pause=60)
        assert_green(other)
        wake(world, paused)
        assert_once(world, other)
    assert at > 1


# A registration.


@pytest.mark.parametrize("way", ["one", "list"])
@pytest.mark.parametrize("store_as", [None, "fixed_secret"], ids=["key with the id", "fixed key"])
@pytest.mark.parametrize("issues", [True, False], ids=["secret", "no secret issued"])
def test_a_registration_that_is_paused_takes_nothing_from_what_its_retry_knows(
    way: str, store_as: str | None, issues: bool
) -> None:
    """At each boundary: its retry registers, then it wakes; a later run still finds the source in place."""
    for at in itertools.count():
        world = World(issues_secrets=issues)
        paused = acts.start_one(way, world, store_as=store_as)
        if not run_to(world, paused, at):
            break
        assert_green(acts.register_one(way, world, attempt=2, store_as=store_as))
        run_all(world, [paused])
        later = acts.until_green(acts.register, world, task=acts.OTHER, store_as=store_as, pause=120)
        assert_once(world, later)
        assert acts.told(later).outcome == "unchanged"
    assert at > 10


# A teardown.


@pytest.mark.parametrize("late", [2.0, 12.0, 20.0])
@pytest.mark.parametrize("pause", [0.0, 5.0])
def test_a_teardown_is_not_green_while_its_setups_post_may_still_take_effect(late: float, pause: float) -> None:
    """The setup was killed during its POST, which takes effect late: a green teardown leaves no live source."""
    world = World()
    setup = acts.register(world, faults={"register": Fault(late=late)}, kill_at="after register")
    assert acts.is_killed(setup)
    for attempt in range(1, 6):
        teardown = acts.delete(world, task="dag/run/teardown/-1", attempt=attempt, teardown_of=acts.TASK)
        if acts.is_green(teardown):
            assert live_of(world) == []
            return
        assert_retryable(teardown)
        world.advance(world.now + pause)
    raise AssertionError(teardown.error)


@pytest.mark.parametrize("late", [2.0, 12.0, 20.0])
def test_a_deletion_by_another_task_is_not_green_while_a_post_may_still_take_effect(late: float) -> None:
    """The same for a deletion that is no teardown of the killed task, whose retries come minutes apart."""
    world = World()
    acts.register(world, faults={"register": Fault(late=late)}, kill_at="after register")
    process = acts.until_green(acts.delete, world, task="other/run/delete/-1", tries=6, pause=120)
    assert_green(process)
    assert live_of(world) == []
