"""A list of sources in one go: one look for all, each secret in the store, and what fails leaves the rest alone."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_copass.errors import JournalError
from airflow_provider_copass.registration.book import Book, book_from_text, book_name
from airflow_provider_copass.registration.record import Closed
from tests.registration import batches
from tests.registration.batches import acts, assert_good_beside_singles, outcomes, single
from tests.registration.simulation import Fault, World, run_all
from tests.registration.worlds import Process, seed


def book_of(world: World) -> Book:
    """Return the sandbox's book."""
    return book_from_text(world.records[book_name("sb")], name="book")


def assert_good(world: World, process: Process, names: Sequence[str] = "abcde") -> None:
    """One live source a name, its valid secret under the reported key, the book closed."""
    done = outcomes(process)
    live = {world.rows[source_id].fields["name"]: source_id for source_id in world.live()}
    assert sorted(live) == sorted(names)
    assert len(world.live()) == len(names)
    for name, outcome in zip(names, done, strict=True):
        assert outcome.error is None, outcome
        assert outcome.registered is not None
        source_id = outcome.registered.source.data_source_id
        assert source_id == live[name]
        assert outcome.registered.stored_as == f"copass_webhook_secret_{source_id}"
        assert world.store[outcome.registered.stored_as] == world.rows[source_id].secret
    book = book_of(world)
    assert book.holder is None
    assert all(isinstance(record, Closed) for record in book.records.values())
    assert "canary" not in "".join([*world.records.values(), *process.said])


def effects(process: Process) -> list[str]:
    """Return what it asked of the world, in its order."""
    return process.effects


def test_a_new_list_is_one_look_and_a_post_a_source() -> None:
    """The second look settles twins; the secrets are those of the POSTs' own answers."""
    world = World()
    done = batches.run(world)
    assert_good(world, done)
    assert acts(done) == ["made"] * 5
    asked = effects(done)
    assert (asked.count("list"), asked.count("register"), asked.count("rotate")) == (2, 5, 0)
    assert asked.index("list") < asked.index("register")


def test_the_second_run_is_one_look_and_no_write() -> None:
    """Of records it reads the one book."""
    world = World()
    batches.run(world)
    again = batches.run(world, task="list/run 2/task/-1")
    assert_good(world, again)
    assert acts(again) == ["adopted"] * 5
    assert effects(again) == ["read record", "list", *["read secret"] * 5]


def test_a_list_that_fails_half_way_keeps_nobody_waiting() -> None:
    """Where the last look cannot be had, another list of the sandbox can go on at once, and the retry too."""
    world = World()
    assert batches.run(world, script={"faults": {("list", 1): Fault(applies=False)}}).error is not None
    began = world.now
    assert acts(batches.run(world, "xy", task="other/run/task/-1")) == ["made"] * 2
    assert world.now - began < 10
    again = batches.run(world, attempt=2)
    assert acts(again) == ["adopted"] * 5
    assert (world.posts, world.rotations) == (7, 0)


def test_what_a_person_removed_is_made_again() -> None:
    """One more look than usual: nothing is made that was not announced before it."""
    world = World()
    batches.run(world)
    world.rows["ds-2"].alive = False
    again = batches.run(world, task="list/run 2/task/-1")
    assert_good(world, again)
    assert acts(again) == ["adopted", "made", "adopted", "adopted", "adopted"]


def test_what_was_renamed_is_an_error_of_its_own() -> None:
    """The others are adopted, and no second source is made of it."""
    world = World()
    batches.run(world)
    world.rows["ds-2"].fields["name"] = "another"
    again = batches.run(world, task="list/run 2/task/-1")
    assert acts(again) == ["adopted", "failed", "adopted", "adopted", "adopted"]
    assert "ds-2 was registered as slack source 'b' and is now 'slack' 'another'" in str(outcomes(again)[1].error)
    assert world.posts == 5


def test_several_sources_of_a_name_are_an_error_of_their_own() -> None:
    """It lists them, and none is touched."""
    world = World()
    twins = [seed(world, name="b"), seed(world, name="b")]
    done = batches.run(world)
    assert acts(done) == ["made", "failed", "made", "made", "made"]
    assert all(twin in str(outcomes(done)[1].error) for twin in twins)


def test_a_missing_secret_is_minted_where_that_is_asked_for() -> None:
    """By the steps for a single source, once the list is done."""
    world = World()
    batches.run(world)
    del world.store["copass_webhook_secret_ds-3"]
    failed = batches.run(world, task="list/run 2/task/-1")
    assert acts(failed) == ["adopted", "adopted", "failed", "adopted", "adopted"]
    minted = batches.run(world, task="list/run 3/task/-1", on_missing_secret="rotate")
    assert acts(minted) == ["adopted"] * 5
    assert world.rotations == 1
    assert world.store["copass_webhook_secret_ds-3"] == world.rows["ds-3"].secret


