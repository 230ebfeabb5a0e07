"""What a process owes once it has lost a lease or was late: it makes up for it, also if a call then fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_copass.errors import (
    CopassConflictError,
    CopassConnectError,
    CopassRateLimitError,
    DuplicateSourcesError,
    EntryBusyError,
)
from airflow_provider_copass.registration.journal import Completed, Pending
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_true, entry_of, live_of
from tests.registration.simulation import (
    Fault,
    Process,
    World,
    run_all,
    run_to,
    server_error,
    settle,
    timed_out,
    turned_away,
)


def refused() -> Exception:
    """No connection: nothing was sent."""
    return CopassConnectError("refused")


def turned_away_for_long() -> Exception:
    """A 429 that asks to come back once others have done the work."""
    return CopassRateLimitError("429", status=429, retry_after=40)


@pytest.mark.parametrize(
    ("failure", "times"),
    [(refused, 1), (turned_away, 4), (server_error, 1)],
    ids=["no connection", "429 again and again", "no usable answer"],
)
def test_a_second_mint_that_fails_is_not_forgotten(failure: Callable[[], Exception], times: int) -> None:
    """It was paused right before its rotation, and has voided what the winner had stored; its next mint fails."""
    world = acts.seeded()
    faults = {("rotate", nth): Fault(applies=False, error=failure) for nth in range(1, 1 + times)}
    paused = acts.start_register(world, on_missing_secret="rotate", faults=faults)
    assert run_to(world, paused, "before rotate")
    winner = acts.register(world, on_missing_secret="rotate", attempt=2)
    assert_green(winner)
    run_all(world, [paused])
    assert_true(world, winner)


@pytest.mark.parametrize("failure", [refused, turned_away])
def test_the_next_try_mints_for_one_that_can_do_no_more(failure: Callable[[], Exception]) -> None:
    """Its second mint fails for as long as it tries: the entry says that the secret may be void."""
    world = acts.seeded()
    faults = {("rotate", nth): Fault(applies=False, error=failure) for nth in range(1, 400)}
    paused = acts.start_register(world, on_missing_secret="rotate", faults=faults)
    assert run_to(world, paused, "before rotate")
    assert_green(acts.register(world, on_missing_secret="rotate", attempt=2))
    run_all(world, [paused])
    assert acts.error_of(paused) is not None
    later = acts.until_green(acts.register, world, task=acts.OTHER, pause=acts.TAKEOVER_AFTER)
    assert_true(world, later)


@pytest.mark.parametrize("start", [acts.start_register, acts.start_rotate], ids=["registration", "rotation"])
def test_who_was_turned_away_does_not_rotate_what_the_winner_has_stored(start: Callable[..., Process]) -> None:
    """Its rotation was answered with 429, so nothing was voided; by the time that it is due, another one is green."""
    world = acts.seeded()
    given = {"on_missing_secret": "rotate"} if start is acts.start_register else {}
    slow = start(world, faults={("rotate", 0): Fault(applies=False, error=turned_away_for_long)}, **given)
    assert run_to(world, slow, "after rotate")
    winner = acts.ended(start(world, attempt=2, **given))
    stored = dict(world.store)
    run_all(world, [slow])
    assert_green(winner)
    assert world.store == stored
    assert_true(world, winner)


def test_who_has_waited_before_it_was_paused_still_mints_once_more() -> None:
    """It acquired the lease at the last moment, and was paused right before it stored the secret."""
    world = acts.seeded()
    freezes = {
        # A claim that is too late; the pause after it, which is longer than anybody waits; and the store.
        ("before write entry", 0): 3.0,
        ("before sleep", 0): 2 * acts.TIMING.wait_timeout,
        ("before write secret", 0): 3 * acts.TAKEOVER_AFTER,
    }
    paused = acts.start_register(world, on_missing_secret="rotate", freezes=freezes)
    winner = acts.start_register(world, on_missing_secret="rotate", task=acts.OTHER)
    winner.sleep_until(world.now + 1.5 * acts.TAKEOVER_AFTER)
    run_all(world, [paused, winner])
    assert_green(winner)
    assert_true(world, winner)


def test_a_post_in_flight_is_remembered_though_its_note_is_overwritten() -> None:
    """By the claim of another task, which was slow and is killed: its retry registers, and the poster cleans up."""
    world = World()
    claiming = acts.start_register(world, task=acts.OTHER)
    assert run_to(world, claiming, "before write entry")
    poster = acts.start_register(world, faults={("register", 0): Fault(late=24, error=timed_out)})
    assert run_to(world, poster, "after register")
    assert run_to(world, poster, "before list")
    world.advance(world.now + acts.TIMING.lease_pause + 1)
    assert run_to(world, claiming, "after write entry")
    retry = acts.start_register(world, task=acts.OTHER, attempt=2)
    run_all(world, [poster, retry])
    settle(world)
    assert len(live_of(world)) == 1
    assert_once(world, poster, retry)


def test_a_note_of_a_rotation_that_was_never_sent_is_taken_back() -> None:
    """It was noted too late, over what the task's retry had completed, and the next look fails once."""
    world = acts.registered()
    paused = acts.start_rotate(world, faults={("get", 0): Fault(applies=False, error=server_error)})
    for _ in range(2):
        # The claim; then the note.
        assert run_to(world, paused, "after read entry")
        assert run_to(world, paused, "before write entry")
    retry = acts.rotate(world, attempt=2)
    assert_green(retry)
    run_all(world, [paused])
    later = acts.register(world, task=acts.OTHER)
    assert_green(later)
    assert_true(world, later)


