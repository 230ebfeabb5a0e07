"""The triggers."""

from airflow_provider_copass.triggers.source_synced import SourceSyncedTrigger
from airflow_provider_copass.triggers.wait import WaitTrigger

__all__ = ["SourceSyncedTrigger", "WaitTrigger"]
