"""One measured list, in an interpreter of its own: ``python -m tests.tools.bench.list_once CLIENT COUNT AT_ONCE``.

The client is ``operator`` (ours, with its journal and secrets in memory, so that no Airflow database is measured),
``httpx`` (a pooled client in as many threads), or ``airflow`` (which registers nothing). Each has imported
``airflow.sdk``, as a task has, and has done the same with a few sources before. The last line is JSON: seconds, and the
process's peak memory in MiB.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

CONNECTION = json.loads(os.environ["AIRFLOW_CONN_COPASS_DEFAULT"])
SOURCES = f"/api/v1/storage/sandboxes/{CONNECTION['extra']['sandbox_id']}/sources"


_WARM_UP = 40


def forget() -> None:
    """Have the server forget what it was sent."""
    request = urllib.request.Request(CONNECTION["host"], method="DELETE")
    # Not by the environment's proxy.
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


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
    from pydantic import SecretStr

    from airflow_provider_copass.operators import RegisterSourcesOperator
    from airflow_provider_copass.secret_stores import SecretOwner, SecretStore

    class Texts(dict[str, str]):
        """A journal in memory."""

        def write(self, name: str, text: str, *, within: float = 0.0) -> None:
            """Write a text."""
            self[name] = text

        def read(self, names: Sequence[str]) -> dict[str, str | None]:
            """Read texts."""
            return {name: self.get(name) for name in names}

        def remove(self, name: str) -> None:
            """Remove a text."""
            self.pop(name, None)

    class Memory(SecretStore):
        """Secrets in memory."""

        def check(self, key: str) -> None:
            """Take any key."""

        def read(self, key: str) -> SecretStr | None:
            """Return what a key holds."""
            return held.get(key)

        def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
            """Hold a secret."""
            held[key] = secret

        def remove(self, key: str) -> None:
            """Hold it no more."""
            held.pop(key, None)

    class InMemory(RegisterSourcesOperator):
        """The operator, with its journal in memory."""

        def _journal(self, *, may_write: bool = True) -> Texts:
            del may_write
            return texts

    texts = Texts()
    held: dict[str, SecretStr] = {}
    instance = SimpleNamespace(
        dag_id="dag", run_id="run", task_id="register", map_index=-1, try_number=1, xcom_push=lambda **_: None
    )
    operator = InMemory(task_id="register", sources=bodies(count), max_concurrency=at_once, secret_store=Memory())
    ids = operator.execute({"ti": instance})
    assert len(set(ids)) == len(held) == count


def main() -> None:
    """Measure once."""
    client, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    # As in a task, with every client.
    sdk = importlib.import_module("airflow.sdk")
    _ = (sdk.DAG, sdk.BaseOperator)
    run = {"operator": with_the_operator, "httpx": with_httpx, "airflow": lambda *_: None}[client]
    # A short list first: a task has imported much that this process has not yet.
    run(_WARM_UP, at_once)
    forget()
    began = time.perf_counter()
    run(count, at_once)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak}))


if __name__ == "__main__":
    main()
