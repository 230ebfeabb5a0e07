"""The sensors."""

from airflow_provider_copass.sensors.ingest_job import IngestJobSensor
from airflow_provider_copass.sensors.source_status import SourceStatusSensor
from airflow_provider_copass.sensors.source_synced import SourceSyncedSensor

__all__ = ["IngestJobSensor", "SourceStatusSensor", "SourceSyncedSensor"]
