"""What one look at a sandbox shows: which sources live, which of them have an identity, and what is no answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_copass.api import Source, SourceList
from airflow_provider_copass.errors import CopassAnswerError
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.spec import Identity

IDENTITY = Identity("sb", "slack", "n")
NOW = 1_700_000_000.0


def source(source_id: str = "ds-1", **fields: object) -> Source:
    """Return a source as a server shows it."""
    return Source.model_validate({"data_source_id": source_id, "provider": "slack", "name": "n", **fields})


def listed(*sources: Source, count: int | None = None, answered_at: float | None = None) -> SourceList:
    """Return the answer to a list."""
    date = None if answered_at is None else datetime.fromtimestamp(answered_at, UTC)
    return SourceList(sources=list(sources), count=count).model_copy(update={"answered_at": date})


@pytest.mark.parametrize("status", ["active", "paused", "error", "hibernating", ""])
def test_a_source_of_any_other_status_lives(status: str) -> None:
    """An unknown word is a live source's: a second one would be worse."""
    inventory = Inventory.of([source(status=status)])
    assert inventory.live("ds-1") is not None
    assert [found.data_source_id for found in inventory.matching(IDENTITY)] == ["ds-1"]


@pytest.mark.parametrize("status", ["archived", "disconnected"])
def test_a_source_that_is_gone_for_good_is_known_and_does_not_live(status: str) -> None:
    """It is in the list, and has no identity."""
    inventory = Inventory.of([source(status=status)])
    assert inventory.live("ds-1") is None
    assert inventory.matching(IDENTITY) == []
    assert list(inventory.by_id) == ["ds-1"]


@pytest.mark.parametrize("other", [{"name": "N"}, {"name": "n "}, {"provider": "github"}])
def test_an_identity_is_exact(other: dict[str, str]) -> None:
    """Neither case nor a blank nor another provider is the same."""
    assert Inventory.of([source(**other)]).matching(IDENTITY) == []


def test_the_oldest_comes_first() -> None:
    """One without a date comes last; ids decide between equals."""
    dates = {"ds-1": None, "ds-2": "2024-01-02T00:00:00Z", "ds-3": "2024-01-01T00:00:00Z", "ds-4": None}
    inventory = Inventory.of(source(source_id, created_at=date) for source_id, date in dates.items())
    assert [found.data_source_id for found in inventory.matching(IDENTITY)] == ["ds-3", "ds-2", "ds-1", "ds-4"]


def test_a_list_with_fewer_rows_than_the_server_counts_is_an_error() -> None:
    """From a part of a list nothing is concluded, least of all that there is no such source."""
    with pytest.raises(CopassAnswerError, match="counts 2 sources and sent 1"):
        Inventory.of_list(listed(source(), count=2), now=NOW)


@pytest.mark.parametrize("count", [None, 0, 1])
def test_a_list_with_at_least_as_many_rows_is_whole(count: int | None) -> None:
    """A server need not count."""
    assert Inventory.of_list(listed(source(), count=count), now=NOW).live("ds-1") is not None


@pytest.mark.parametrize(
    ("answered_at", "ahead"), [(None, 0), (NOW + 300, 300), (NOW - 45, -45), (NOW + 400 * 86400, 0), (86400.0, 0)]
)
def test_a_date_tells_how_far_the_servers_clock_is_ahead(answered_at: float | None, ahead: float) -> None:
    """A clock that is more than a year off is no clock."""
    assert Inventory.of_list(listed(answered_at=answered_at), now=NOW).server_ahead == ahead


def test_what_was_read_one_by_one_is_added() -> None:
    """The newest answer about a source counts, and the server's clock stays known."""
    inventory = Inventory.of([source()], server_ahead=5).with_sources([source(name="m"), source("ds-2")])
    assert [found.data_source_id for found in inventory.matching(IDENTITY)] == ["ds-2"]
    assert inventory.server_ahead == 5