@pytest.mark.parametrize("slow", range(4))
def test_a_lease_is_given_back_though_looks_take_too_long(slow: int) -> None:
    """Two in a row; a failure that is final leaves nobody waiting for the entry."""
    world = acts.seeded()
    freezes = {("after read entry", slow): 3.0, ("after read entry", slow + 1): 3.0}
    failed = acts.register(world, if_exists="fail", freezes=freezes)
    assert acts.error_of(failed) is not None
    entry = entry_of(world)
    assert not isinstance(entry, Pending) or not entry.lease_token


@pytest.mark.parametrize("late", [3, 24])
@pytest.mark.parametrize("start", [acts.start_register, acts.start_rotate], ids=["a registration", "a rotation"])
def test_a_second_mint_waits_for_the_rotation_in_flight(start: Callable[..., Process], late: float) -> None:
    """It was paused right before its rotation, whose answer is lost: an effect that is late voids nothing."""
    world = acts.seeded()
    how = {"on_missing_secret": "rotate"} if start is acts.start_register else {}
    paused = start(world, faults={("rotate", 0): Fault(late=late, error=timed_out)}, **how)
    assert run_to(world, paused, "before rotate")
    winner = acts.ended(start(world, attempt=2, **how))
    run_all(world, [paused])
    settle(world)
    assert_green(winner, paused)
    assert_true(world, winner)


def test_who_owes_anew_has_as_long_again() -> None:
    """It has made up for its first debt all but the end when it is paused again, and owes another task's secret."""
    world = acts.seeded()
    takeover = acts.TAKEOVER_AFTER
    freezes = {("before write secret", nth): seconds for nth, seconds in enumerate((3, 2.5 * takeover, 1.5 * takeover))}
    paused = acts.start_register(world, on_missing_secret="rotate", freezes=freezes)
    assert run_to(world, paused, "before write secret")
    first = acts.register(world, on_missing_secret="rotate", attempt=2)
    others = [acts.start_rotate(world, task=f"{nth}/run/task/-1") for nth in range(2)]
    others[0].sleep_until(world.now + 1.3 * takeover)
    others[1].sleep_until(world.now + 3.9 * takeover)
    run_all(world, [paused, *others])
    assert_green(first, paused, *others)
    assert_true(world, others[1])


@pytest.mark.parametrize(("failure", "times"), [(refused, 1), (turned_away, 4), (server_error, 1)])
def test_a_deletion_that_removed_a_secret_too_late_owes_it_until_it_has_minted(
    failure: Callable[[], Exception], times: int
) -> None:
    """Its mint fails; it goes on until the source that another task uses has a secret, or is gone."""
    world = acts.registered()
    faults = {("rotate", nth): Fault(applies=False, error=failure) for nth in range(times)}
    paused = acts.start_delete(world, remove_secret=True, faults=faults)
    assert run_to(world, paused, "before remove secret")
    world.advance(world.now + acts.TAKEOVER_AFTER + 10)
    assert_green(acts.register(world, task=acts.OTHER))
    run_all(world, [paused])
    assert_green(paused)
    assert world.live() == []


@acts.both_ways
def test_of_two_sources_that_fit_a_lost_post_none_is_picked(way: str) -> None:
    """A proxy may have sent it twice, or a person was there: neither is deleted, and no secret is rotated."""
    world = World()
    process = acts.start_one(way, world, faults={("register", 0): Fault(error=server_error)})
    assert run_to(world, process, "before register")
    world.register({"provider": "slack", "name": "n", "ingestion_mode": "realtime"})
    run_all(world, [process])
    assert isinstance(acts.error_of(process), DuplicateSourcesError)
    assert world.sent == [("register", "n")]
    assert len(world.live()) == 2


