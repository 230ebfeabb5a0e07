"""Registrations that say how long they took: new ones, and the same again; and sixteen of one source at once."""

import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Context

from airflow_provider_copass.operators import RegisterSourceOperator


class Timed(RegisterSourceOperator):
    """The operator, which pushes how long it took."""

    def execute(self, context: Context) -> str:
        """Register the source; if the run has a gate, once that is open."""
        gate = (context["dag_run"].conf or {}).get("gate")
        if gate:
            (Path(gate) / f"{context['ti'].map_index}.waits").touch()
            while not (Path(gate) / "open").exists():
                time.sleep(0.01)
        began = time.monotonic()
        result: str = super().execute(context)
        context["ti"].xcom_push(key="seconds", value=time.monotonic() - began)
        return result


with DAG("measured", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=1):
    # One by one; the second half finds its sources in place.
    new = Timed.partial(task_id="new", provider="slack", ingestion_mode="realtime").expand_kwargs(
        [{"name": f"Measured {number}"} for number in range(6)]
    )
    again = Timed.partial(task_id="again", provider="slack", ingestion_mode="realtime").expand_kwargs(
        [{"name": f"Measured {number}"} for number in range(6)]
    )
    new >> again

with DAG("at_once", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    Timed.partial(
        task_id="register", provider="slack", ingestion_mode="realtime", name="At once", retries=0
    ).expand_kwargs([{"kind": "durable"}] * 16)
