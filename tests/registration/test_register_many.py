"""A list of sources: each secret in the store, and what fails leaves the rest alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_copass.errors import (
    CopassError,
    CopassNotFoundError,
    CopassValidationError,
    DuplicateSourcesError,
    EntryFormatError,
    JournalError,
    SecretMissingError,
    SourceChangedError,
)
from tests.registration import acts
from tests.registration.checks import assert_green, assert_true, name_of_entry
from tests.registration.simulation import Fault, Process, World, run_all, run_to, server_error

NAMES = "abcde"
NEXT = "list/next run/task/-1"


def outcomes(process: Process) -> list[str]:
    """Return what became of each source."""
    return [one.outcome for one in acts.all_told(process)]


@pytest.fixture
def world() -> World:
    """A world in which a list was registered."""
    world = World()
    done = acts.register_list(world, NAMES)
    assert_green(done)
    assert outcomes(done) == ["created"] * 5
    return world


def test_each_source_has_its_secret_in_the_store(world: World) -> None:
    """In the order of the list; each entry is completed, and holds no secret."""
    again = acts.register_list(world, reversed(NAMES), task=NEXT)
    assert_true(world, again)
    told = [world.rows[one.data_source_id or ""].fields["name"] for one in acts.all_told(again)]
    assert told == list(reversed(NAMES))
    assert len(world.store) == 5
    assert [json.loads(text)["state"] for text in world.entries.values()] == ["completed"] * 5
    assert "canary" not in f"{world.entries}"


def test_what_is_missing_is_created_beside_what_is_there(world: World) -> None:
    """A list with one entry more, of which an old one was deleted."""
    world.rows["ds-2"].alive = False
    done = acts.register_list(world, "abcdef", task=NEXT)
    assert_green(done)
    assert_true(world, done)
    assert outcomes(done) == ["unchanged", "created", "unchanged", "unchanged", "unchanged", "created"]


def rename(world: World) -> None:
    """Rename a source by hand."""
    world.rows["ds-2"].fields["name"] = "another"


def duplicate(world: World) -> None:
    """Forget which of two sources is meant."""
    acts.seed(world, "b")
    del world.entries[name_of_entry("b")]


def lose_secret(world: World) -> None:
    """Remove a secret from the store."""
    del world.store["copass_webhook_secret_ds-2"]


def garble(world: World) -> None:
    """Write over an entry."""
    world.entries[name_of_entry("b")] = "garbage"


@pytest.mark.parametrize(
    ("disturb", "error"),
    [
        (rename, SourceChangedError),
        (duplicate, DuplicateSourcesError),
        (lose_secret, SecretMissingError),
        (garble, EntryFormatError),
    ],
)
def test_one_that_fails_leaves_the_others(
    world: World, disturb: Callable[[World], None], error: type[CopassError]
) -> None:
    """What exists is reused, what is missing is created, and nothing is done about the one."""
    disturb(world)
    before = {source_id: row.secret for source_id, row in world.rows.items()}
    done = acts.register_list(world, [*NAMES, *"fghijklmno"], task=NEXT)
    told = acts.all_told(done)
    assert isinstance(told[1].error, error)
    assert outcomes(done) == ["unchanged", "failed", *["unchanged"] * 3, *["created"] * 10]
    assert before.items() <= {source_id: row.secret for source_id, row in world.rows.items()}.items()
    assert_true(world, done)


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_a_look_at_one_in_place_that_fails_leaves_the_others(names: str) -> None:
    """Of a short list each is looked at by itself."""
    world = World()
    assert_green(acts.register_list(world, names))
    fault = Fault(applies=False, error=server_error)
    again = acts.register_list(world, names, task=acts.OTHER, faults={("get", 0): fault})
    assert [told.outcome for told in acts.all_told(again)] == ["failed", *["unchanged"] * (len(names) - 1)]


def test_a_missing_secret_is_minted_if_that_is_asked_for(world: World) -> None:
    """Its source is ``updated``; the others' secrets stay."""
    lose_secret(world)
    done = acts.register_list(world, NAMES, task=NEXT, on_missing_secret="rotate")
    assert outcomes(done) == ["unchanged", "updated", "unchanged", "unchanged", "unchanged"]
    assert_true(world, done)
    assert world.rotations == 1


def test_a_list_that_cannot_look_keeps_nobody_waiting() -> None:
    """If the look under the leases fails, all are given back: another task goes on at once, and the retry too."""
    world = World()
    assert not acts.is_green(acts.register_list(world, NAMES, faults={("list", 0): Fault(applies=False)}))
    other = acts.register(world, "b", task=acts.OTHER)
    again = acts.register_list(world, NAMES, attempt=2)
    for process in (other, again):
        assert_green(process)
        assert process.elapsed < 10
    assert (world.posts, world.rotations) == (5, 0)


def test_sources_that_are_deleted_while_the_leases_are_acquired_are_created_anew(world: World) -> None:
    """The list that showed them in place was made before that, and tells nothing any more."""
    changing = acts.start_register_list(
        world, NAMES, task=NEXT, if_exists="update", fields={"poll_interval_seconds": 60}
    )
    while "before sleep" not in changing.trace:
        run_to(world, changing, len(changing.trace))
    for source_id in world.live():
        world.delete(source_id)
    run_all(world, [changing])
    assert_green(changing)
    assert outcomes(changing) == ["created"] * len(NAMES)


