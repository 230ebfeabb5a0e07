"""Lists of sources whose tasks measure themselves, for ``make lists``."""

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Context

from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator
from airflow_provider_copass.secret_stores import VariableStore

FOLDER = Path(os.environ["AIRFLOW_HOME"]) / "measured"
CASES = {"polling_100": ("polling", 100), "realtime_100": ("realtime", 100), "polling_1000": ("polling", 1000)}


class Counted(AirflowVariables):
    """Airflow's Variables, with the number of calls and the seconds that they took."""

    calls = 0
    seconds = 0.0

    def _timed(self, call: Any) -> Any:
        began = time.perf_counter()
        try:
            return call()
        finally:
            Counted.calls += 1
            Counted.seconds += time.perf_counter() - began

    def _ask(self, name: str) -> str | None:
        answer: str | None = self._timed(lambda: super(Counted, self)._ask(name))
        return answer

    def write(self, name: str, text: str, **how: Any) -> None:
        """Write one."""
        self._timed(lambda: super(Counted, self).write(name, text, **how))


class Measured(RegisterSourcesOperator):
    """The operator for a list, which leaves a file with what its run took."""

    def _journal(self, *, may_write: bool = True) -> AirflowVariables:
        return Counted(may_write=may_write)

    def execute(self, context: Context) -> Any:
        """Register the list."""
        began = time.perf_counter()
        ids = super().execute(context)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        measured = {
            "seconds": time.perf_counter() - began,
            "calls": Counted.calls,
            "call_seconds": Counted.seconds,
            "peak": peak,
            "sources": len(ids),
        }
        FOLDER.mkdir(exist_ok=True)
        ti = context["ti"]
        (FOLDER / f"{ti.dag_id}.{ti.task_id}.{time.time_ns()}.json").write_text(json.dumps(measured), encoding="utf-8")
        return ids


def entries(provider: str, mode: str, names: range) -> list[dict[str, Any]]:
    """Return a list of sources."""
    return [{"provider": provider, "name": f"source {number}", "ingestion_mode": mode} for number in names]


for case, (mode, count) in CASES.items():
    with DAG(case, schedule=None) as dag:
        Measured(task_id="list", sources=entries(case, mode, range(count)), secret_store=VariableStore(Counted()))
    globals()[case] = dag

with DAG("together", schedule=None, max_active_tasks=20) as together:
    for which, names in (("first", range(100)), ("second", range(50, 150))):
        Measured(task_id=which, sources=entries("together", "polling", names), retries=3)
    RegisterSourceOperator.partial(task_id="single", provider="together", ingestion_mode="polling", retries=3).expand(
        name=[f"source {number}" for number in range(0, 150, 10)]
    )
