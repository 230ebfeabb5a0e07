"""A list of sources in one go: one look for all, each secret in the store, and what fails leaves the rest alone."""

from __future__ import annotations

from airflow_provider_copass.registration.book import Book, book_from_text, book_name
from airflow_provider_copass.registration.record import Closed
from tests.registration import batches
from tests.registration.batches import acts, outcomes
from tests.registration.simulation import Process, World


def book_of(world: World) -> Book:
    """Return the sandbox's book."""
    return book_from_text(world.records[book_name("sb")], name="book")


def assert_good(world: World, process: Process, names: str = "abcde") -> None:
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
    return [step.removeprefix("before ") for step in process.trace if step.startswith("before")]


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
