"""``if_exists="update"``: what differs is changed, by key, and what a server will not show is not sent for ever."""

from __future__ import annotations

from typing import Any

import pytest

from tests.registration.simulation import World
from tests.registration.worlds import run, seed


def updated(world: World, number: int, **fields: Any) -> Any:
    """Run a task's n-th run with ``if_exists="update"``."""
    done = run(world, task=f"dag/run {number}/task/-1", if_exists="update", **fields)
    assert done.error is None, done.error
    return done


def test_only_the_declared_difference_is_sent() -> None:
    """What is the same, and what the task does not declare, is in no PATCH."""
    world = World()
    seed(world, poll_interval_seconds=60, external_account_id="theirs", adapter_config={"a": 1, "b": 1, "more": 1})
    done = updated(world, 1, poll_interval_seconds=90, adapter_config={"a": 1, "b": 2})
    (patch,) = world.patches
    assert patch == {"poll_interval_seconds": 90, "adapter_config": {"b": 2}}
    assert world.rows["ds-1"].fields["adapter_config"] == {"a": 1, "b": 2, "more": 1}
    assert world.rows["ds-1"].fields["external_account_id"] == "theirs"
    assert done.said_of("Changed source ds-1 in: adapter_config.b, poll_interval_seconds.")


def test_nothing_to_change_is_no_request() -> None:
    """The second run only looks."""
    world = World()
    seed(world, poll_interval_seconds=60)
    updated(world, 1, poll_interval_seconds=90)
    second = updated(world, 2, poll_interval_seconds=90)
    assert len(world.patches) == 1
    assert "before update" not in second.trace


def test_settings_are_compared_as_deep_as_they_are_declared() -> None:
    """The server may know more inside of a declared object."""
    world = World()
    seed(world, adapter_config={"a": {"b": {"c": 1, "more": 1}}})
    updated(world, 1, adapter_config={"a": {"b": {"c": 1}}})
    assert world.patches == []
    updated(world, 2, adapter_config={"a": {"b": {"c": 2}}})
    assert world.rows["ds-1"].fields["adapter_config"] == {"a": {"b": {"c": 2, "more": 1}}}


def test_a_masked_value_is_sent_once_and_said_once() -> None:
    """A server that shows ``***`` for a credential must not cause a PATCH at every run."""
    world = World(masks=frozenset({"api_key"}))
    seed(world, adapter_config={"api_key": "***"})
    first = updated(world, 1, adapter_config={"api_key": "canary-key"})
    second = updated(world, 2, adapter_config={"api_key": "canary-key"})
    assert len(world.patches) == 1
    assert len(first.said_of("does not show adapter_config.api_key of source ds-1 as it was sent")) == 1
    assert second.said_of("does not show") == []
    assert "canary" not in f"{first.said}{second.said}{world.records}"


def test_a_masked_value_that_is_declared_anew_is_sent_again() -> None:
    """What was sent is known by a salted hash, so another value is seen to be another."""
    world = World(masks=frozenset({"api_key"}))
    seed(world)
    for number, key in enumerate(["canary-1", "canary-1", "canary-2", "canary-2"]):
        updated(world, number, adapter_config={"api_key": key})
    assert len(world.patches) == 2
    assert "canary" not in str(world.records)


def test_a_kind_cannot_be_changed_and_is_said_to_differ() -> None:
    """The API has no way to change it."""
    world = World()
    seed(world, kind="ephemeral")
    done = updated(world, 1, kind="durable")
    assert world.patches == []
    assert done.said_of("differs in what cannot be changed: kind")


@pytest.mark.parametrize("field", [{"external_account_id": "x"}, {"ingestion_mode": "batch"}])
def test_a_changed_field_is_what_the_result_shows(field: dict[str, str]) -> None:
    """The source in the result is the one after the change."""
    world = World()
    seed(world)
    done = updated(world, 1, **field)
    assert done.result.shown()[next(iter(field))] == next(iter(field.values()))
