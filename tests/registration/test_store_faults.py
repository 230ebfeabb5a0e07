"""A store that does not work, or not at once, or gives back something else: the secret is not lost and not shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import pytest
from airflow_provider_copass.registration.store_key import StoreKey

from airflow_provider_copass.errors import SecretStoreError
from tests.registration.simulation import Fault, World
from tests.registration.worlds import run

KEY = "copass_webhook_secret_ds-1"


class StoreError(Exception):
    """What a user's own store may raise: it holds the secret."""


def broken() -> Exception:
    """Raise as a careless store would."""
    return StoreError("cannot write canary-1")


def everything_said(error: BaseException | None) -> str:
    """Return all that an exception and what hangs on it could print."""
    said = []
    while error is not None:
        said += [str(error), repr(error.args), repr(error.__dict__)]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def test_a_write_that_fails_once_is_mended_in_the_same_try() -> None:
    """The secret is still in hand, so it is written again, and nothing is rotated."""
    world = World()
    fault = Fault(applies=False, error=broken)
    done = run(world, ingestion_mode="realtime", script={"faults": {("write secret", 0): fault}})
    assert done.error is None
    assert world.store == {KEY: "canary-1"}
    assert world.rotations == 0


def test_a_write_that_always_fails_is_mended_by_the_next_try() -> None:
    """The error is not final, tells what to do and shows nothing; the next try mints anew."""
    world = World()
    faults = {"write secret": Fault(applies=False, error=broken)}
    done = run(world, ingestion_mode="realtime", script={"faults": faults})
    assert isinstance(done.error, SecretStoreError)
    assert not done.error.is_final
    assert "Mend the store; the next try mints a new secret" in str(done.error)
    assert "canary" not in everything_said(done.error)
    again = run(world, attempt=2, ingestion_mode="realtime")
    assert again.error is None
    assert world.store == {KEY: world.rows["ds-1"].secret}
    assert (world.posts, world.rotations) == (1, 1)


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
def test_a_write_that_fails_tells_its_kind(raised: Callable[[], Exception], told: str) -> None:
    """A missing right and a throttled call are told apart, by fixed words and codes and nothing that a server wrote."""
    world = World()
    faults = {"write secret": Fault(applies=False, error=raised)}
    done = run(world, ingestion_mode="realtime", script={"faults": faults})
    assert isinstance(done.error, SecretStoreError)
    assert f"cannot be written ({told})" in str(done.error)
    assert "canary" not in everything_said(done.error)


def test_a_read_that_fails_tells_its_kind() -> None:
    """As a write does."""
    faults = {"read secret": Fault(error=lambda: ClientError("ThrottlingException"))}
    done = run(World(), ingestion_mode="realtime", script={"faults": faults})
    assert isinstance(done.error, SecretStoreError)
    assert "cannot be read (ClientError: ThrottlingException)" in str(done.error)
    assert "canary" not in everything_said(done.error)


@pytest.mark.parametrize("key", [StoreKey(), StoreKey("my_secret")])
def test_a_value_that_reads_back_otherwise_is_an_error_until_it_is_mended(key: StoreKey) -> None:
    """A backend that came to stand before the store: the next try does not take its value for the secret."""
    world = World()
    name = key.render(sandbox_id="sb", provider="slack", name="n", data_source_id="ds-1")
    # It comes up after the key was found to be free.
    write = {("write secret", 0): Fault(error=lambda: _shadowed(world, name))}
    done = run(world, ingestion_mode="realtime", key=key, script={"faults": write})
    assert isinstance(done.error, SecretStoreError)
    assert "does not give back the webhook secret" in str(done.error)
    assert "canary" not in everything_said(done.error)
    assert "somebody" not in everything_said(done.error)
    still = run(world, attempt=2, ingestion_mode="realtime", key=key)
    assert isinstance(still.error, SecretStoreError)
    world.shadow.clear()
    mended = run(world, attempt=3, ingestion_mode="realtime", key=key)
    assert mended.error is None
    assert world.store[name] == world.rows["ds-1"].secret
    assert world.posts == 1


@pytest.mark.parametrize("reads", [(0,), range(1, 7)], ids=["before the write", "after it"])
def test_a_store_that_cannot_be_read_is_an_error_that_shows_nothing(reads: Iterable[int]) -> None:
    """What a store raises while it is asked may hold the secret too."""
    world = World()
    faults = {("read secret", nth): Fault(error=broken) for nth in reads}
    done = run(world, ingestion_mode="realtime", script={"faults": faults})
    assert isinstance(done.error, SecretStoreError)
    assert not done.error.is_final
    assert "canary" not in everything_said(done.error)
    again = run(world, attempt=2, ingestion_mode="realtime")
    assert again.error is None
    assert world.store == {KEY: world.rows["ds-1"].secret}
    assert world.posts == 1


def test_a_read_back_that_fails_once_is_repeated() -> None:
    """The secret is good, and is not rotated for an outage that is over."""
    world = World()
    done = run(world, ingestion_mode="realtime", script={"faults": {("read secret", 1): Fault(error=broken)}})
    assert done.error is None
    assert world.store == {KEY: "canary-1"}
    assert world.rotations == 0


@pytest.mark.parametrize("lag", [1.0, 10.0])
def test_a_store_that_shows_a_write_late_is_waited_for(lag: float) -> None:
    """Reads that are behind by seconds are no reason to rotate a good secret."""
    world = World(lag=lag)
    done = run(world, ingestion_mode="realtime")
    assert done.error is None
    assert (world.posts, world.rotations) == (1, 0)
    assert world.shown == {KEY: world.rows["ds-1"].secret}


def test_a_store_that_never_shows_a_write_is_not_waited_for_for_ever() -> None:
    """The error names it as a cause, beside a backend that stands before the store."""
    world = World(lag=1000)
    done = run(world, ingestion_mode="realtime")
    assert isinstance(done.error, SecretStoreError)
    assert "for 16 seconds" in str(done.error)
    assert "shows what is written very late" in str(done.error)


def _shadowed(world: World, name: str) -> Exception:
    world.shadow[name] = "somebody's"
    return StoreError("written, but the answer was lost")
