"""The DAGs whose tasks ``test_crash_matrix`` kills; where, a run is told by its parameter."""

import math
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Context, conf
from pydantic import SecretStr

from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.operators import (
    RegisterSourceOperator,
    RegisterSourcesOperator,
    RotateWebhookSecretOperator,
)
from airflow_provider_copass.registration import Timing
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner, VariableStore
from tests.airflow.crash_points import (
    BY_WORD,
    KILLED,
    LISTED,
    MOST_TRIES,
    NAMES,
    PREPARED,
    ROTATED,
    TIMED_OUT,
    Kill,
    Marks,
)

# Airflow 2.11 may count two for a try that dies.
RETRIES = 2 * MOST_TRIES
MARKS = Marks(Path(os.environ["AIRFLOW_HOME"]))
# Where the deployment has a secrets backend, secrets go there.
STORE: type[VariableStore | BackendStore] = BackendStore if conf.get("secrets", "backend") else VariableStore


class Stops:
    """Where the present try waits."""

    def __init__(self) -> None:
        self._word = ""
        self._attempt = 0
        self._here: Kill | None = None
        self._seen: dict[tuple[str, str], int] = {}
        self._written: tuple[str, int] | None = None

    def begin(self, word: str) -> None:
        """Begin a try."""
        self._word, self._attempt = word, MARKS.begin(word)
        self._here = next(iter(BY_WORD[word].kills[self._attempt - 1 : self._attempt]), None)

    def pass_by(self, side: str, thing: str) -> None:
        """Go on, or wait if this is the place."""
        nth = self._seen[side, thing] = self._seen.get((side, thing), 0) + 1
        if side == "after":
            self._written = (thing, nth)
        self._stop_at(Kill(side, thing, nth))

    def look(self) -> None:
        """Go on, or wait if this is the place: the first look after a write is one."""
        if self._written is not None:
            (thing, nth), self._written = self._written, None
            self._stop_at(Kill("after", f"look past {thing}", nth))

    def _stop_at(self, place: Kill) -> None:
        if self._here == place:
            MARKS.stand_still(self._word, self._attempt)


class StoppingStore(STORE):  # type: ignore[misc,valid-type]
    """The store, with a place before and after each write."""

    def __init__(self, stops: Stops) -> None:
        super().__init__()
        self._stops = stops

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        self._stops.pass_by("before", "store")
        super().write(key, secret, owner)
        self._stops.pass_by("after", "store")


