"""One measured list, in an interpreter of its own: ``python -m tests.tools.bench.list_once CLIENT COUNT AT_ONCE``.

The client is ``operator`` (ours, with its records and secrets in memory, so that no Airflow database is measured),
``httpx`` (a pooled client in as many threads), or ``airflow`` (which registers nothing). Each has imported
``airflow.sdk``, as a task has. The last line is JSON: seconds, and the process's peak memory in MiB.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

CONNECTION = json.loads(os.environ["AIRFLOW_CONN_COPASS_DEFAULT"])
SOURCES = f"/api/v1/storage/sandboxes/{CONNECTION['extra']['sandbox_id']}/sources"


def bodies(count: int) -> list[dict[str, Any]]:
    """Return what is registered."""
    return [
        {
            "provider": "slack",
            "name": f"Support channel {number}",
            "ingestion_mode": "realtime",
            "kind": "durable",
            "external_account_id": "T0123456789",
            "adapter_config": {"channels": ["C0123456789", "C9876543210"], "include_threads": True},
        }
        for number in range(count)
    ]


def with_httpx(count: int, at_once: int) -> None:
    """Do what anyone would write: the requests in threads, then ``.json()``."""
    import httpx

    client = httpx.Client(
        base_url=CONNECTION["host"], headers={"Authorization": f"Bearer {CONNECTION['password']}"}, trust_env=False
    )
    with client, ThreadPoolExecutor(at_once) as executor:
        answers = list(executor.map(lambda body: client.post(SOURCES, json=body).json(), bodies(count)))
    assert len({answer["data_source_id"] for answer in answers}) == count


def with_the_operator(count: int, at_once: int) -> None:
    """Run the operator, as a task does."""
    from airflow_provider_copass.operators import RegisterSourcesOperator
    from tests.operators.test_register_source import Memory, TaskInstance, Texts

    class InMemory(RegisterSourcesOperator):
        def _records(self) -> Texts:
            return records

    records, store = Texts(), Memory()
    operator = InMemory(task_id="register", sources=bodies(count), max_concurrency=at_once, secret_store=store)
    made = operator.execute({"ti": TaskInstance("run", 1)})  # type: ignore[typeddict-item]
    assert len(set(made)) == len(store.held) == count


def main() -> None:
    """Measure once."""
    client, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    # As in a task, whoever makes the calls.
    sdk = importlib.import_module("airflow.sdk")
    _ = (sdk.DAG, sdk.BaseOperator)
    began = time.perf_counter()
    if client == "httpx":
        with_httpx(count, at_once)
    elif client == "operator":
        with_the_operator(count, at_once)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak}))


if __name__ == "__main__":
    main()
