"""What is counted: a source that is created, one that is there, one that is refused; and two sources of one name."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, chain, task

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator

FEED = {"provider": "custom", "name": "Feed", "ingestion_mode": "realtime"}


@task(trigger_rule="all_done")
def end() -> None:
    """Let the run succeed."""


with DAG("metrics", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    chain(
        RegisterSourceOperator(task_id="created", **FEED),
        RegisterSourceOperator(task_id="unchanged", **FEED),
        RegisterSourceOperator(task_id="updated", **FEED, external_account_id="T1", if_exists="update"),
        RegisterSourcesOperator(task_id="listed", sources=[FEED, {"provider": "custom", "name": "News"}]),
        RegisterSourceOperator(task_id="failed", **FEED, store_as="other_{data_source_id}"),
        # Two of this name are seeded.
        RegisterSourceOperator(task_id="doubled", provider="custom", name="Double", trigger_rule="all_done"),
        end(),
    )
