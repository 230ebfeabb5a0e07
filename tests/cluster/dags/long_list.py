"""A list of sources, in one task on one worker."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.operators import RegisterSourcesOperator

with DAG("long_list", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def declared(params: dict[str, object] | None = None) -> list[dict[str, object]]:
        """Return the sources."""
        asked = params or {}
        count = int(str(asked["count"]))
        return [
            {"provider": "slack", "name": f"{asked['word']} {index}", "ingestion_mode": "realtime"}
            for index in range(count)
        ]

    RegisterSourcesOperator(
        task_id="register", sources=declared(), queue="worker-a", retries=6, retry_delay=timedelta(seconds=5)
    )
