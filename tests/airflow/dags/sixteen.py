"""Sixteen tasks that register the same source."""

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Context

from airflow_provider_copass.operators import RegisterSourceOperator

# Each task leaves a file there and waits for the one that the test leaves. They start one by one, and otherwise only
# the first of them would find that nobody holds the lease.
GATE = Path(os.environ["AIRFLOW_HOME"]) / "gate"


class Gated(RegisterSourceOperator):
    """The operator, which begins when all tasks are there."""

    def execute(self, context: Context) -> str:
        """Register the source."""
        GATE.mkdir(exist_ok=True)
        (GATE / f"{context['ti'].map_index}.waits").touch()
        while not (GATE / "open").exists():
            time.sleep(0.01)
        result: str = super().execute(context)
        return result


# On a busy machine sixteen processes may need longer than the twenty seconds for which a task waits for another one.
AGAIN = {"retries": 5, "retry_delay": timedelta(seconds=1)}

with DAG("sixteen", schedule=None):
    Gated.partial(task_id="register", provider="slack", ingestion_mode="realtime", **AGAIN).expand_kwargs(
        [{"name": "One"}] * 16
    )
