"""One source, registered by a task on whichever worker."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

with DAG("anywhere", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    RegisterSourceOperator(
        task_id="register",
        retries=3,
        retry_delay=timedelta(seconds=5),
        provider="slack",
        name="{{ dag_run.conf['word'] }}",
        ingestion_mode="realtime",
    )
