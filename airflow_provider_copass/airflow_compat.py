"""Every name of Airflow that this package uses, in one place, for Airflow 2.11 and 3.1 to 3.3.

Most are re-exports of the common-compat provider, which knows where each version keeps what. What it leaves open is
bridged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook, BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context as Context  # noqa: PLC0414 - re-exported for typing

__all__ = [
    "BaseHook",
    "BaseOperator",
    "airflow_version",
    "fail_at_once",
    "get_variable",
    "mask_secret",
    "set_variable",
]


def airflow_version() -> str:
    """Return the version of the running Airflow."""
    from airflow import __version__

    return __version__


def fail_at_once(message: str) -> Exception:
    """Return the exception that fails a task without using up its retries.

    :param message: what the log is to say.
    """
    from airflow.providers.common.compat.sdk import AirflowFailException

    return AirflowFailException(message)


def get_variable(key: str) -> str | None:
    """Read an Airflow Variable as a task of this deployment reads it, secrets backends first.

    :param key: its key.
    :return: its value; None where there is none.
    """
    from airflow.providers.common.compat.sdk import Variable
    from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

    # The default's name changed with Airflow 3.
    default: dict[str, Any] = {"default" if AIRFLOW_V_3_0_PLUS else "default_var": None}
    value: str | None = Variable.get(key, **default)
    return value


def set_variable(key: str, value: str) -> None:
    """Write an Airflow Variable; Airflow encrypts it with its Fernet key.

    :param key: its key.
    :param value: a ``str``: of anything else Airflow prints the plain value to its own output.
    """
    from airflow.providers.common.compat.sdk import Variable

    Variable.set(key, value)


def mask_secret(value: str) -> None:
    """Have Airflow show ``***`` for a value in the logs of this task from now on.

    Masking is the second line of defence; the first is not to hand the value over.

    :param value: the value. It is given no name on purpose: with one that does not look like a secret's, Airflow
        masks nothing.
    """
    from airflow.providers.common.compat.sdk import mask_secret as mask

    mask(value)