def test_a_last_look_that_fails_is_no_failure() -> None:
    """All is done by then; the log says that nobody has looked for duplicates."""
    world = World()
    done = acts.register_list(world, NAMES, faults={("list", 1): Fault(applies=False)})
    assert_green(done)
    assert_true(world, done)
    assert done.log.with_text("were not listed once more")


def test_duplicates_are_told() -> None:
    """Somebody registers one of the names by hand while the list is at work: both ids are named, none is touched."""
    world = World()
    of_list = acts.start_register_list(world, NAMES)
    assert run_to(world, of_list, "before register")
    by_hand = acts.seed(world, "c")
    run_all(world, [of_list])
    assert_green(of_list)
    (said,) = of_list.log.with_text("Several live sources")
    assert by_hand in said
    assert len(world.live()) == 6


def test_a_single_task_that_is_at_work_is_waited_for() -> None:
    """A list that begins while a task has sent its POST creates the others first, and reuses the source."""
    world = World()
    single = acts.start_register(world, "b")
    assert run_to(world, single, "after register")
    of_list = acts.start_register_list(world, NAMES, task=NEXT)
    run_all(world, [of_list, single])
    assert outcomes(of_list) == ["created", "unchanged", "created", "created", "created"]
    assert_green(single)
    assert_true(world, of_list, single)
    assert (world.posts, world.rotations) == (5, 0)


def test_a_long_list_tells_how_far_it_is() -> None:
    """Once a chunk; a list that is one chunk says nothing."""
    done = acts.register_list(World(), [f"n{number}" for number in range(201)], ingestion_mode="manual")
    assert_green(done)
    assert [line.split()[0] for line in done.log.with_text(" of 201 sources are done.")] == ["100", "200", "201"]
    assert acts.register_list(World(), NAMES).log.lines == []


def test_if_the_store_cannot_be_read_no_more_is_sent() -> None:
    """Each further source would be one whose secret is lost; the retry finishes what was created, and the rest."""
    world = World()
    names = [f"n{number}" for number in range(40)]
    down = Fault(applies=False, error=lambda: JournalError("down"))
    first = acts.register_list(world, names, faults={"read secret": down})
    assert set(outcomes(first)) == {"failed", "skipped"}
    assert world.posts < 10
    again = acts.register_list(world, names, attempt=2)
    assert_green(again)
    assert_true(world, again)
    assert world.posts == 40


# The brake: it stops a list for what is wrong with all of its sources, not for what is wrong with some.


def refused() -> Exception:
    """The server refuses a field of one source."""
    return CopassValidationError("refused", operation="update_source", status=422)


def gone() -> Exception:
    """The source was deleted right before it was to be changed."""
    return CopassNotFoundError("gone", operation="update_source", status=404)


@pytest.mark.parametrize(("error", "failing"), [(refused, 10), (gone, 1)])
def test_sources_that_the_server_refuses_stop_no_other(error: Callable[[], Exception], failing: int) -> None:
    """Of a list of 250 some PATCHes are refused, in each try: the others are in place or created all the same."""
    world = World()
    names = [f"n{number}" for number in range(240)]
    how = {"ingestion_mode": "manual", "fields": {"external_account_id": "T1"}}
    assert_green(acts.register_list(world, names, **how))
    for row in list(world.rows.values())[:failing]:
        row.fields["external_account_id"] = "by hand"
    names += [f"new {number}" for number in range(10)]
    for attempt, rest in enumerate(("created", "unchanged"), 1):
        faults = {"update": Fault(applies=False, error=error)}
        done = acts.register_list(world, names, task=NEXT, attempt=attempt, if_exists="update", faults=faults, **how)
        assert outcomes(done) == [*["failed"] * failing, *["unchanged"] * (240 - failing), *[rest] * 10]


def test_failures_between_sources_that_are_in_place_are_not_in_a_row() -> None:
    """Nine PATCHes of each of three chunks are answered 503: all else is in place."""
    world = World()
    names = [f"n{number}" for number in range(300)]
    how = {"ingestion_mode": "manual", "fields": {"external_account_id": "T1"}}
    assert_green(acts.register_list(world, names, **how))
    failing = [number for number in range(300) if number % 100 < 9]
    for number in failing:
        list(world.rows.values())[number].fields["external_account_id"] = "by hand"
    faults = {"update": Fault(applies=False, error=server_error)}
    done = acts.register_list(world, names, task=NEXT, if_exists="update", faults=faults, **how)
    assert [number for number, outcome in enumerate(outcomes(done)) if outcome != "unchanged"] == failing


@pytest.mark.parametrize(("effect", "operation"), [("list", "list_sources"), ("register", "register_source")])
def test_if_there_is_no_such_sandbox_no_more_is_sent(effect: str, operation: str) -> None:
    """A 404 for a list or a POST is about the sandbox."""
    world = World()
    names = [f"n{number}" for number in range(150)]
    fault = Fault(applies=False, error=lambda: CopassNotFoundError("gone", operation=operation, status=404))
    done = acts.register_list(world, names, faults={effect: fault})
    assert set(outcomes(done)) == {"failed", "skipped"}
    assert world.posts < 10
