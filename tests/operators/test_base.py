"""What all operators share: how their errors leave them, whose setups a teardown knows, and how long they wait."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.api import ClientSettings
from airflow_provider_copass.operators import DeleteSourceOperator, PauseSourceOperator, RegisterSourceOperator
from airflow_provider_copass.operators._runtime import setups_of, timing_for
from airflow_provider_copass.registration import Timing


def test_a_teardown_knows_its_setups() -> None:
    """Mapped ones too; the other tasks before it are none."""
    with DAG("setups", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        one = RegisterSourceOperator(task_id="one", provider="slack", name="n").as_setup()
        mapped = RegisterSourceOperator.partial(task_id="mapped", provider="slack").expand(name=["a", "b"]).as_setup()
        work = PauseSourceOperator(task_id="work", provider="slack", name="n")
        delete = DeleteSourceOperator(task_id="delete", provider="slack", name="n").as_teardown(setups=[one, mapped])
        [one, mapped] >> work >> delete
    assert setups_of(delete) == {"one", "mapped"}
    assert setups_of(work) == frozenset()


def test_a_task_without_a_dag_has_no_setups() -> None:
    """Such as one that a test executes by itself."""
    assert setups_of(DeleteSourceOperator(task_id="delete", provider="slack", name="n").as_teardown()) == frozenset()


def test_the_waiting_times_follow_the_connection() -> None:
    """A write takes effect within twice the timeout, and a lease outlives the slowest call."""
    assert timing_for(ClientSettings(token="olk_x", timeout=15)) == Timing()
    assert timing_for(ClientSettings(token="olk_x")) == Timing(settle_timeout=60)
    slow = timing_for(ClientSettings(token="olk_x", timeout=100, max_attempts=10))
    assert (slow.settle_timeout, slow.takeover_after) == (200, 2600)
