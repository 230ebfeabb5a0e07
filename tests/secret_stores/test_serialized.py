"""A store in a DAG, as Airflow writes the DAG down at each parse: the same each time, or each makes a new version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects

from airflow_provider_copass.operators import RegisterSourceOperator
from airflow_provider_copass.secret_stores import BackendStore, SecretStore, VariableStore
from tests.secret_stores.own_store import OwnStore


def written_down(dag: Any) -> str:
    """Return a DAG as Airflow's own scheduler stores it, in any version."""
    names = ("DagSerialization", "SerializedDAG")
    writer: Any = next(found for name in names if (found := getattr(serialized_objects, name, None)) is not None)
    return json.dumps(writer.to_dict(dag), sort_keys=True)


def mapped(store: SecretStore) -> Any:
    """Parse a DAG with a mapped task."""
    with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        RegisterSourceOperator.partial(task_id="register", provider="slack", secret_store=store).expand_kwargs(
            [{"name": "a", "ingestion_mode": "realtime"}]
        )
    return dag


@pytest.mark.parametrize("kind", [VariableStore, BackendStore, OwnStore])
def test_a_mapped_task_s_store_is_written_down_alike_at_each_parse(kind: type[SecretStore]) -> None:
    """Airflow takes the text of what is given to ``partial``, so that holds the class and no address."""
    # Both are alive, so that they cannot have the same address.
    first, second = kind(), kind()
    once = written_down(mapped(first))
    assert once == written_down(mapped(second))
    assert f"{kind.__module__}.{kind.__qualname__}" in once


def test_a_store_s_text_holds_nothing_of_the_backend_s() -> None:
    """What a backend shows of itself may be a credential."""

    class Loud:
        def __repr__(self) -> str:
            return "canary"

    assert repr(BackendStore(Loud())) == "<airflow_provider_copass.secret_stores.backend.BackendStore>"
