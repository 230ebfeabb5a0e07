"""A store that does not work, or not at once, or gives back something else: the secret is not lost and not shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import pytest

from airflow_provider_copass.errors import SecretStoreError
from airflow_provider_copass.secret_stores._failure_kind import kind_of
from tests.harness.exceptions import everything_said
from tests.registration import acts
from tests.registration.checks import assert_once, assert_retryable
from tests.registration.simulation import Fault, Process, World


class StoreError(Exception):
    """What a user's own store may raise: it holds the secret."""


def broken() -> Exception:
    """Raise as a careless store would."""
    return StoreError("cannot write canary-1")


def assert_store_error(process: Process) -> str:
    """The task fails with an error that is retried, and that shows nothing of any value.

    :return: what the error says.
    """
    failure = acts.error_of(process)
    assert isinstance(failure, SecretStoreError), repr(failure)
    assert_retryable(process)
    said = everything_said(failure)
    assert "canary" not in said
    assert "somebody" not in said
    return str(failure)


class ClientError(Exception):
    """As botocore's: with what the server said."""

    def __init__(self, code: Any) -> None:
        super().__init__("canary-1")
        self.response = {"Error": {"Code": code, "Message": "canary-1"}}


class HttpResponseError(Exception):
    """As Azure's, whose response is an object."""

    status_code = 403
    response = object()


class PermissionDenied(Exception):  # noqa: N818 - Google's name
    """As Google's."""

    code = HTTPStatus.FORBIDDEN


class ThrottlingException(ClientError):  # noqa: N818 - AWS's name
    """As botocore makes them of a service's model."""


class OddError(Exception):
    """A careless store's own."""

    code = "canary-1"

    @property
    def status_code(self) -> int:
        """Give nothing away."""
        raise KeyError("canary-1")


def carried() -> Exception:
    """Return what this package's own store for backends raises."""
    error = SecretStoreError("canary-1")
    error.kind = "ClientError: ThrottlingException"
    return error


KINDS: list[tuple[Callable[[], Exception], str]] = [
    (lambda: ClientError("AccessDeniedException"), "ClientError: AccessDeniedException"),
    (lambda: ClientError("canary-1"), "ClientError"),
    (lambda: ClientError(None), "ClientError"),
    (lambda: ThrottlingException("ThrottlingException"), "ThrottlingException"),
    (HttpResponseError, "HttpResponseError: 403"),
    (PermissionDenied, "PermissionDenied: 403"),
    (OddError, "OddError"),
    (carried, "ClientError: ThrottlingException"),
    (broken, "StoreError"),
]


@pytest.mark.parametrize(("raised", "told"), KINDS, ids=[told for _, told in KINDS])
def test_a_failure_tells_its_kind(raised: Callable[[], Exception], told: str) -> None:
    """A missing right and a throttled call are told apart, by fixed words and codes and nothing that a server wrote."""
    assert kind_of(raised()) == told


@acts.both_ways
@pytest.mark.parametrize("effect", [("write secret", 0), ("read secret", 1)], ids=["write", "read back"])
def test_a_write_that_fails_once_is_repeated_in_the_same_try(way: str, effect: tuple[str, int]) -> None:
    """The secret is still in hand, so it is written, or read back, again, and nothing is rotated."""
    world = World()
    assert_once(world, acts.register_one(way, world, faults={effect: Fault(applies=False, error=broken)}))
    assert (world.store, world.rotations) == ({acts.KEY: "canary-1"}, 0)


@acts.both_ways
def test_a_write_that_always_fails_is_made_up_for_by_the_next_try(way: str) -> None:
    """The error tells what kind of failure it is and what comes next; the next try mints anew."""
    world = World()
    faults = {"write secret": Fault(applies=False, error=lambda: ClientError("AccessDeniedException"))}
    said = assert_store_error(acts.register_one(way, world, faults=faults))
    assert "cannot be written (ClientError: AccessDeniedException)" in said
    assert "The next try mints a new secret and stores it" in said
    assert_once(world, acts.register_one(way, world, attempt=2))
    assert (world.posts, world.rotations) == (1, 1)


@pytest.mark.parametrize("key", [acts.KEY, "my_secret"], ids=["key with the id", "fixed key"])
def test_a_value_that_reads_back_otherwise_is_an_error_until_it_is_gone(key: str) -> None:
    """A backend that came to stand before the store: the next try does not take its value for the secret."""
    world = World()
    how = {"store_as": None if key == acts.KEY else key}

    def shadowed() -> Exception:
        world.shadow[key] = "somebody's"
        return StoreError("written, but the answer was lost")

    # It comes up after the key was found to be free.
    first = acts.register(world, **how, faults={("write secret", 0): Fault(error=shadowed)})
    assert "does not give back the webhook secret" in assert_store_error(first)
    assert_store_error(acts.register(world, attempt=2, **how))
    world.shadow.clear()
    assert_once(world, acts.register(world, attempt=3, **how))
    assert world.posts == 1


@pytest.mark.parametrize("reads", [(0,), range(1, 7)], ids=["before the write", "after it"])
def test_a_store_that_cannot_be_read_is_an_error_that_shows_nothing(reads: Iterable[int]) -> None:
    """What a store raises while it is asked may hold the secret too; the next try makes up for it."""
    world = World()
    down = Fault(error=lambda: ClientError("ThrottlingException"))
    said = assert_store_error(acts.register(world, faults={("read secret", nth): down for nth in reads}))
    assert "cannot be read (ClientError: ThrottlingException)" in said
    assert_once(world, acts.register(world, attempt=2))
    assert world.posts == 1


def test_a_store_that_cannot_be_read_later_is_not_taken_for_empty() -> None:
    """A source in place: nothing is minted because of an outage, whatever is asked for."""
    world = acts.registered()
    down = Fault(applies=False, error=broken)
    for choice in ("fail", "rotate", "ignore"):
        process = acts.register(world, task=acts.OTHER, on_missing_secret=choice, faults={"read secret": down})
        assert_store_error(process)
    assert world.rotations == 0


@acts.both_ways
@pytest.mark.parametrize("lag", [1.0, 10.0])
def test_a_store_that_shows_a_write_late_is_waited_for(way: str, lag: float) -> None:
    """Reads that are behind by seconds are no reason to rotate a good secret."""
    world = World(lag=lag)
    assert_once(world, acts.register_one(way, world))
    assert (world.posts, world.rotations) == (1, 0)
    assert world.shown == {acts.KEY: world.rows["ds-1"].secret}


def test_a_store_that_never_shows_a_write_is_not_waited_for_for_ever() -> None:
    """The error names it as a cause, beside a backend that stands before the store."""
    process = acts.register(World(lag=1000))
    said = assert_store_error(process)
    assert "for 16 seconds" in said
    assert "the store shows a write very late" in said
    assert process.elapsed < 60
