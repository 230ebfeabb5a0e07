"""Lists of sources that come out of other tasks, which Airflow reads piece by piece, and one with what is no JSON."""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator


@task
def source(name: str) -> dict[str, Any]:
    """Declare one source."""
    return {"provider": "slack", "name": name}


@task
def channel(name: str) -> str:
    """Name a channel."""
    return name


def renamed(declared: dict[str, Any]) -> dict[str, Any]:
    """Give a source another name."""
    return {**declared, "name": f"{declared['name']} renamed"}


with DAG("sources_given", schedule=None):
    RegisterSourcesOperator(task_id="mapped", sources=source.expand(name=["a", "b"]))
    RegisterSourcesOperator(task_id="joined", sources=source.expand(name=["c"]).concat(source.expand(name=["d"])))
    RegisterSourcesOperator(task_id="changed", sources=source.expand(name=["e"]).map(renamed))
    RegisterSourceOperator(
        task_id="within", provider="slack", name="f", adapter_config={"channels": channel.expand(name=["C1", "C2"])}
    )
    RegisterSourcesOperator(
        task_id="no_json", sources=[{"provider": "slack", "name": datetime(2026, 1, 1, tzinfo=UTC)}]
    )
