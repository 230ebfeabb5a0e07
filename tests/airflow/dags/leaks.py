"""A task for each of the leak test's cases, and one that reads a stored secret as a user's task would."""

import logging
import os
import signal
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Context, Variable, conf, task
from pydantic import SecretStr

from airflow_provider_copass.operators import RegisterSourceOperator, RegisterSourcesOperator
from airflow_provider_copass.registration import Timing
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner, VariableStore
from tests.airflow.leak_cases import CASES, CONNECTION, CREDENTIAL_KEY, DAG_ID, LISTS, Case, ListCase

# Airflow 3 keeps it at WARNING, whatever else is at DEBUG.
logging.getLogger("httpx").setLevel(logging.DEBUG)

# Where the deployment has a secrets backend, secrets go there.
STORE: type[VariableStore | BackendStore] = BackendStore if conf.get("secrets", "backend") else VariableStore


class FaultyStore(STORE):  # type: ignore[misc,valid-type]
    """The store, with what a case does to its first try; what it raises holds the secret."""

    def __init__(self, does: str) -> None:
        super().__init__()
        self._does = does
        self.attempt = 1
        self._raised = 0

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        found = super().read(key)
        if found is not None and self._does == "reads another" and self.attempt == 1:
            return SecretStr("another value")
        return found

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        faulty = self._does if self.attempt == 1 else ""
        if faulty == "raises always" or (faulty == "raises once" and not self._raised):
            self._raised += 1
            raise OSError(f"cannot write {secret.get_secret_value()}")
        if faulty == "dies before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(key, secret, owner)
        if faulty == "dies after":
            os.kill(os.getpid(), signal.SIGKILL)


class LeakOperator(RegisterSourceOperator):
    """The operator, with shorter waits and a store of the case."""

    def __init__(self, *, store_does: str = "", **kwargs: Any) -> None:
        super().__init__(secret_store=FaultyStore(store_does), **kwargs)

    def _timing(self, hook: object) -> Timing:
        # A long lease pause: with everything at DEBUG, on a busy machine, a write of an entry is slow.
        return Timing(settle_timeout=2, lease_pause=5, wait_timeout=60, poll_interval=0.2)

    def execute(self, context: Context) -> str:
        """Register the source."""
        # Undo what a deployment suppresses: the operator has to suppress the logs of what it reads itself.
        logging.getLogger("botocore").setLevel(logging.DEBUG)
        assert isinstance(self.secret_store, FaultyStore)
        self.secret_store.attempt = context["ti"].try_number
        return super().execute(context)


class LeakList(RegisterSourcesOperator):
    """The operator for a list, with shorter waits and a store of the case."""

    _timing = LeakOperator._timing  # type: ignore[assignment]

    def __init__(self, *, store_does: str = "", **kwargs: Any) -> None:
        super().__init__(secret_store=FaultyStore(store_does), **kwargs)

    def execute(self, context: Context) -> list[Any]:
        """Register the sources."""
        logging.getLogger("botocore").setLevel(logging.DEBUG)
        assert isinstance(self.secret_store, FaultyStore)
        self.secret_store.attempt = context["ti"].try_number
        result: list[Any] = super().execute(context)
        return result


def list_of(case: ListCase) -> LeakList:
    """Return the task of a list."""
    settings = {"channels": ["C1"], "auth": {"login": "{{ var.value." + CREDENTIAL_KEY + " }}"}}
    source = {"provider": case.word, "ingestion_mode": "realtime", "adapter_config": settings}
    return LeakList(
        task_id=case.word,
        store_does=case.store,
        sources=[{**source, "name": name} for name in case.names],
        sandbox_id=case.word,
        copass_conn_id=CONNECTION,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )


def task_of(case: Case, task_id: str = "") -> LeakOperator:
    """Return the task of a case."""
    fields = {
        "name": "Leak",
        "provider": case.word,
        "ingestion_mode": "realtime",
        "adapter_config": {"channels": ["C1"], "auth": {"login": "{{ var.value." + CREDENTIAL_KEY + " }}"}},
        "copass_conn_id": CONNECTION,
        **case.fields,
    }
    return LeakOperator(
        task_id=task_id or case.word,
        store_does=case.store,
        retries=2,
        retry_delay=timedelta(seconds=1),
        execution_timeout=timedelta(seconds=30) if case.word == "timed_out" else None,
        **fields,
    )


with DAG(DAG_ID, schedule=None, max_active_tasks=100):
    tasks = {case.word: task_of(case) for case in CASES}
    for listed in LISTS:
        list_of(listed)
    # The same source again, as the next run of a schedule finds it.
    reuse = task_of(Case("success"), "reuse")

    @task
    def use_secret(key: str) -> int:
        """Read the secret and use it, as set-up work of a user's would."""
        return len(Variable.get(key))

    tasks["success"] >> reuse
    use_secret(reuse.output["stored_as"])
