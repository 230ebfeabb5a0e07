"""The operators: one file per operator. Importing them costs a DAG parse next to nothing."""

from airflow_provider_copass.operators.delete_source import DeleteSourceOperator
from airflow_provider_copass.operators.disconnect_source import DisconnectSourceOperator
from airflow_provider_copass.operators.ingest_text import IngestTextOperator
from airflow_provider_copass.operators.pause_source import PauseSourceOperator
from airflow_provider_copass.operators.pull_source import PullSourceOperator
from airflow_provider_copass.operators.register_source import RegisterSourceOperator
from airflow_provider_copass.operators.register_sources import RegisterSourcesOperator
from airflow_provider_copass.operators.resume_source import ResumeSourceOperator
from airflow_provider_copass.operators.rotate_webhook_secret import RotateWebhookSecretOperator
from airflow_provider_copass.operators.update_source import UpdateSourceOperator

__all__ = [
    "DeleteSourceOperator",
    "DisconnectSourceOperator",
    "IngestTextOperator",
    "PauseSourceOperator",
    "PullSourceOperator",
    "RegisterSourceOperator",
    "RegisterSourcesOperator",
    "ResumeSourceOperator",
    "RotateWebhookSecretOperator",
    "UpdateSourceOperator",
]
