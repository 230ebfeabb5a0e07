"""From an Airflow connection to the watch that all triggers of this process share on one sandbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_copass.errors import ConnectionReadError, CopassError
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.waiting import Watch, shared_watch

if TYPE_CHECKING:
    from airflow_provider_copass.api import AsyncCopassClient

_READING: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Connections are read one at a time: on Airflow 3.1 look-ups side by side may end the whole trigger runner
(apache/airflow#64620)."""
_LONGEST_READ = 60.0
"""Seconds. A secrets backend that hangs keeps those waiting whose connection it holds, and no others."""


async def watch_on(copass_conn_id: str, sandbox_id: str | None) -> tuple[Watch, str]:
    """Return the watch of a connection and a sandbox, and the sandbox.

    :param copass_conn_id: the id of the Airflow connection.
    :param sandbox_id: the sandbox; None for the connection's.
    :raises ConnectionReadError: if Airflow cannot read the connection, from which the sandbox is.
    :raises CopassInputError: if the connection names no sandbox, or cannot work.
    """
    sandbox = sandbox_id or (await _read(copass_conn_id, None)).sandbox_id

    async def open_client() -> tuple[AsyncCopassClient, str]:
        # A hook each time: the connection is read anew.
        return await (await _read(copass_conn_id, sandbox)).get_async_conn(), sandbox

    return shared_watch((copass_conn_id, sandbox), lambda: Watch(open_client)), sandbox


async def _read(copass_conn_id: str, sandbox_id: str | None) -> CopassHook:
    """Return a hook that has read its connection."""
    hook = CopassHook(copass_conn_id, sandbox_id)
    try:
        async with _READING.setdefault(asyncio.get_running_loop(), asyncio.Lock()), asyncio.timeout(_LONGEST_READ):
            await hook.read_connection()
    except CopassError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Airflow or a secrets backend raises
        kind = type(error).__name__
    else:
        return hook
    # Raised out here: the text of what was raised may hold anything.
    raise ConnectionReadError(
        f"Airflow connection {copass_conn_id!r} cannot be read ({kind}). Nothing was sent. Check that it exists, and "
        "that the triggerer reaches what it is stored in."
    )
