"""A task that keeps a secret in the deployment's secrets backend, and one that reads it as a Variable."""

import hashlib

from airflow.providers.common.compat.sdk import DAG, Variable, task

from airflow_provider_copass.operators import RegisterSourceOperator

with DAG("backend_store", schedule=None):
    register = RegisterSourceOperator(
        task_id="register", name="Backend", provider="slack", ingestion_mode="realtime", secret_store="backend"
    )

    @task
    def read(key: str) -> str:
        """Return the fingerprint of the secret, which may be seen."""
        return hashlib.sha256(Variable.get(key).encode()).hexdigest()

    read(register.output["stored_as"])
