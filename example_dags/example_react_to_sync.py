"""Run a DAG when a Copass data source has synced, in place of a schedule.

What it needs: Airflow 3 with a triggerer; an Airflow connection ``copass_default`` of type ``copass``, with a token as
its password and ``{"sandbox_id": "..."}`` as its extra; and a source of this provider and name, now or later.

After each sync at least one run starts; several syncs between two looks are one. On Airflow 3.3 a sync that happens
while no triggerer runs is noticed afterwards, before 3.3 it is missed.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_copass.triggers import SourceSyncedTrigger

support = Asset(
    "support_channel",
    uri="copass://sandbox/support_channel",
    watchers=[
        AssetWatcher(
            name="synced",
            # The key tells it from the trigger of another asset on the same source.
            trigger=SourceSyncedTrigger(provider="slack", name="Support channel", key="support_channel"),
        )
    ],
)

with DAG(
    dag_id="example_copass_react_to_sync",
    description="Runs when the source has synced.",
    schedule=[support],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    doc_md=__doc__,
    tags=["copass", "example"],
):

    @task
    def react(triggering_asset_events: Any = None) -> list[str]:
        """Return when each sync was that this run is for; here your work begins."""
        events = [event for each in (triggering_asset_events or {}).values() for event in each]
        return [event.extra["payload"]["last_sync_at"] for event in events]

    react()
