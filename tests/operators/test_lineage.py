"""What OpenLineage hears of the operators: the source that was written to, called as its asset is, and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset, TaskDeferred
from airflow.providers.openlineage.extractors.manager import ExtractorManager

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.operators import (
    IngestTextOperator,
    PauseSourceOperator,
    PullSourceOperator,
    RegisterSourceOperator,
    RegisterSourcesOperator,
    UpdateSourceOperator,
)
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT
from tests.operators.in_memory import MemoryStore, TaskInstance, execute_once, memory_operator
from tests.sensors.paths import first_event

CANARY = "hunter2-canary"
CONFIG = {"token": CANARY}
NAMED = {"provider": "slack", "name": "chat"}
WRITING: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "register": (
        RegisterSourceOperator,
        {**NAMED, "ingestion_mode": "realtime", "adapter_config": CONFIG, "on_missing_secret": "ignore"},
    ),
    "register a list": (RegisterSourcesOperator, {"sources": [{**NAMED, "adapter_config": CONFIG}]}),
    "update": (UpdateSourceOperator, {**NAMED, "adapter_config": CONFIG}),
    "pull": (PullSourceOperator, NAMED),
    "ingest": (IngestTextOperator, {**NAMED, "text": CANARY}),
}


@pytest.fixture(name="account")
def _account(account: Emulator) -> Emulator:
    """An emulated account that the default connection leads to, with one source in it."""
    account.seed([{**NAMED, "ingestion_mode": "realtime"}])
    return account


def made(kind: type[Any], **fields: Any) -> Any:
    """Make an operator whose journal is in memory."""
    fields = {"secret_store": MemoryStore(), **fields} if kind.__name__.startswith("Register") else fields
    return memory_operator(kind)(task_id="task", **fields)


def lineage_of(operator: Any, *, state: str = "success") -> Any:
    """Return what OpenLineage's provider takes from an operator that has ended."""
    ti: Any = TaskInstance()
    ti.task = operator
    extractor = ExtractorManager()._get_extractor(operator)
    assert extractor is not None
    return extractor.extract_on_complete(ti) if state == "success" else extractor.extract_on_failure(ti)


def names(lineage: Any) -> list[tuple[str, str]]:
    """Return the outputs."""
    assert lineage.inputs == []
    return [(each.namespace, each.name) for each in lineage.outputs]


def named(account: Emulator, number: int = 0) -> tuple[str, str]:
    """Return how a source is to be called."""
    return f"copass://{account.url.partition('://')[2]}", f"sb_demo/{account.sources()[number]['data_source_id']}"


@pytest.mark.parametrize("name", WRITING)
def test_the_output_is_the_source(account: Emulator, name: str) -> None:
    """By the API's host, its sandbox and its id; nothing of the settings, of a text, of a webhook's address."""
    kind, fields = WRITING[name]
    operator = made(kind, **fields)
    execute_once(operator)
    lineage = lineage_of(operator)
    assert names(lineage) == [named(account)]
    assert CANARY not in repr(lineage)
    assert "webhook" not in repr(lineage)


@pytest.mark.parametrize("name", WRITING)
def test_the_operator_s_output_is_called_as_its_outlet(account: Emulator, name: str) -> None:
    """An operator's own outputs take the place of its outlets in the event: one source would have two names."""
    kind, fields = WRITING[name]
    outlet = Asset(uri="/".join(named(account)))
    operator = made(kind, **fields, outlets=[outlet])
    execute_once(operator)
    converted = ExtractorManager.convert_to_ol_dataset(outlet)
    assert lineage_of(operator).outputs == [converted]


def test_each_source_of_a_list_is_an_output(account: Emulator) -> None:
    """In the list's order."""
    operator = made(RegisterSourcesOperator, sources=[{"provider": "github", "name": "new"}, NAMED])
    execute_once(operator)
    assert names(lineage_of(operator)) == [named(account, 1), named(account, 0)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (RegisterSourcesOperator, {"sources": [NAMED], "plan_only": True}),
        (IngestTextOperator, {"text": "hello"}),
        (PauseSourceOperator, NAMED),
    ],
    ids=["a plan", "a text of no source", "no write to the source"],
)
def test_a_task_that_writes_to_no_source_has_no_output(
    account: Emulator, kind: type[Any], fields: dict[str, Any]
) -> None:
    """Its outlets are then taken."""
    operator = made(kind, **fields)
    execute_once(operator)
    assert names(lineage_of(operator)) == []


def test_a_task_that_failed_before_it_wrote_has_no_output(account: Emulator) -> None:
    """Nor anything of the error."""
    operator = made(IngestTextOperator, **NAMED, text=CANARY)
    account.add_fault(operation="ingest", action={"status": 422, "body": {"detail": CANARY}})
    with pytest.raises(AirflowFailException):
        execute_once(operator)
    lineage = lineage_of(operator, state="failed")
    assert names(lineage) == []
    assert CANARY not in repr(lineage)


def test_a_deferred_task_has_the_output_when_it_is_resumed(account: Emulator) -> None:
    """In another process, which has not sent anything."""
    fields = {**NAMED, "text": CANARY, "wait_for_completion": True, "deferrable": True, "poll_interval": 0.05}
    context: Any = {"ti": TaskInstance()}
    with pytest.raises(TaskDeferred) as deferral:
        made(IngestTextOperator, **fields).execute(context)
    event = asyncio.run(first_event(deferral.value.trigger))
    resumed = made(IngestTextOperator, **fields)
    resumed.resume_execution("execute_complete", {**(deferral.value.kwargs or {}), "event": event}, context)
    assert names(lineage_of(resumed)) == [named(account)]


def test_openlineage_need_not_be_installed(tmp_path: Path) -> None:
    """An import of the operators brings nothing of it, and the method returns None."""
    program = """
import sys
from airflow_provider_copass.operators import PullSourceOperator
for name in ("openlineage", "airflow.providers.openlineage.extractors"):
    sys.modules[name] = None
operator = PullSourceOperator(task_id="pull", data_source_id="ds-1")
print(operator.get_openlineage_facets_on_complete(None))
"""
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False, capture_output=True, text=True)
    assert (done.stdout.strip().splitlines()[-1:], done.returncode) == (["None"], 0), done.stderr


def test_a_dag_s_parse_brings_nothing_of_openlineage(tmp_path: Path) -> None:
    """The method imports it when it is called."""
    program = """
import sys
from airflow.providers.common.compat import sdk
sdk.BaseOperator
before = set(sys.modules)
import airflow_provider_copass.operators
print([name for name in sys.modules.keys() - before if "lineage" in name])
"""
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
