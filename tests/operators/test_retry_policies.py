"""The ready-made retry policy: which failure waits how long, which one ends the task."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_copass.errors import (
    CopassInputError,
    CopassNotFoundError,
    CopassRateLimitError,
    CopassServerError,
    EntryBusyError,
    SecretMissingError,
)

if AIRFLOW_V_3_3_PLUS:
    from airflow.sdk import RetryAction

    from airflow_provider_copass.retry_policies import CopassRetryPolicy

only_where_there_are_policies = pytest.mark.skipif(
    not AIRFLOW_V_3_3_PLUS, reason="Airflow knows retry policies from 3.3 on"
)


@only_where_there_are_policies
@pytest.mark.parametrize(
    "final", [CopassInputError("x"), CopassNotFoundError("x", status=404), SecretMissingError("x")]
)
def test_what_trying_again_cannot_mend_fails_at_once(final: Exception) -> None:
    """Bad input, a refusal, and what a person must decide."""
    assert CopassRetryPolicy().evaluate(final, 1, 5).action is RetryAction.FAIL


@only_where_there_are_policies
def test_a_pause_that_the_server_asked_for_is_waited() -> None:
    """``Retry-After`` is the least, up to the cap."""
    policy = CopassRetryPolicy(base=timedelta(seconds=1), cap=timedelta(seconds=100))
    asked = policy.evaluate(CopassRateLimitError("x", status=429, retry_after=30), 1, 5)
    too_long = policy.evaluate(CopassRateLimitError("x", status=429, retry_after=9e9), 1, 5)
    assert (asked.action, asked.retry_delay) == (RetryAction.RETRY, timedelta(seconds=30))
    assert too_long.retry_delay == timedelta(seconds=100)


@only_where_there_are_policies
@pytest.mark.parametrize(("attempt", "bound"), [(1, 10), (2, 20), (3, 40), (100, 600)])
def test_a_passing_fault_is_tried_again_below_a_doubling_bound(attempt: int, bound: int) -> None:
    """With full jitter, so that many tasks do not come back at once."""
    delays = {
        CopassRetryPolicy().evaluate(CopassServerError("x", status=503), attempt, 5).retry_delay for _ in range(50)
    }
    assert len(delays) > 1
    assert all(delay is not None and timedelta(0) <= delay <= timedelta(seconds=bound) for delay in delays)


@only_where_there_are_policies
def test_a_busy_journal_entry_is_waited_for() -> None:
    """The retry comes after two minutes."""
    assert CopassRetryPolicy().evaluate(EntryBusyError("x"), 1, 5).retry_delay == timedelta(minutes=2)


@only_where_there_are_policies
def test_another_error_is_left_to_the_task_s_settings() -> None:
    """The policy knows this package's errors alone."""
    assert CopassRetryPolicy().evaluate(ValueError("x"), 1, 5).action is RetryAction.DEFAULT


@only_where_there_are_policies
def test_a_policy_survives_being_serialized() -> None:
    """Its two bounds are all that there is of it."""
    policy = CopassRetryPolicy(timedelta(seconds=3), timedelta(seconds=9))
    again = CopassRetryPolicy.deserialize(policy.serialize())
    assert (again.base, again.cap) == (policy.base, policy.cap)


@pytest.mark.skipif(AIRFLOW_V_3_3_PLUS, reason="this is about an older Airflow")
def test_an_older_airflow_is_told_what_is_missing() -> None:
    """Importing the policy says which Airflow it needs."""
    done = subprocess.run(
        [sys.executable, "-c", "import airflow_provider_copass.retry_policies"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Retry policies need Airflow 3.3 or later" in done.stderr
