"""The conditions: what one look tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_copass.api import Job, Source
from airflow_provider_copass.errors import WaitFailedError
from airflow_provider_copass.waiting import Completed, HasStatus, SyncedSince, SyncedWithin

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def source(**fields: Any) -> Source:
    """Return a source."""
    return Source(data_source_id="ds-1", **{"status": "active", **fields})


def test_a_sync_counts_only_if_it_is_later_than_the_moment() -> None:
    """A sync at that very moment was seen before."""
    condition = SyncedSince("2026-01-01T13:00:00+01:00")
    assert condition.judge(source(), NOON) is None
    assert condition.judge(source(last_sync_at="2026-01-01T12:00:00Z"), NOON) is None
    assert (
        condition.judge(source(last_sync_at="2026-01-01T12:00:00.000001Z"), NOON) == "2026-01-01T12:00:00.000001+00:00"
    )


def test_the_age_of_a_sync_is_by_the_servers_clock() -> None:
    """The server's answer, and not this machine, tells what time it is."""
    condition = SyncedWithin(60)
    assert condition.judge(source(last_sync_at="2026-01-01T11:58:59Z"), NOON) is None
    assert condition.judge(source(last_sync_at="2026-01-01T11:59:30Z"), NOON) == "2026-01-01T11:59:30+00:00"


def test_without_a_servers_clock_ours_is_taken() -> None:
    """A server that sends no ``Date`` does not make the wait fail."""
    assert SyncedWithin(60).judge(source(last_sync_at=datetime.now(UTC).isoformat()), None) is not None


@pytest.mark.parametrize("status", ["archived", "disconnected"])
def test_a_source_that_is_gone_will_not_sync(status: str) -> None:
    """To wait on would be useless; a sync that came before still counts."""
    with pytest.raises(WaitFailedError, match="ds-1 is archived or disconnected"):
        SyncedSince("2026-01-01T00:00:00+00:00").judge(source(status=status), NOON)
    synced = source(status=status, last_sync_at="2026-01-01T11:00:00Z")
    assert SyncedSince("2026-01-01T00:00:00+00:00").judge(synced, NOON) is not None


def test_the_status_that_is_waited_for_wins_over_fail_on() -> None:
    """``disconnected`` may be waited for, although it is in the default of ``fail_on``."""
    assert HasStatus("disconnected", ("disconnected",)).judge(source(status="disconnected"), NOON) == "ds-1"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_ended_badly_fails_the_wait(status: str) -> None:
    """What it says of the reason may hold content, so it is not shown."""
    job = Job.model_validate({"job_id": "job-1", "status": status, "error_message": "canary"})
    with pytest.raises(WaitFailedError, match=f"job-1 is {status}") as failed:
        Completed().judge(job, NOON)
    assert "canary" not in str(failed.value)
