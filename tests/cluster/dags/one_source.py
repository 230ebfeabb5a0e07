"""One source: by a task on whichever worker, and by tasks on one of them."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

WHAT = {"provider": "slack", "name": "{{ dag_run.conf['word'] }}", "ingestion_mode": "realtime"}

for dag_id, queue, retries in (
    ("anywhere", "default", 3),
    ("on_a", "worker-a", 8),
    ("on_b", "worker-b", 8),
):
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        RegisterSourceOperator(
            task_id="register", queue=queue, retries=retries, retry_delay=timedelta(seconds=5), **WHAT
        )
