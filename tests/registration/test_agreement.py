"""One source's operator and the list say the same of the same state, whichever of them has registered the source."""

from __future__ import annotations

import pytest

from tests.registration import acts
from tests.registration.checks import assert_once
from tests.registration.simulation import World

WAYS = ("one", "list")
NEXT = "dag/next run/task/-1"
both = pytest.mark.parametrize("way", WAYS)
by_either_way = pytest.mark.parametrize("by", WAYS)


def registered(by: str, world: World | None = None, **how: str) -> World:
    """Return a world in which one of the two has registered a realtime source."""
    world = world or World()
    assert acts.is_green(acts.register_one(by, world, **how))
    return world


@both
@by_either_way
def test_a_source_that_was_renamed_by_hand_is_not_registered_again(by: str, way: str) -> None:
    """The recorded source lives under another name: an error tells it, and no POST is sent."""
    world = registered(by)
    world.rows["ds-1"].fields["name"] = "by hand"
    process = acts.register_one(way, world, task=NEXT)
    assert type(acts.error_of(process)).__name__ == "SourceChangedError"
    assert "ds-1" in str(acts.error_of(process))
    assert world.posts == 1


@both
@by_either_way
def test_a_duplicate_beside_the_recorded_source_does_not_matter(by: str, way: str) -> None:
    """The recorded source is reused, for it is known which one is meant."""
    world = registered(by)
    acts.seed(world)
    process = acts.register_one(way, world, task=NEXT)
    assert acts.told(process) == acts.Told("unchanged", "ds-1", "copass_webhook_secret_ds-1")
    assert world.posts == 1


@both
@by_either_way
def test_a_source_for_which_no_secret_was_issued_needs_none(by: str, way: str) -> None:
    """A later run reuses it, and suggests no rotation."""
    world = registered(by, World(issues_secrets=False))
    process = acts.register_one(way, world, task=NEXT)
    assert acts.told(process) == acts.Told("unchanged", "ds-1", None)
    assert (world.posts, world.rotations) == (1, 0)


@both
@by_either_way
def test_a_secret_under_another_key_is_pointed_to(by: str, way: str) -> None:
    """A task that asks for another key is told under which key the secret is."""
    world = registered(by, store_as="first_{name}")
    process = acts.register_one(way, world, task=NEXT, store_as="second_{name}")
    assert type(acts.error_of(process)).__name__ == "SourceChangedError"
    assert "'first_n'" in str(acts.error_of(process))
    assert world.rotations == 0


@both
@by_either_way
def test_a_source_in_place_is_unchanged(by: str, way: str) -> None:
    """Each reuses what the other has registered, without a write."""
    world = registered(by)
    process = acts.register_one(way, world, task=NEXT)
    assert acts.told(process).outcome == "unchanged"
    assert world.sent == [("register", "n")]
    assert_once(world, process)
