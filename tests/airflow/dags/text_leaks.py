"""A task for each case of the leak test of texts and waits, sensors, and a DAG that an asset event runs (Airflow 3)."""

import logging
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_copass.operators import IngestTextOperator
from airflow_provider_copass.sensors import SourceSyncedSensor
from tests.airflow.leak_cases import CONNECTION, REFUSED_CONNECTION
from tests.airflow.text_leak_cases import DAG_ID, FEED, IDLE, TEXTS, TextCase, text_of

# Airflow 3 keeps it at WARNING, whatever else is at DEBUG.
logging.getLogger("httpx").setLevel(logging.DEBUG)


class Killed(IngestTextOperator):
    """The operator, whose first try is killed once its text is taken."""

    def _push(self, sending: Any, context: Any, source_id: str | None) -> None:
        if context["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._push(sending, context, source_id)


def task_of(case: TextCase) -> IngestTextOperator:
    """Return the task of a case."""
    kind = Killed if case.word == "killed" else IngestTextOperator
    fields: dict[str, Any] = {"text": text_of(case), "provider": "custom", "name": FEED, **case.fields}
    return kind(
        task_id=case.word,
        source_type=case.word,
        copass_conn_id=CONNECTION,
        retries=1,
        retry_delay=timedelta(seconds=1),
        **fields,
    )


WAITS: dict[str, Any] = {
    "provider": "custom",
    "newer_than": "2026-01-01T00:00:00+00:00",
    "deferrable": True,
    "poke_interval": 2,
    "timeout": 900,
    "retries": 1,
    "retry_delay": timedelta(seconds=1),
}

with DAG(DAG_ID, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=100):
    tasks = {case.word: task_of(case) for case in TEXTS}
    synced = SourceSyncedSensor(task_id="synced", name=FEED, copass_conn_id=CONNECTION, **WAITS)
    SourceSyncedSensor(task_id="never_synced", name=IDLE, copass_conn_id=CONNECTION, **WAITS)
    SourceSyncedSensor(task_id="refused_sensor", name=FEED, copass_conn_id=REFUSED_CONNECTION, **WAITS)
    tasks["taken"] >> synced

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk import Asset, AssetWatcher

    from airflow_provider_copass.triggers import SourceSyncedTrigger

    trigger = SourceSyncedTrigger(provider="custom", name=FEED, copass_conn_id=CONNECTION, poll_interval=2)
    watched = Asset("feed", uri="copass://feed/feed", watchers=[AssetWatcher(name="synced", trigger=trigger)])
    with DAG("text_leaks_react", schedule=[watched], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

        @task
        def react(triggering_asset_events: Any = None) -> list[Any]:
            """Return what each event says."""
            return [event.extra for each in (triggering_asset_events or {}).values() for event in each]

        react()
