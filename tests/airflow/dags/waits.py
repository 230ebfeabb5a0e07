"""Deferred sensors, as many as a run is asked for, and two DAGs that run when a source has synced (Airflow 3)."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_copass.sensors import SourceSyncedSensor

with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def ids(params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the sources that this run is asked to wait for."""
        return (params or {})["ids"]

    SourceSyncedSensor.partial(
        task_id="wait",
        newer_than="2026-01-01T00:00:00+00:00",
        deferrable=True,
        poke_interval=2,
        timeout=3600,
        # Airflow 3.3.2 may take a task for killed that resumes soon after it has deferred (apache/airflow#72716).
        retries=1,
        retry_delay=timedelta(seconds=1),
    ).expand(data_source_id=ids())

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk import Asset, AssetWatcher

    from airflow_provider_copass.triggers import SourceSyncedTrigger

    for key in ("first", "second"):
        watched = Asset(
            f"support_{key}",
            uri=f"copass://sb_watched/{key}",
            watchers=[
                AssetWatcher(
                    name="synced",
                    trigger=SourceSyncedTrigger(
                        provider="slack", name="Watched", sandbox_id="sb_watched", poll_interval=1, key=key
                    ),
                )
            ],
        )
        with DAG(f"reacts_{key}", schedule=[watched], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

            @task
            def react(triggering_asset_events: object = None) -> list[object]:
                """Return what each event says."""
                events = triggering_asset_events or {}
                return [event.extra for each in events.values() for event in each]  # type: ignore[attr-defined]

            react()
