"""Every name of Airflow that this package uses, in one place, for Airflow 2.11 and 3.1 to 3.3.

Most are re-exports of the common-compat provider, which knows in which module each version has them. What it does not
cover is bridged here.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook, BaseOperator

from airflow_provider_copass.client_logs import suppress_client_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from airflow.providers.common.compat.sdk import (
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
        BaseSensorOperator,
        ObjectStoragePath,
        PokeReturnValue,
    )
    from airflow.providers.common.compat.sdk import Context as Context  # noqa: PLC0414 - re-exported for typing
    from airflow.sdk import RetryDecision as RetryDecision  # noqa: PLC0414 - re-exported for typing
    from airflow.sdk import RetryPolicy as RetryPolicy  # noqa: PLC0414 - re-exported for typing
    from airflow.triggers.base import BaseEventTrigger as EventTrigger
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    T = TypeVar("T")

__all__ = [
    "DEFAULT_BACKENDS",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseHook",
    "BaseOperator",
    "BaseSensorOperator",
    "BaseTrigger",
    "EventTrigger",
    "ObjectStoragePath",
    "PokeReturnValue",
    "TriggerEvent",
    "airflow_version",
    "call_in_thread",
    "cli_config",
    "configured",
    "count_metric",
    "default_deferrable",
    "events_of",
    "failing_backends",
    "find_connection",
    "gauge_metric",
    "get_async_connection",
    "host_name",
    "is_deferral_error",
    "is_interruption",
    "mask_secret",
    "openlineage_dataset",
    "operator_lineage",
    "preserve_control_flow",
    "remove_stored_variable",
    "remove_variable",
    "retry_policy_types",
    "set_variable",
    "stored_variables",
    "suppress_airflow_logs",
    "variable_backends",
    "watches_assets",
]

DEFAULT_BACKENDS = frozenset({"EnvironmentVariablesBackend", "ExecutionAPISecretsBackend", "MetastoreBackend"})
"""The secrets backends that every deployment has, beside the one that it may have configured."""

_OF_SDK = frozenset(
    {
        "AirflowFailException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "BaseSensorOperator",
        "ObjectStoragePath",
        "PokeReturnValue",
    }
)


def __getattr__(name: str) -> Any:
    """Import what a DAG parse with operators alone does not need."""
    if name in _OF_SDK:
        from airflow.providers.common.compat import sdk

        return getattr(sdk, name)
    if name in {"BaseTrigger", "EventTrigger", "TriggerEvent"}:
        from airflow.triggers import base

        # Before Airflow 3 no trigger watches an asset.
        return getattr(base, "BaseEventTrigger", base.BaseTrigger) if name == "EventTrigger" else getattr(base, name)
    raise AttributeError(name)


def watches_assets() -> bool:
    """Return whether this Airflow has triggers that watch assets: from 3.0 on."""
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    return bool(AIRFLOW_V_3_0_PLUS)


def retry_policy_types() -> tuple[type[RetryDecision], type[RetryPolicy]]:
    """Return Airflow's classes of a retry policy and of its decision.

    :raises ImportError: before Airflow 3.3, which has none.
    """
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except ImportError:
        pass
    else:
        return RetryDecision, RetryPolicy
    raise ImportError(f"Retry policies need Airflow 3.3 or later; this is {airflow_version()}.")


def airflow_version() -> str:
    """Return the version of the running Airflow."""
    from airflow import __version__

    return __version__


def configured(option: str) -> str | None:
    """Return an option of section ``[copass]`` of Airflow's configuration; None if it is not set.

    :param option: its name.
    """
    from airflow.providers.common.compat.sdk import conf

    value: str | None = conf.get("copass", option, fallback=None)
    return value or None


def default_deferrable() -> bool:
    """Return whether tasks that leave ``deferrable`` out are deferrable, as ``[operators] default_deferrable`` says."""
    from airflow.providers.common.compat.sdk import conf

    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def is_deferral_error(error: Exception) -> bool:
    """Return whether a deferred task fails because its trigger failed, or the triggerer did not come in time.

    Airflow retries the task after either.

    :param error: what Airflow raises as the task is resumed.
    """
    return type(error).__name__ in {"TaskDeferralError", "TaskDeferralTimeout"}


def is_interruption(error: BaseException) -> bool:
    """Return whether an exception is Airflow's timeout of a task, or what its signal handler raises at a SIGTERM.

    Airflow retries the task after the one, and before 3.0 after the other.

    :param error: the exception.
    """
    return type(error).__name__ in {"AirflowTaskTerminated", "AirflowTaskTimeout"}


def openlineage_dataset(namespace: str, name: str) -> Any:
    """Return OpenLineage's dataset; None if its client is not installed.

    :param namespace: its namespace.
    :param name: its name.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    return Dataset(namespace=namespace, name=name)


