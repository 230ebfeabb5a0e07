"""What the tests of the operators share: operators with a journal and a secret store in memory, and how one is run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.operators import RegisterSourceOperator
from airflow_provider_copass.registration import Runtime, Timing
from airflow_provider_copass.secret_stores import SecretOwner, SecretStore
from tests.harness.clocks import SkippingClock
from tests.hooks.connections import ENVIRONMENT, of


class MemoryStore(SecretStore):
    """A user's own store, in memory."""

    name = "test store"

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.works = True

    def check(self, key: str) -> None:
        """Take any key."""

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        return SecretStr(self.held[key]) if key in self.held else None

    def remove(self, key: str) -> None:
        """Remove."""
        self.held.pop(key, None)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write, if the store works."""
        if not self.works:
            raise OSError(f"the disk is full: {secret.get_secret_value()} canary")
        self.held[key] = secret.get_secret_value()


class MemoryJournal(dict[str, str]):
    """A journal in memory. The runs of real Airflows show that it is kept in real Variables."""

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read."""
        return {name: self.get(name) for name in names}

    def write(self, name: str, text: str, *, within: float = math.inf) -> None:
        """Write."""
        del within
        self[name] = text

    def remove(self, name: str) -> None:
        """Remove."""
        self.pop(name, None)


class InMemory:
    """An operator whose journal is in memory, and which does not wait.

    It overrides what is private: for a user there is one journal, and the times follow from the connection.
    """

    journal = MemoryJournal()
    # However busy the machine is, no lease is acquired too late.
    timing = Timing(lease_pause=60)
    clock = SkippingClock()

    def _journal(self, *, may_write: bool = True) -> MemoryJournal:
        del may_write
        return InMemory.journal

    def _timing(self, hook: object) -> Timing:
        del hook
        return self.timing

    def _runtime(self, *args: Any, **options: Any) -> Runtime:
        return replace(super()._runtime(*args, **options), clock=self.clock)  # type: ignore[misc]


def memory_operator(kind: type[Any], **attributes: object) -> type[Any]:
    """Return an operator like another one, with its journal in memory.

    :param attributes: what else is its own.
    """
    return type(kind.__name__, (InMemory, kind), attributes)


class TaskInstance:
    """A task instance in one of its tries. It remembers what was pushed."""

    dag_id = "dag"
    map_index = -1

    def __init__(self, run_id: str = "run", try_number: int = 1, *, task_id: str = "task") -> None:
        self.task_id = task_id
        self.run_id = run_id
        self.try_number = try_number
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        """Remember."""
        self.pushed[key] = value


def execute_once(operator: Any, run_id: str = "run", try_number: int = 1) -> tuple[Any, dict[str, Any]]:
    """Execute an operator; return its result and what it pushed."""
    ti = TaskInstance(run_id, try_number, task_id=operator.task_id)
    return operator.execute({"ti": ti}), ti.pushed


def register_once(run_id: str = "run", try_number: int = 1, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Execute ``RegisterSourceOperator``; return its result and what it pushed."""
    named = {"task_id": "register", "name": "n", "provider": "slack", **fields}
    return execute_once(memory_operator(RegisterSourceOperator)(**named), run_id, try_number)


def operations(account: Emulator, *, since: int = 0) -> list[str]:
    """Return the operations that came in.

    :param since: without so many that came first.
    """
    return [request["operation"] for request in account.requests()][since:]


def connect(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Let the default connection lead to an emulated account, and empty the journal. Nothing is retried for long."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, max_attempts=1, timeout=5))
    monkeypatch.setattr(InMemory, "journal", MemoryJournal())
    return emulator
