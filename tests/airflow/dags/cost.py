"""One task after the other, each a case of what a registration costs."""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator
from airflow_provider_copass.registration import Timing
from tests.airflow.cost_cases import CASES, COUNT, DAG_ID, Case


class Patient:
    """An operator for which a slow machine is not too slow: who is, looks and leases again, which costs more calls."""

    def _timing(self, hook: object) -> Timing:
        del hook
        return Timing(lease_pause=5)


class One(Patient, RegisterSourceOperator):
    """The operator for one source."""


class Many(Patient, RegisterSourcesOperator):
    """The operator for a list."""


def task_of(number: int, case: Case) -> Any:
    """Return the task of a case."""
    task_id = f"case_{number}"
    if not case.is_list:
        return One(task_id=task_id, provider="custom", name=case.word, ingestion_mode=case.mode)
    names = [f"{case.word} {which}" for which in range(COUNT)]
    sources = [{"provider": "custom", "name": name, "ingestion_mode": case.mode} for name in names]
    return Many(task_id=task_id, sources=sources)


with DAG(DAG_ID, schedule=None):
    chain(*(task_of(number, case) for number, case in enumerate(CASES)))
