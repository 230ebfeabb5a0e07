"""Deferred sensors by the hundred, as many as a run is asked for."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.sensors import SourceSyncedSensor

with DAG("many_waits", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=1000):

    @task
    def ids(params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the sources that this run is asked to wait for."""
        return (params or {})["ids"]

    SourceSyncedSensor.partial(
        task_id="wait",
        newer_than="2026-01-01T00:00:00+00:00",
        deferrable=True,
        poke_interval=10,
        timeout=7200,
        # Airflow 3.3.2 may take a task for killed that resumes soon after it has deferred (apache/airflow#72716).
        retries=2,
        retry_delay=timedelta(seconds=1),
    ).expand(data_source_id=ids())
