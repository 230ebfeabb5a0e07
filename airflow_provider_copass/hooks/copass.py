"""The hook: an Airflow connection becomes a pooled Copass client with one method per call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_copass import __version__
from airflow_provider_copass._tracebacks import fresh_tracebacks
from airflow_provider_copass.airflow_compat import (
    BaseHook,
    airflow_version,
    call_in_thread,
    get_async_connection,
    mask_secret,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self, TypeVar, Unpack

    from airflow_provider_copass.api import AsyncCopassClient, CopassClient, Job, PurgeResult, Source, SourceStatus
    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.api.requests import SourceChanges
    from airflow_provider_copass.hooks.connection import AirflowConnection, CopassConnection

    T = TypeVar("T")


@fresh_tracebacks
class CopassHook(BaseHook):
    """Talks to the Copass API with the bearer token of an Airflow connection.

    Each method is one call of the API; answers are pydantic models. A call that fails raises a
    :class:`~airflow_provider_copass.api.CopassError`, after retries in the client if those are safe: a read, or a
    write that is known not to have been applied. Importing this module imports no HTTP client.

    Do not return a model from a task: the next task may not read it from XCom, where ``adapter_config`` would stand in
    plain text. Return ``source.summary()``, a plain dict without the secret and without ``adapter_config``, as the
    operators push it.

    A hook is a context manager, whose end closes the connections; one that is no longer used closes itself.

    :param copass_conn_id: the Airflow connection, of type ``copass``.
    :param sandbox_id: the sandbox; None for the connection's ``sandbox_id``.
    """

    conn_name_attr = "copass_conn_id"
    default_conn_name = "copass_default"
    conn_type = "copass"
    hook_name = "Copass"

    def __init__(self, copass_conn_id: str = default_conn_name, sandbox_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.copass_conn_id = copass_conn_id
        self._sandbox_id = sandbox_id
        self._connection: CopassConnection | None = None
        self._client: CopassClient | None = None
        self._async_client: AsyncCopassClient | None = None
        self._opening = asyncio.Lock()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields to Airflow 2.11 to 3.1; later ones read the provider's description."""
        from airflow_provider_copass.hooks.form import form_widgets

        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields to Airflow 2.11 to 3.1."""
        from airflow_provider_copass.hooks.form import field_behaviour

        return field_behaviour()

    @property
    def connection(self) -> CopassConnection:
        """The contents of the Airflow connection, read once.

        :raises CopassInputError: if it is of another type, or a field of it is missing or breaks its rule.
        """
        from airflow_provider_copass.client_logs import suppress_client_logs

        if self._connection is None:
            # It holds the token, and may be in a secrets backend whose client logs what it reads.
            with suppress_client_logs():
                found = self.get_connection(self.copass_conn_id)
            self._connection = self._read(found)
        return self._connection

    def _read(self, found: AirflowConnection) -> CopassConnection:
        """Read Airflow's connection."""
        from airflow_provider_copass.hooks.connection import read_connection

        user_agent = f"airflow-provider-copass/{__version__} apache-airflow/{airflow_version()}"
        return read_connection(self.copass_conn_id, found, conn_type=self.conn_type, user_agent=user_agent)

    @property
    def sandbox_id(self) -> str:
        """The sandbox that this hook works in.

        :raises CopassInputError: if neither the hook nor the connection names one, or the id cannot be used.
        """
        from airflow_provider_copass.api import CopassInputError
        from airflow_provider_copass.api.calls import check_path_part

        chosen = self.connection.sandbox_id if self._sandbox_id is None else self._sandbox_id
        if chosen is None:
            raise CopassInputError(
                "sandbox_id is missing: give it to the operator or hook, or put a default into the extra of Airflow "
                f"connection {self.copass_conn_id!r}.",
                fields=("sandbox_id",),
            )
        return check_path_part("sandbox_id", chosen)

    def get_conn(self) -> CopassClient:
        """Return the client: one pool of connections and one TLS context for the lifetime of the hook."""
        from airflow_provider_copass.api import CopassClient

        if self._client is None:
            self._client = CopassClient(self.connection.settings)
        return self._client

    async def get_async_conn(self) -> AsyncCopassClient:
        """Return the asynchronous client; the connection is read without blocking the event loop.

        Close it with :meth:`aclose`, in the same event loop.

        :raises CopassInputError: as of :attr:`connection`.
        """
        from airflow_provider_copass.api import AsyncCopassClient

        connection = await self.read_connection()
        async with self._opening:
            if self._async_client is None:
                # In a thread: to read the certificates takes some 20 ms.
                self._async_client = await asyncio.to_thread(AsyncCopassClient, connection.settings)
            return self._async_client

    async def read_connection(self) -> CopassConnection:
        """Read the connection without blocking the event loop; once, as :attr:`connection` does.

        :raises CopassInputError: as of :attr:`connection`.
        """
        from airflow_provider_copass.client_logs import suppress_client_logs

        async with self._opening:
            if self._connection is None:
                with suppress_client_logs():
                    found = await get_async_connection(self.copass_conn_id, type(self))
                # To mask what is in extra, Airflow may ask its supervisor, which blocks.
                self._connection = await call_in_thread(lambda: self._read(found))
            return self._connection

    async def aclose(self) -> None:
        """Close the asynchronous client; the next call of :meth:`get_async_conn` opens another."""
        client, self._async_client = self._async_client, None
        if client is not None:
            await client.aclose()

    def close(self) -> None:
        """Close the client; the next call opens another. A client that is no longer used closes itself."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def register_source(
        self,
        *,
        provider: str,
        name: str,
        ingestion_mode: str | None = None,
        kind: str | None = None,
        external_account_id: str | None = None,
        adapter_config: dict[str, Any] | None = None,
        poll_interval_seconds: int | None = None,
    ) -> Source:
        """Register a source with one POST: called twice, this creates two. The operator registers once.

        :param provider: ``slack``, ``github``, ``linear`` … : an open set.
        :param name: 1 to 255 characters.
        :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual`` (the server's default).
        :param kind: ``durable`` (the server's default) or ``ephemeral``.
        :param external_account_id: such as a Slack workspace.
        :param adapter_config: provider-specific settings; may hold credentials.
        :param poll_interval_seconds: at least 60.
        :return: the source; ``webhook_signing_secret`` holds its secret, shown only once, and masked in the task's log.
            From a task return its ``summary()``.
        """
        from airflow_provider_copass.api import calls

        return self._send_and_mask(
            calls.register_source(
                self.sandbox_id,
                provider=provider,
                name=name,
                ingestion_mode=ingestion_mode,
                kind=kind,
                external_account_id=external_account_id,
                adapter_config=adapter_config,
                poll_interval_seconds=poll_interval_seconds,
            )
        )

    def list_sources(self, provider: str | None = None, status: str | None = None) -> list[Source]:
        """List the sandbox's sources, all of them. From a task return the ``summary()`` of each.

        :param provider: only those of this provider.
        :param status: only those of this status.
        :raises CopassAnswerError: if the list is cut short.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.list_sources(self.sandbox_id, provider=provider, status=status)).require_complete()

    def get_source(self, data_source_id: str) -> Source:
        """Read a source; its secret is never in the answer. From a task return its ``summary()``.

        :raises CopassNotFoundError: if there is no such source.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.get_source(self.sandbox_id, data_source_id))

    def update_source(
        self, data_source_id: str, *, merge_adapter_config: bool = False, **changes: Unpack[SourceChanges]
    ) -> Source:
        """Change the given fields of a source, and no others.

        :param merge_adapter_config: merge ``adapter_config`` deeply into the present settings instead of replacing
            them.
        :param changes: any of ``name``, ``ingestion_mode``, ``external_account_id``, ``adapter_config`` and
            ``poll_interval_seconds``; None clears a field that can be empty.
        """
        from airflow_provider_copass.api import calls

        return self._send(
            calls.update_source(self.sandbox_id, data_source_id, changes, merge_adapter_config=merge_adapter_config)
        )

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Mint a new webhook secret for a ``realtime`` source, which voids the old one.

        :return: the source, with the new secret in ``webhook_signing_secret``, already masked in logs.
        """
        from airflow_provider_copass.api import calls

        return self._send_and_mask(calls.rotate_webhook_secret(self.sandbox_id, data_source_id))

    def pause_source(self, data_source_id: str) -> SourceStatus:
        """Pause a source."""
        from airflow_provider_copass.api import calls

        return self._send(calls.pause_source(self.sandbox_id, data_source_id))

    def resume_source(self, data_source_id: str) -> SourceStatus:
        """Resume a paused source."""
        from airflow_provider_copass.api import calls

        return self._send(calls.resume_source(self.sandbox_id, data_source_id))

    def disconnect_source(self, data_source_id: str) -> SourceStatus:
        """Disconnect a source, for good: it cannot be resumed."""
        from airflow_provider_copass.api import calls

        return self._send(calls.disconnect_source(self.sandbox_id, data_source_id))

    def pull_source(self, data_source_id: str, *, since: datetime | str | None = None, vault_only: bool = False) -> Job:
        """Queue a pull.

        :param since: only what is newer: a date and time with its offset from UTC, or one as ISO 8601 text; None for
            everything.
        :param vault_only: the API's option of this name.
        :raises CopassInputError: if ``since`` breaks its rule.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.pull_source(self.sandbox_id, data_source_id, since=since, vault_only=vault_only))

    def ingest_text(
        self,
        *,
        text: str,
        data_source_id: str | None = None,
        source_type: str | None = None,
        occurred_at: datetime | str | None = None,
        speaker: str | None = None,
        participants: Sequence[str] | None = None,
        project_id: str | None = None,
        storage_only: bool = False,
    ) -> Job:
        """Queue a text to be ingested with one POST: called twice, it is ingested twice.

        :param text: the text.
        :param data_source_id: the source that it is from, whose ``last_sync_at`` the server stamps.
        :param source_type: what kind of text it is, in the API's words.
        :param occurred_at: when it was said or written, with its offset from UTC.
        :param speaker: who said or wrote it.
        :param participants: who took part.
        :param project_id: the project that it belongs to.
        :param storage_only: keep the text, and add nothing to the graph.
        :return: the job, of which :meth:`get_job` tells how far it is.
        :raises CopassInputError: if a field breaks its rule.
        """
        from airflow_provider_copass.api import calls

        return self._send(
            calls.ingest_text(
                self.sandbox_id,
                text=text,
                data_source_id=data_source_id,
                source_type=source_type,
                occurred_at=occurred_at,
                speaker=speaker,
                participants=participants,
                project_id=project_id,
                storage_only=storage_only,
            )
        )

    def get_job(self, job_id: str) -> Job:
        """Look at a job of :meth:`ingest_text`.

        :raises CopassNotFoundError: if there is no such job; no page says that a pull's job is found here.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.get_job(self.sandbox_id, job_id))

    def purge_source(self, data_source_id: str, *, delete_source: bool | None = None) -> PurgeResult:
        """Remove the knowledge that a source ingested.

        :param delete_source: remove the source's registration as well.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.purge_source(self.sandbox_id, data_source_id, delete_source=delete_source))

    def delete_source(self, data_source_id: str) -> None:
        """Remove a source's registration; what it ingested stays."""
        from airflow_provider_copass.api import calls

        self._send(calls.delete_source(self.sandbox_id, data_source_id))

    def test_connection(self) -> tuple[bool, str]:
        """Make one real call, and say what it reached or what to change in the connection.

        It waits at most 10 seconds for an answer, and sends nothing twice.

        :return: whether it worked, and one line for the Connections page; never with the token.
        """
        from airflow_provider_copass.api import CopassInputError
        from airflow_provider_copass.hooks.connection_test import refusal_for_form, run_connection_test

        try:
            connection = self.connection
        except CopassInputError as refused:
            return False, refusal_for_form(refused, self.copass_conn_id)
        return run_connection_test(connection, connection.sandbox_id if self._sandbox_id is None else self._sandbox_id)

    def _send(self, call: Call[T]) -> T:
        return self.get_conn().send(call)

    def _send_and_mask(self, call: Call[Source]) -> Source:
        """Send a call whose answer may show a secret, and mask the secret before anything can print it."""
        source = self._send(call)
        if source.webhook_signing_secret is not None:
            mask_secret(source.webhook_signing_secret.get_secret_value())
        return source
