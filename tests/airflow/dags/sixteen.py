"""Sixteen tasks that register the same source."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

with DAG("sixteen", schedule=None):
    RegisterSourceOperator.partial(
        task_id="register", provider="slack", ingestion_mode="realtime", retries=0
    ).expand_kwargs([{"name": "One"}] * 16)