def operator_lineage(outputs: Iterable[tuple[str, str]]) -> Any:
    """Return what OpenLineage's provider asks an operator for; None if that provider is not installed.

    :param outputs: namespace and name of each dataset that was written to.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    return OperatorLineage(outputs=[openlineage_dataset(namespace, name) for namespace, name in outputs])


def preserve_control_flow(error: Exception, message: str) -> Exception | None:
    """Return an exception that skips or fails the task as a given one does, with another message.

    :param error: the exception.
    :param message: what the log is to say.
    :return: None if the exception is not one of Airflow's that skip or fail a task.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

    for kind in (AirflowFailException, AirflowSkipException):
        if isinstance(error, kind):
            return kind(message)
    return None


def events_of(outlets: Iterable[Any], context: Context) -> list[Any]:
    """Return the events that the task's success sends; each has an ``extra``, which the task may fill.

    :param outlets: the task's outlets; one without events, such as a file for lineage, is left out.
    :param context: the task's context.
    :raises Exception: Airflow's own, where an outlet refers to an asset that cannot be found.
    """
    from airflow.providers.common.compat.sdk import Asset, AssetAlias
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    events = []
    for outlet in outlets:
        # Airflow 2 takes the text of anything else for the name of an event that never comes.
        if AIRFLOW_V_3_0_PLUS or isinstance(outlet, (Asset, AssetAlias)):
            with suppress(TypeError):
                events.append(context["outlet_events"][outlet])
    return events


def cli_config() -> Any:
    """Return the module in which Airflow's own command line is described (its providers' commands: 3.2 and later)."""
    from airflow.cli import cli_config as config

    return config


def find_connection(conn_id: str) -> Any | None:
    """Return a connection as Airflow's own commands find it, the metadata database included; None if there is none.

    For a command's process alone, not for a task's.

    :param conn_id: its id.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    # Airflow 3 gives its database only to a process that says so; `airflow connections test` says the same.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        with suppress_client_logs():
            return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


async def get_async_connection(conn_id: str, hook: type[BaseHook]) -> Any:
    """Return a connection without blocking the event loop.

    :param conn_id: its id.
    :param hook: the hook's class; one that finds connections in its own way is respected.
    """
    from airflow.providers.common.compat.connection import get_async_connection as get

    return await get(conn_id, hook)


async def call_in_thread(function: Callable[[], T]) -> T:
    """Call what may ask Airflow's supervisor, without blocking the event loop.

    A thread of ``asyncio.to_thread`` will not do: the question is put on an event loop of its own there, and on Airflow
    3.1 that loop may read the answer to another one, which ends the trigger runner with all its triggers.

    :param function: is called without an argument.
    :return: what it returns.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function)()


def failing_backends(conn_id: str) -> list[tuple[str, type[Exception]]]:
    """Return the secrets backends that raise when asked for a connection; Airflow reads that as "not found".

    For a command's process alone, after :func:`find_connection`. The last backend there is the metadata database.

    :param conn_id: the connection's id.
    :return: for each the name of its class, and the class of what it raised; the text may hold anything.
    """
    failing = []
    for backend in variable_backends():
        try:
            with suppress_client_logs():
                backend.get_connection(conn_id=conn_id)
        except Exception as error:  # noqa: BLE001 - any backend's own exceptions
            failing.append((type(backend).__name__, type(error)))
    return failing


