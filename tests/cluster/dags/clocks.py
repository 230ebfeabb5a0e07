"""One source, asked for on one worker and on the other, by tasks that soon take another one for dead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_copass.operators import RegisterSourceOperator

TAKEOVER_AFTER = 60


class Impatient(RegisterSourceOperator):
    """The operator, which takes over after a minute in place of eight."""

    def _timing(self, hook: Any) -> Any:
        return replace(super()._timing(hook), takeover_after=TAKEOVER_AFTER)


for dag_id, queue, retries in (
    ("dies_on_a", "worker-a", 0),
    ("lives_on_a", "worker-a", 8),
    ("comes_on_b", "worker-b", 40),
):
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        Impatient(
            task_id="register",
            queue=queue,
            retries=retries,
            retry_delay=timedelta(seconds=5),
            provider="slack",
            name="{{ dag_run.conf['word'] }}",
            ingestion_mode="realtime",
        )
