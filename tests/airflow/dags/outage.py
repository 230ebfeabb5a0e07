"""A task that registers a source while the deployment's secrets backend is up, or down."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

with DAG("outage", schedule=None):
    RegisterSourceOperator(task_id="register", name="Outage", provider="slack", ingestion_mode="realtime")