def test_a_secret_is_not_taken_for_that_of_one_beside_it() -> None:
    """The entry that told of the winner is gone, and its secret is under the key of both."""
    world = World()
    failure = {("list", 0): Fault(applies=False, error=server_error)}
    late = acts.start_register(world, store_as="key_{name}", task=acts.OTHER, faults=failure)
    assert run_to(world, late, "before write entry")
    paused = acts.start_register(world, store_as="key_{name}")
    assert run_to(world, paused, "before register")
    winner = acts.register(world, store_as="key_{name}", attempt=2)
    run_all(world, [late])
    run_all(world, [paused])
    assert_green(winner, paused)
    assert_true(world, paused)


@pytest.mark.parametrize(("nth", "store_as"), [(0, None), (1, "shared")], ids=["entry", "note"])
def test_a_timeout_ends_a_write_that_is_late(nth: int, store_as: str | None) -> None:
    """Airflow raises it once: where it is taken for a failure of the journal, the task has none any more."""

    class TaskTimeoutError(BaseException):
        """As Airflow's, which no ``except Exception`` catches."""

    world = World()
    process = acts.register(
        world,
        store_as=store_as,
        freezes={("before write entry", nth): 5},
        faults={("write entry", nth): Fault(error=TaskTimeoutError)},
    )
    assert isinstance(process.error, TaskTimeoutError)
    assert world.posts == 0


def test_a_post_that_is_refused_though_it_was_carried_out_leaves_no_duplicate() -> None:
    """By a server that answers 409 to a process whose retry has registered the source; the next list is lost, too."""
    world = World()
    conflict = Fault(error=lambda: CopassConflictError("409", status=409))
    lost = Fault(applies=False, error=server_error)
    paused = acts.start_register(world, faults={("register", 0): conflict, ("list", 1): lost})
    assert run_to(world, paused, "before register")
    winner = acts.register(world, attempt=2)
    run_all(world, [paused])
    assert_green(winner, paused)
    assert live_of(world) == [acts.told(winner).data_source_id]


def test_a_deletion_that_was_late_leaves_what_is_known_of_a_newer_source() -> None:
    """Its claim was overwritten by that of a registration, which has completed the entry by the time it looks."""
    world = World()
    late = acts.start_delete(world)
    owner = acts.start_register(world, task=acts.OTHER)
    for process in (late, owner):
        assert run_to(world, process, "before write entry")
    assert run_to(world, late, "after write entry")
    run_all(world, [owner])
    run_all(world, [late])
    assert_green(owner, late)
    again = acts.register(world, task=acts.OTHER, attempt=2)
    assert acts.told(again).outcome == "unchanged"
    entry = entry_of(world)
    assert isinstance(entry, Completed)
    assert entry.registered_by == acts.OTHER


def test_a_rotation_that_was_sent_long_after_its_note_is_waited_for() -> None:
    """Its answer is lost, and it takes effect late: the time to wait begins when it was sent."""
    world = World()
    faults = {("rotate", 0): Fault(late=12, error=timed_out)}
    process = acts.start_register(world, freezes={("before rotate", 0): 40}, faults=faults)
    assert run_to(world, process, "after register")
    # Its lease is lost to a try that fails, so it goes on where another one would end.
    acts.register(world, attempt=2, faults={("list", 0): Fault(applies=False, error=server_error)})
    run_all(world, [process])
    settle(world)
    assert_green(process)
    assert_true(world, process)


def test_the_next_try_mints_for_one_that_cannot_look_any_more() -> None:
    """It has the lease for its second mint, and each of its looks fails: the entry says that the secret may be void."""
    world = acts.seeded()
    faults = {("get", nth): Fault(applies=False, error=server_error) for nth in range(1, 400)}
    paused = acts.start_register(world, on_missing_secret="rotate", faults=faults)
    assert run_to(world, paused, "before rotate")
    assert_green(acts.register(world, on_missing_secret="rotate", attempt=2))
    run_all(world, [paused])
    again = acts.register(world, on_missing_secret="rotate", attempt=3)
    settle(world)
    assert_green(again)
    assert_true(world, again)


def test_who_owes_gives_up_where_nothing_is_written_any_more() -> None:
    """Another one has taken its lease and died; from then on what it writes is not what it reads."""
    world = World()
    process = acts.start_register(world)
    assert run_to(world, process, "after register")
    world.advance(world.now + 5)
    acts.register(world, attempt=2, kill_at=("after sleep", 0))
    process.journal.write = lambda *_, **__: None
    run_all(world, [process])
    assert isinstance(acts.error_of(process), EntryBusyError)
    assert process.elapsed < 3 * acts.TAKEOVER_AFTER


@pytest.mark.parametrize("pause", [0, 45, 200])
def test_a_409_that_was_carried_out_long_after_its_note_is_found(pause: float) -> None:
    """The source was created later than the note says."""
    world = World()
    conflict = Fault(error=lambda: CopassConflictError("409", status=409))
    process = acts.register(world, faults={("register", 0): conflict}, freezes={("before register", 0): pause})
    assert_green(process)
    assert_true(world, process)