def variable_backends() -> list[Any]:
    """Return the secrets backends that a task of this deployment reads Variables from, in search order.

    The last one is the metadata database, on Airflow 3 by way of the execution API. Airflow 3.1 and 3.2 make new ones
    at each call.
    """
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    if not AIRFLOW_V_3_0_PLUS:
        from airflow.configuration import ensure_secrets_loaded

        return list(ensure_secrets_loaded())
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    return list(ensure_secrets_backend_loaded())


def set_variable(key: str, value: str) -> None:
    """Write an Airflow Variable; Airflow encrypts it with its Fernet key.

    :param key: its key.
    :param value: a ``str``: of anything else Airflow prints the plain value to its own output.
    """
    from airflow.providers.common.compat.sdk import Variable

    Variable.set(key, value)


def remove_variable(key: str) -> None:
    """Remove an Airflow Variable.

    :param key: its key.
    """
    from airflow.providers.common.compat.sdk import Variable

    Variable.delete(key)


@contextmanager
def suppress_airflow_logs() -> Iterator[None]:
    """Keep Airflow 3 from logging; its loggers are structlog's own, which ``logging.disable`` does not reach."""
    try:
        import structlog
    except ImportError:  # Airflow 2 may have none
        yield
        return
    # In place, since loggers that were used before hold this very list.
    processors = structlog.get_config()["processors"]
    processors.insert(0, _drop)
    try:
        yield
    finally:
        processors.remove(_drop)


def _drop(*_: object) -> Any:
    from structlog import DropEvent

    raise DropEvent


def stored_variables(prefix: str) -> dict[str, str | None]:
    """Return the Variables of the metadata database whose keys begin with a prefix.

    For a command's process alone: a task of Airflow 3 has no database.

    :param prefix: the prefix.
    :return: their values by their keys, which are sorted; None for a value that cannot be decrypted.
    """
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        wanted = select(Variable).where(Variable.key.startswith(prefix, autoescape=True)).order_by(Variable.key)
        return {each.key: each.val for each in session.scalars(wanted)}


def remove_stored_variable(key: str) -> bool:
    """Remove a Variable from the metadata database. For a command's process alone.

    :param key: its key.
    :return: whether there was one.
    """
    from airflow.models.variable import Variable

    return bool(Variable.delete(key))


def count_metric(name: str, number: int = 1) -> None:
    """Add to a counter of Airflow's metrics. It does nothing where these are off, and never fails.

    :param name: its name.
    :param number: how much to add.
    """
    # What a metric's backend raises must not fail a task whose work is done.
    with suppress(Exception):
        from airflow.providers.common.compat.sdk import Stats

        Stats.incr(name, number)


def gauge_metric(name: str, value: int, tags: dict[str, str] | None = None) -> None:
    """Set a gauge of Airflow's metrics. It does nothing where these are off, and never fails.

    :param name: its name.
    :param value: its value.
    :param tags: by name; a backend that knows no tags leaves them out.
    """
    with suppress(Exception):
        from airflow.providers.common.compat.sdk import Stats

        Stats.gauge(name, value, tags=tags or {})


@cache
def host_name() -> str:
    """Return this host's name, as Airflow tells it and with what a metric's name may hold."""
    from airflow.utils.net import get_hostname

    return re.sub(r"[^a-zA-Z0-9_.-]", "_", get_hostname())  # type: ignore[no-untyped-call]


def mask_secret(value: str) -> None:
    """Mask a value: Airflow shows ``***`` for it in the logs of this task from now on.

    Masking is the second line of defence; the first is not to hand the value over.

    :param value: the value. It is given no name on purpose: if the name does not look like a secret's, Airflow masks
        nothing.
    """
    from airflow.providers.common.compat.sdk import mask_secret as mask

    mask(value)
