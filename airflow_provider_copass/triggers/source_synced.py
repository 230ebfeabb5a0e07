"""The trigger that watches an asset: an event for each sync of a source. Airflow 3 and later."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.airflow_compat import EventTrigger, TriggerEvent, airflow_version, watches_assets
from airflow_provider_copass.errors import CopassError, CopassInputError
from airflow_provider_copass.triggers._watches import watch_on
from airflow_provider_copass.waiting import FirstLook, SourceId, SourceName, SyncedAfter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_copass.waiting import Condition, Target

T = TypeVar("T")

_SHORTEST = 1.0
"""Seconds."""
_AFTER_FAILURE = 60.0
"""Seconds."""


class SourceSyncedTrigger(EventTrigger):
    """Send an event when a source has synced: for ``Asset(..., watchers=[AssetWatcher(...)])``, Airflow 3 and later.

    ::

        Asset("support", uri="copass://sb_1/support", watchers=[
            AssetWatcher(name="synced", trigger=SourceSyncedTrigger(provider="slack", name="Support", key="support")),
        ])

    After each sync at least one event is sent; several syncs between two looks count as one. The event's payload has
    ``data_source_id``, ``sandbox_id`` and ``last_sync_at``. On Airflow 3.3 what was seen last is kept in the asset
    state store, so a sync that happens while the triggerer is down is noticed when it is up again. Before 3.3 such a
    sync is missed.

    A refused token and a source that does not exist (yet) are logged, and looked for again: a trigger that ends
    is not started again by hand.

    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name. An id is not known when a DAG is parsed.
    :param sandbox_id: the sandbox; None for the connection's.
    :param copass_conn_id: the id of the Airflow connection.
    :param poll_interval: seconds between two looks, at least 1, or a ``timedelta``. All who wait for sources of one
        sandbox share them.
    :param key: any text that makes this trigger another one than that of a second asset on the same source: Airflow
        has one row for triggers that are equal, and one of two assets would stay silent.
    :raises CopassInputError: if the source is named in neither way or in both, or a value cannot be used.
    :raises ImportError: before Airflow 3.
    """

    def __init__(
        self,
        *,
        data_source_id: str | None = None,
        provider: str | None = None,
        name: str | None = None,
        sandbox_id: str | None = None,
        copass_conn_id: str = "copass_default",
        poll_interval: float | timedelta = 60,
        key: str = "",
    ) -> None:
        from airflow_provider_copass._inputs import read_conn_id, read_id, read_names, read_seconds
        from airflow_provider_copass.api.requests import plain

        if not watches_assets():
            raise ImportError(
                f"SourceSyncedTrigger watches assets, which takes Airflow 3. This is {airflow_version()}."
            )
        super().__init__()  # type: ignore[no-untyped-call]
        named = read_names(data_source_id=data_source_id, provider=provider, name=name)
        if [each is not None for each in named] not in ([True, False, False], [False, True, True]):
            raise CopassInputError(
                "SourceSyncedTrigger needs either data_source_id, or both provider and name.",
                fields=("data_source_id", "provider", "name"),
            )
        interval = read_seconds("poll_interval", poll_interval)
        if interval is None or interval < _SHORTEST:
            raise CopassInputError("poll_interval must be seconds, at least 1.", fields=("poll_interval",))
        text = plain(key)
        if not isinstance(text, str):
            raise CopassInputError("key must be a string.", fields=("key",))
        self.data_source_id, self.provider, self.name = named
        self.sandbox_id = read_id("sandbox_id", sandbox_id)
        self.copass_conn_id = read_conn_id(copass_conn_id)
        self.poll_interval = interval
        self.key = text
        texts = ("data_source_id", "provider", "name", "sandbox_id", "copass_conn_id")
        if templates := tuple(each for each in texts if "{{" in (getattr(self, each) or "")):
            raise CopassInputError(
                f"{', '.join(templates)}: Airflow renders no template in the trigger of a watcher. Give the value.",
                fields=templates,
            )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: texts and numbers, whose hash is the same at each parse."""
        return f"{SourceSyncedTrigger.__module__}.{SourceSyncedTrigger.__qualname__}", {
            "data_source_id": self.data_source_id,
            "provider": self.provider,
            "name": self.name,
            "sandbox_id": self.sandbox_id,
            "copass_conn_id": self.copass_conn_id,
            "poll_interval": self.poll_interval,
            "key": self.key,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, and send an event for each sync."""
        from airflow_provider_copass._inputs import warn_of_padding

        warn_of_padding(self.log, provider=self.provider, name=self.name)
        cursor = await self._load()
        if cursor is None:
            first, _ = await self._look(FirstLook())
            cursor = first
            await self._store(cursor)
        while True:
            # One wait from sync to sync: the poll runs on in between, and looks no sooner than the interval says.
            source, sandbox_id = await self._look(SyncedAfter(cursor))
            cursor = source.last_sync_at or cursor
            yield TriggerEvent(  # type: ignore[no-untyped-call]
                {
                    "data_source_id": source.data_source_id,
                    "sandbox_id": sandbox_id,
                    "last_sync_at": cursor.isoformat(),
                }
            )
            # Later than the event: events leave about once a second, and what is stored stays. Killed in between, the
            # event is sent again.
            await asyncio.sleep(self.poll_interval)
            await self._store(cursor)

    def _target(self) -> Target:
        if self.data_source_id is not None:
            return SourceId(self.data_source_id)
        return SourceName(str(self.provider), str(self.name))

    @fresh_traceback
    async def _look(self, condition: Condition[Any, T]) -> tuple[T, str]:
        """Return what the condition returns for the first round that fulfils it, and the sandbox."""
        while True:
            try:
                watch, sandbox_id = await watch_on(self.copass_conn_id, self.sandbox_id)
                return await watch.wait_for(self._target(), condition, self.poll_interval), sandbox_id
            except CopassError as error:
                self.log.warning("The source cannot be watched, and is looked for again later: %s", error)
            await asyncio.sleep(max(self.poll_interval, _AFTER_FAILURE))

    async def _load(self) -> datetime | None:
        """Return when the last sync was of which an event was sent; None if that is not known."""
        if getattr(self, "asset_state_store", None) is None:
            return None
        kept = await self._in_store("aget")
        with suppress(TypeError, ValueError):
            return datetime.fromisoformat(kept)
        return None

    async def _store(self, cursor: datetime) -> None:
        """Keep when the last sync was."""
        if getattr(self, "asset_state_store", None) is not None:
            await self._in_store("aset", cursor.isoformat())

    async def _in_store(self, method: str, *value: str) -> Any:
        """Call the asset state store; log what it raises, and go on without it."""
        named = (self.copass_conn_id, self.sandbox_id, self.data_source_id, self.provider, self.name)
        # Two watchers of one asset have a key each.
        key = f"copass_last_sync_at_{hashlib.sha256(repr(named).encode()).hexdigest()[:16]}"
        try:
            return await getattr(self.asset_state_store, method)(key, *value)
        except Exception as error:  # noqa: BLE001 - whatever Airflow raises
            self.asset_state_store = None
            self.log.warning(
                "What was seen last cannot be kept (%s), so a sync while the triggerer is down is missed. If two "
                "assets have an equal SourceSyncedTrigger, give each a key of its own.",
                type(error).__name__,
            )
            return None
