"""Every name of Airflow that this package uses, in one place, for Airflow 2.11 and 3.1 to 3.3.

Most are re-exports of the common-compat provider, which knows where each version keeps what. What it leaves open is
bridged here.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook, BaseOperator

from airflow_provider_copass.quiet import quieted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.providers.common.compat.sdk import Context as Context  # noqa: PLC0414 - re-exported for typing
    from airflow.sdk import RetryDecision as RetryDecision  # noqa: PLC0414 - see __getattr__
    from airflow.sdk import RetryPolicy as RetryPolicy  # noqa: PLC0414 - see __getattr__

__all__ = [
    "DEFAULT_BACKENDS",
    "BaseHook",
    "BaseOperator",
    "airflow_version",
    "cli_config",
    "configured",
    "connection_variable",
    "ends_as",
    "events_of",
    "fail_at_once",
    "failing_backends",
    "find_connection",
    "mask_secret",
    "masking_few",
    "remove_variable",
    "set_variable",
    "variable_backends",
]

DEFAULT_BACKENDS = frozenset({"EnvironmentVariablesBackend", "ExecutionAPISecretsBackend", "MetastoreBackend"})
"""The secrets backends that every deployment has, beside the one that it may have configured."""


def __getattr__(name: str) -> Any:
    """Import what only Airflow 3.3 and later have, when it is asked for."""
    if name not in {"RetryDecision", "RetryPolicy"}:
        raise AttributeError(name)
    try:
        from airflow import sdk

        return getattr(sdk, name)
    except (ImportError, AttributeError):
        pass
    raise ImportError(f"Retry policies need Airflow 3.3 or later; this is {airflow_version()}.")


def airflow_version() -> str:
    """Return the version of the running Airflow."""
    from airflow import __version__

    return __version__


def configured(option: str) -> str | None:
    """Return an option of section ``[copass]`` of Airflow's configuration; None where it is not set.

    :param option: its name.
    """
    from airflow.providers.common.compat.sdk import conf

    value: str | None = conf.get("copass", option, fallback=None)
    return value or None


def fail_at_once(message: str) -> Exception:
    """Return the exception that fails a task without using up its retries.

    :param message: what the log is to say.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException

    return AirflowFailException(message)


def ends_as(error: Exception, message: str) -> Exception | None:
    """Return an exception that ends a task in the same way as one by which Airflow is told to skip it, or to fail it.

    :param error: the exception; of any other kind there is None.
    :param message: what the log is to say.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

    for kind in (AirflowFailException, AirflowSkipException):
        if isinstance(error, kind):
            return kind(message)
    return None


def events_of(outlets: Iterable[Any], context: Context) -> list[Any]:
    """Return the events that a task's success will send; each has an ``extra``, which the task may fill.

    :param outlets: the task's; one without events, such as a file for lineage, is passed over.
    :param context: of the task.
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
    """Return a connection as Airflow's own commands find it, the metadata database included; None where there is none.

    For a command's process alone, not for a task's.

    :param conn_id: its id.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    # Airflow 3 keeps its database from a process that does not say so; `airflow connections test` says the same.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        with quieted():
            return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def failing_backends(conn_id: str) -> list[tuple[str, type[Exception]]]:
    """Return the secrets backends that raise when they are asked for a connection, which Airflow takes for "not there".

    For a command's process alone, after :func:`find_connection`. The last backend there is the metadata database.

    :param conn_id: the connection's id.
    :return: of each the class's name, and the class of what it raised, whose text may hold anything.
    """
    failing = []
    for backend in variable_backends():
        try:
            with quieted():
                backend.get_connection(conn_id=conn_id)
        except Exception as error:  # noqa: BLE001 - any backend's own exceptions
            failing.append((type(backend).__name__, type(error)))
    return failing


def connection_variable(conn_id: str) -> str:
    """Return the name of the environment's variable in which Airflow looks for a connection.

    :param conn_id: its id.
    """
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def variable_backends() -> list[Any]:
    """Return the secrets backends that a task of this deployment reads Variables from, in search order.

    The last one is the metadata database, on Airflow 3 by way of the execution API.
    """
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    if not AIRFLOW_V_3_0_PLUS:
        from airflow.configuration import ensure_secrets_loaded

        return list(ensure_secrets_loaded())
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    return list(ensure_secrets_backend_loaded() if _keeps_backends() else _kept(ensure_secrets_backend_loaded))


_kept_backends: dict[tuple[object, ...], list[Any]] = {}


def _keeps_backends() -> bool:
    """Whether Airflow builds the backends once for a process, as 3.3 does and 2.11; 3.1 and 3.2 do so at every call."""
    try:
        from airflow.sdk.configuration import clear_secrets_backends_cache  # noqa: F401
    except ImportError:
        return False
    return True


def _kept(build: Callable[[], list[Any]]) -> list[Any]:
    """Build the backends once for a process: a new one of Vault's logs in anew, and a registration reads many times.

    Not while there are Airflow's own alone, so that one that is configured later is found; and anew where Airflow
    chooses others, in a task or a server's process, and in a forked process, which must not share a connection.

    :param build: what builds them.
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    is_task = getattr(runner, "SUPERVISOR_COMMS", None) is not None
    where = (os.getpid(), is_task, os.environ.get("_AIRFLOW_PROCESS_CONTEXT"))
    if where in _kept_backends:
        return _kept_backends[where]
    backends = build()
    if any(type(each).__name__ not in DEFAULT_BACKENDS for each in backends):
        _kept_backends[where] = backends
    return backends


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


_MOST_MASKED = 20
_few: list[set[int]] = []


@contextmanager
def masking_few() -> Iterator[None]:
    """Mask no more than the first twenty secrets meanwhile: for a long list of sources.

    Airflow builds its pattern anew for each, out of all of them: ``docs/decisions/008`` has what a thousand cost.
    """
    _few.append(set())
    try:
        yield
    finally:
        _few.pop()


def mask_secret(value: str) -> None:
    """Have Airflow show ``***`` for a value in the logs of this task from now on.

    Masking is the second line of defence; the first is not to hand the value over.

    :param value: the value. It is given no name on purpose: with one that does not look like a secret's, Airflow
        masks nothing.
    """
    from airflow.providers.common.compat.sdk import mask_secret as mask

    if _few:
        # Not the values themselves, which are to be kept nowhere.
        known = hash(value)
        if known not in _few[-1] and len(_few[-1]) >= _MOST_MASKED:
            return
        _few[-1].add(known)
    mask(value)
