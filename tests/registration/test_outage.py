"""The journal, the store or the API fails at some step: no second POST, nothing rotated, and Airflow may retry."""

from __future__ import annotations

import pytest

from airflow_provider_copass.errors import JournalError, SecretStoreError
from tests.registration import acts
from tests.registration.checks import assert_once, assert_retryable
from tests.registration.simulation import Fault, World, server_error


def no_entry() -> Exception:
    """Say that an entry cannot be read or written."""
    return JournalError("down")


def no_secret() -> Exception:
    """Say that the store cannot be read or written."""
    return SecretStoreError("down")


ERRORS = {
    "list": server_error,
    "get": server_error,
    "read entry": no_entry,
    "write entry": no_entry,
    "read secret": no_secret,
    "write secret": no_secret,
}


@acts.both_ways
@pytest.mark.parametrize("applies", [False, True])
@pytest.mark.parametrize("store_as", [None, "fixed_secret"])
def test_an_outage_at_any_step_of_a_registration(way: str, store_as: str | None, applies: bool) -> None:
    """The try fails with an error that Airflow retries, or gets by; then there is one source from one POST."""
    effects = acts.register_one(way, World(), store_as=store_as).effects
    for number, effect in enumerate(effects):
        if effect not in ERRORS:
            continue
        world = World()
        fault = Fault(applies=applies, error=ERRORS[effect])
        done = acts.register_one(way, world, store_as=store_as, faults={number: fault})
        if not acts.is_green(done):
            assert_retryable(done)
            done = acts.register_one(way, world, attempt=2, store_as=store_as)
        assert_once(world, done)
        assert world.posts == 1


@acts.both_ways
@pytest.mark.parametrize("effect", ["get", "list", "read entry", "read secret"])
def test_an_outage_for_good_registers_and_rotates_nothing(way: str, effect: str) -> None:
    """What cannot be looked at is not taken for missing, try after try."""
    world = acts.registered()
    if effect == "list":
        # What is not recorded is looked for in the list.
        world.entries.clear()
    for attempt in (1, 2, 3):
        faults = {effect: Fault(applies=False, error=ERRORS[effect])}
        done = acts.register_one(way, world, task=acts.NEXT, attempt=attempt, on_missing_secret="rotate", faults=faults)
        assert_retryable(done)
    assert (world.posts, world.rotations) == (1, 0)
