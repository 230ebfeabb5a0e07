"""The records, the store or the API cannot be had at some step: no second POST, no rotation, and Airflow may retry."""

from __future__ import annotations

import pytest

from airflow_provider_copass.errors import JournalError, SecretStoreError
from tests.registration.failure_table import EFFECTS
from tests.registration.simulation import Fault, World, server_error
from tests.registration.worlds import run

KEY = "copass_webhook_secret_ds-1"
NEXT = "dag/run 2/task/-1"


def no_record() -> Exception:
    """Say that a record cannot be read or written."""
    return JournalError("down")


def no_store() -> Exception:
    """Say that the store cannot be read or written."""
    return SecretStoreError("down")


ERRORS = {"list": server_error, "read record": no_record, "write record": no_record, "read secret": no_store}


@pytest.mark.parametrize("number", [n for n, name in enumerate(EFFECTS) if name in ERRORS])
def test_an_outage_at_any_step_of_a_registration(number: int) -> None:
    """The try fails with an error that Airflow retries, or gets by; then there is one source from one POST."""
    world = World()
    fault = Fault(applies=False, error=ERRORS[EFFECTS[number]])
    done = run(world, ingestion_mode="realtime", script={"faults": {number: fault}})
    if done.error is not None:
        assert not getattr(done.error, "is_final", True), done.error
        done = run(world, attempt=2, ingestion_mode="realtime")
    assert done.error is None, done.error
    assert world.live() == ["ds-1"]
    assert world.posts == 1
    assert world.store[KEY] == world.rows["ds-1"].secret


@pytest.mark.parametrize("name", ["list", "get", "read record", "read secret"])
def test_an_outage_for_good_registers_and_rotates_nothing(name: str) -> None:
    """Of a source that is there, whatever cannot be looked at is not taken for missing, try after try."""
    world = World()
    run(world, ingestion_mode="realtime")
    if name == "get":
        # A recorded source that is in no list is asked for by its id.
        world.rows["ds-1"].fields["name"] = "renamed"
    errors = {**ERRORS, "get": server_error}
    for attempt in range(1, 4):
        faults = {name: Fault(applies=False, error=errors[name])}
        done = run(
            world,
            task=NEXT,
            attempt=attempt,
            ingestion_mode="realtime",
            on_missing_secret="rotate",
            script={"faults": faults},
        )
        assert not getattr(done.error, "is_final", True), done.error
    assert (world.posts, world.rotations) == (1, 0)
