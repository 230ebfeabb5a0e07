"""Waiting for sources and jobs: what is waited for, and one poll for all that wait. It knows no Airflow."""

from airflow_provider_copass.waiting.conditions import (
    Completed,
    Condition,
    FirstLook,
    HasStatus,
    SyncedAfter,
    SyncedSince,
    SyncedWithin,
    condition_as_json,
    condition_from_json,
    gone,
    is_worth_waiting,
)
from airflow_provider_copass.waiting.look import look
from airflow_provider_copass.waiting.targets import (
    JobId,
    SourceId,
    SourceName,
    Target,
    target_as_json,
    target_from_json,
)
from airflow_provider_copass.waiting.watch import Watch, shared_watch

__all__ = [
    "Completed",
    "Condition",
    "FirstLook",
    "HasStatus",
    "JobId",
    "SourceId",
    "SourceName",
    "SyncedAfter",
    "SyncedSince",
    "SyncedWithin",
    "Target",
    "Watch",
    "condition_as_json",
    "condition_from_json",
    "gone",
    "is_worth_waiting",
    "look",
    "shared_watch",
    "target_as_json",
    "target_from_json",
]
