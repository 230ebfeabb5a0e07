"""One task after the other, each a case of what a registration costs."""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator
from tests.airflow.cost_cases import CASES, COUNT, DAG_ID, Case


def task_of(number: int, case: Case) -> Any:
    """Return the task of a case."""
    task_id = f"case_{number}"
    if not case.is_list:
        return RegisterSourceOperator(task_id=task_id, provider="custom", name=case.word, ingestion_mode=case.mode)
    names = [f"{case.word} {which}" for which in range(COUNT)]
    sources = [{"provider": "custom", "name": name, "ingestion_mode": case.mode} for name in names]
    return RegisterSourcesOperator(task_id=task_id, sources=sources)


with DAG(DAG_ID, schedule=None):
    chain(*(task_of(number, case) for number, case in enumerate(CASES)))
