"""Each operator twice in a row, on one source: the second of a pair has nothing left to do."""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_copass.operators import (
    DeleteSourceOperator,
    DisconnectSourceOperator,
    PauseSourceOperator,
    RegisterSourceOperator,
    ResumeSourceOperator,
    UpdateSourceOperator,
)

NAMED = {"provider": "custom", "name": "Feed"}
RENAMED = {"provider": "custom", "name": "News"}
BY_ID = {"data_source_id": "{{ ti.xcom_pull('register_1') }}"}
CHANGES: list[tuple[str, Any, dict[str, Any]]] = [
    ("register", RegisterSourceOperator, {**NAMED, "ingestion_mode": "realtime"}),
    ("update", UpdateSourceOperator, {**NAMED, "adapter_config": {"api_key": "canary"}, "poll_interval_seconds": 60}),
    ("rename", UpdateSourceOperator, {**NAMED, "new_name": "News"}),
    ("reuse", RegisterSourceOperator, {**RENAMED, "ingestion_mode": "realtime"}),
    ("pause", PauseSourceOperator, RENAMED),
    ("resume", ResumeSourceOperator, RENAMED),
    ("disconnect", DisconnectSourceOperator, RENAMED),
    ("delete", DeleteSourceOperator, {**BY_ID, "remove_secret": True}),
]

with DAG("twice", schedule=None):
    chain(*(kind(task_id=f"{word}_{number}", **fields) for word, kind, fields in CHANGES for number in (1, 2)))
