"""What the registration protocol gets from the task that runs it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_copass.airflow_compat import BaseOperator
    from airflow_provider_copass.api import ClientSettings, Source, SourceList
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Owner, Timing


class SandboxSources:
    """The API's calls on the sources of a hook's sandbox. Safe to share between threads.

    Answers are not masked here: a task of Airflow may talk to its supervisor from one thread only.

    :param hook: the hook.
    :raises CopassInputError: where the hook's connection cannot work, or names no sandbox.
    """

    def __init__(self, hook: CopassHook) -> None:
        self._sandbox_id = hook.sandbox_id
        self._send = hook.get_conn().send

    def list_sources(self, provider: str | None = None) -> SourceList:
        """List the sources.

        :param provider: only those of this provider.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.list_sources(self._sandbox_id, provider=provider))

    def get_source(self, data_source_id: str) -> Source:
        """Read a source."""
        from airflow_provider_copass.api import calls

        return self._send(calls.get_source(self._sandbox_id, data_source_id))

    def register_source(self, fields: Mapping[str, Any], *, before_attempt: Callable[[], None]) -> Source:
        """Register a source.

        :param fields: the body, which has been checked.
        :param before_attempt: called before each attempt; the request is not sent where it raises.
        """
        from airflow_provider_copass.api import calls

        return self._send(calls.registrations(self._sandbox_id)(dict(fields)), before_attempt=before_attempt)

    def update_source(
        self,
        data_source_id: str,
        changes: Mapping[str, Any],
        *,
        merge_adapter_config: bool,
        before_attempt: Callable[[], None],
    ) -> Source:
        """Change fields of a source.

        :param changes: the fields to change.
        :param merge_adapter_config: merge ``adapter_config`` into what is there instead of replacing it.
        :param before_attempt: as in :meth:`register_source`.
        """
        from airflow_provider_copass.api import calls

        call = calls.update_source(
            self._sandbox_id,
            data_source_id,
            changes,  # type: ignore[arg-type]  # checked by the call
            merge_adapter_config=merge_adapter_config,
        )
        return self._send(call, before_attempt=before_attempt)

    def rotate_webhook_secret(self, data_source_id: str, *, before_attempt: Callable[[], None]) -> Source:
        """Mint a new webhook secret."""
        from airflow_provider_copass.api import calls

        call = calls.rotate_webhook_secret(self._sandbox_id, data_source_id)
        return self._send(call, before_attempt=before_attempt)

    def disconnect_source(self, data_source_id: str, *, before_attempt: Callable[[], None]) -> object:
        """Disconnect a source permanently."""
        from airflow_provider_copass.api import calls

        return self._send(calls.disconnect_source(self._sandbox_id, data_source_id), before_attempt=before_attempt)

    def delete_source(self, data_source_id: str, *, before_attempt: Callable[[], None]) -> None:
        """Delete a source's registration."""
        from airflow_provider_copass.api import calls

        self._send(calls.delete_source(self._sandbox_id, data_source_id), before_attempt=before_attempt)

    def purge_source(self, data_source_id: str) -> object:
        """Remove the knowledge that came in through a source."""
        from airflow_provider_copass.api import calls

        return self._send(calls.purge_source(self._sandbox_id, data_source_id))


class WallClock:
    """This machine's clocks."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of a clock that is never set back."""
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        time.sleep(seconds)


def owner_of(ti: Any) -> Owner:
    """Return the task instance that does the work, and its try.

    :param ti: Airflow's task instance, of any version.
    """
    from airflow_provider_copass.registration import Owner

    return Owner(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)


def setups_of(operator: BaseOperator) -> frozenset[str]:
    """Return the task ids of the setups that a teardown is for; none for another task.

    :param operator: the operator.
    """
    if not operator.is_teardown or operator.get_dag() is None:
        return frozenset()
    return frozenset(task.task_id for task in operator.upstream_list if task.is_setup)


def new_token() -> str:
    """Make up a word that no other process has."""
    return secrets.token_hex(16)


def timing_for(settings: ClientSettings) -> Timing:
    """Return the waiting times that go with a connection's timeout.

    A write takes effect within twice the timeout of being sent, or never. A lease is taken over from another task only
    after its slowest call must have ended: every attempt of it, and every pause between two attempts. A server that
    sends the headers of an answer bit by bit can make a call last longer
    (:class:`~airflow_provider_copass.api.ClientSettings`, ``timeout``). Who comes back that late finds that the lease
    is lost.

    :param settings: the client's settings.
    """
    from airflow_provider_copass.registration import Timing

    one_call = settings.max_attempts * (2 * settings.timeout + 60)
    usual = Timing()
    return Timing(
        settle_timeout=max(usual.settle_timeout, 2 * settings.timeout),
        takeover_after=max(usual.takeover_after, one_call),
    )