class StoppingJournal(AirflowVariables):
    """The journal, with a place before and after each write of an entry, and after each read of one."""

    def __init__(self, stops: Stops) -> None:
        super().__init__()
        self._stops = stops

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read."""
        found = super().read(names)
        if any(name.startswith("copass_entry_") for name in names):
            self._stops.look()
        return found

    def write(self, name: str, text: str, *, within: float = math.inf) -> None:
        """Write."""
        if not name.startswith("copass_entry_"):
            super().write(name, text, within=within)
            return
        self._stops.pass_by("before", "entry")
        super().write(name, text, within=within)
        self._stops.pass_by("after", "entry")


def timing_of(operator: Any) -> Timing:
    """Return the waiting times of a task.

    A request is held for as long as the test takes to see it and to kill the task: some seconds, or the task's own
    ``execution_timeout``. Then it takes effect at once, or never. That is how late a write can be here; by the
    connection's ``timeout``, which is long because a request that is held must not end by itself, it would be minutes.

    The API server and SQLite are slow while many tasks start, so leases are tried for longer than usual.
    """
    return Timing(settle_timeout=60 if operator.execution_timeout else 10, wait_timeout=60)


class StoppingOperator(RegisterSourceOperator):
    """The operator, which does what it always does until it waits there."""

    def __init__(self, **kwargs: Any) -> None:
        self._stops = Stops()
        super().__init__(secret_store=StoppingStore(self._stops), **kwargs)

    def _journal(self, *, may_write: bool = True) -> AirflowVariables:
        del may_write
        return StoppingJournal(self._stops)

    def _timing(self, hook: object) -> Timing:
        del hook
        return timing_of(self)

    def execute(self, context: Context) -> str:
        """Register the source."""
        self._stops.begin(context["params"]["word"])
        result = super().execute(context)
        # What it returns is not pushed yet.
        self._stops.pass_by("after", "execute")
        return result


class StoppingRotation(RotateWebhookSecretOperator):
    """The operator that rotates, which does what it always does until it waits there."""

    def __init__(self, **kwargs: Any) -> None:
        self._stops = Stops()
        super().__init__(secret_store=StoppingStore(self._stops), **kwargs)

    def _journal(self, *, may_write: bool = True) -> AirflowVariables:
        del may_write
        return StoppingJournal(self._stops)

    def _timing(self, hook: object) -> Timing:
        del hook
        return timing_of(self)

    def execute(self, context: Context) -> str:
        """Rotate the secret."""
        self._stops.begin(context["params"]["word"])
        result = super().execute(context)
        self._stops.pass_by("after", "execute")
        return result


class StoppingList(RegisterSourcesOperator):
    """The operator for a list, which does what it always does until it waits there."""

    def __init__(self, **kwargs: Any) -> None:
        self._stops = Stops()
        super().__init__(secret_store=StoppingStore(self._stops), **kwargs)

    def _journal(self, *, may_write: bool = True) -> AirflowVariables:
        del may_write
        return StoppingJournal(self._stops)

    def _timing(self, hook: object) -> Timing:
        del hook
        return timing_of(self)

    def execute(self, context: Context) -> list[Any]:
        """Register the sources."""
        self._stops.begin(context["params"]["word"])
        result: list[Any] = super().execute(context)
        self._stops.pass_by("after", "execute")
        return result


class Prepared(RegisterSourceOperator):
    """The operator, which waits no longer than the others for what may still take effect."""

    def _timing(self, hook: object) -> Timing:
        del hook
        return timing_of(self)


def dag_of(dag_id: str, **more: Any) -> DAG:
    """Return a DAG of one task, which may be retried as often as any run needs."""
    with DAG(dag_id, schedule=None, max_active_runs=100, max_active_tasks=100, params={"word": ""}) as dag:
        StoppingOperator(
            task_id="register",
            name="Crashed",
            provider="{{ params.word }}",
            ingestion_mode="realtime",
            # A retry of the task that created the source does not fail on it.
            if_exists="fail",
            retries=RETRIES,
            retry_delay=timedelta(seconds=1),
            **more,
        )
    return dag


SOURCE: dict[str, Any] = {"name": "Crashed", "provider": "{{ params.word }}"}

with DAG(PREPARED, schedule=None, max_active_runs=100, max_active_tasks=100, params={"word": ""}):
    Prepared(task_id="register", ingestion_mode="realtime", **SOURCE)

with DAG(ROTATED, schedule=None, max_active_runs=100, max_active_tasks=100, params={"word": ""}):
    StoppingRotation(task_id="rotate", keep_previous=True, retries=RETRIES, retry_delay=timedelta(seconds=1), **SOURCE)

with DAG(LISTED, schedule=None, max_active_runs=100, max_active_tasks=100, params={"word": ""}):
    StoppingList(
        task_id="list",
        # So that a request for a list is known to be of this task.
        sandbox_id="{{ params.word }}",
        sources=[{"provider": "{{ params.word }}", "name": name, "ingestion_mode": "realtime"} for name in NAMES],
        max_concurrency=2,
        if_exists="fail",
        retries=RETRIES,
        retry_delay=timedelta(seconds=1),
    )

killed = dag_of(KILLED)
# Longer than a retry takes, shorter than a request is held.
timed_out = dag_of(TIMED_OUT, execution_timeout=timedelta(seconds=30))