def test_sources_without_an_issued_secret_are_remembered_as_such() -> None:
    """The next run does not look for what never was."""
    world = World(issues_secrets=False)
    batches.run(world)
    again = batches.run(world, task="list/run 2/task/-1")
    assert acts(again) == ["adopted"] * 5
    assert world.store == {}


def test_a_process_that_stood_still_sends_no_more() -> None:
    """Jobs that were handed out before it stood still are not done after it."""
    world = World()
    at = batches.run(World()).trace.index("after register")
    zombie = batches.start(world, script={"freezes": {at: 1000.0}})
    while zombie.wakes_at < world.now + 500 and not zombie.is_over:
        world.advance(max(world.now, zombie.wakes_at))
        zombie.step()
    assert_good(world, batches.run(world, attempt=2))
    posts = world.posts
    run_all(world, [zombie])
    assert world.posts == posts == 5


def test_a_single_source_under_way_is_waited_for() -> None:
    """A list that begins while a single task has sent its POST makes no twin, and adopts what comes of it."""
    world = World()
    one = single(world, "b")
    while "after write record" not in one.trace:
        one.step()
    done = batches.start(world)
    run_all(world, [done, one])
    assert acts(done) == ["made", "adopted", "made", "made", "made"]
    assert (world.posts, world.rotations) == (5, 0)


def test_a_list_under_way_is_waited_for_by_a_single_source() -> None:
    """A task for one source that begins while the list has announced it makes no twin either."""
    world = World()
    of_list = batches.start(world)
    while "before register" not in of_list.trace:
        of_list.step()
        world.advance(max(world.now, of_list.wakes_at))
    one = single(world, "b")
    run_all(world, [one, of_list])
    assert one.error is None
    assert (world.posts, world.rotations) == (5, 0)


def test_a_book_that_makes_no_sense_stops_it_all() -> None:
    """Guessing could make everything twice; the message says how to go on."""
    world = World()
    batches.run(world)
    world.records[book_name("sb")] = '{"copass_book": 2}'
    failed = batches.run(world, task="list/run 2/task/-1")
    assert isinstance(failed.error, JournalError)
    assert "Delete it" in str(failed.error)
    assert world.posts == 5


def test_a_book_lets_go_of_what_is_gone() -> None:
    """A source that nobody asks for and that is in no list leaves no record; one that lives keeps it."""
    world = World()
    batches.run(world)
    world.rows["ds-1"].alive = False
    batches.run(world, "bx", task="list/run 2/task/-1")
    assert {record.source_id for record in book_of(world).records.values()} == {"ds-2", "ds-3", "ds-4", "ds-5", "ds-6"}


def test_what_was_removed_is_made_again_beside_what_is_new() -> None:
    """A list with one entry more, of which an old one is gone."""
    world = World()
    batches.run(world)
    world.rows["ds-2"].alive = False
    assert acts(batches.run(world, "abcdef", task="list/run 2/task/-1")) == [
        "adopted",
        "made",
        "adopted",
        "adopted",
        "adopted",
        "made",
    ]


def test_a_single_source_that_looked_before_the_list_announced_it_gives_way() -> None:
    """It has its own record by then, and gives it back: the list could not see it any more."""
    world = World()
    one = single(world, "b")
    while "before write record" not in one.trace:
        one.step()
    at = batches.run(World()).trace.index("after list")
    of_list = batches.start(world, script={"freezes": {at: 3.0}})
    while "after list" not in of_list.trace:
        world.advance(max(world.now, of_list.wakes_at))
        of_list.step()
    run_all(world, [of_list, one])
    assert_good_beside_singles(world, of_list, "abcde")
    assert one.error is None
    assert (world.posts, world.rotations) == (5, 0)


def test_a_single_source_knows_what_a_list_recorded() -> None:
    """Such as that no secret was ever issued for it, which its own record cannot tell."""
    world = World(issues_secrets=False)
    batches.run(world)
    one = single(world, "b")
    run_all(world, [one])
    assert one.error is None


def test_it_is_told_how_far_it_is() -> None:
    """Every few seconds, while a long list is registered."""
    done = batches.run(World(), [f"n{number}" for number in range(300)], ingestion_mode="manual")
    assert acts(done) == ["made"] * 300
    told = done.said_of(" of 300 sources are done.")
    assert told
    assert len(told) < 10


def test_where_the_store_cannot_be_read_no_more_is_sent() -> None:
    """Each further source would be one whose secret is lost; the retry finishes what was made, and makes the rest."""
    world = World()
    names = [f"n{number}" for number in range(40)]
    # As where Airflow's Variables cannot be read.
    down = Fault(applies=False, error=lambda: JournalError("down"))
    first = batches.run(world, names, script={"faults": {"read secret": down}})
    assert set(acts(first)) == {"failed", "not tried"}
    assert world.posts < 10
    assert_good(world, batches.run(world, names, attempt=2), names)
    assert world.posts == 40
