"""From an Airflow connection to the watch that all triggers of this process share on one sandbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.waiting import Watch, shared_watch

if TYPE_CHECKING:
    from airflow_provider_copass.api import AsyncCopassClient

_READING: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Connections are read one at a time: on Airflow 3.1 look-ups side by side may end the whole trigger runner
(apache/airflow#64620)."""


def watch_on(copass_conn_id: str, sandbox_id: str | None) -> Watch:
    """Return the watch of a connection and a sandbox.

    :param copass_conn_id: the id of the Airflow connection.
    :param sandbox_id: the sandbox; None for the connection's.
    """

    async def open_client() -> tuple[AsyncCopassClient, str]:
        # A hook each time: the connection is read anew.
        hook = CopassHook(copass_conn_id, sandbox_id)
        async with _READING.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            return await hook.get_async_conn(), hook.sandbox_id

    return shared_watch((copass_conn_id, sandbox_id), lambda: Watch(open_client))
