"""The trigger behind the deferred sensors and operators: it waits for sources or jobs, together with all others."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.airflow_compat import BaseTrigger, TriggerEvent
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.metrics import OPEN_WAITS
from airflow_provider_copass.triggers._watches import watch_on
from airflow_provider_copass.waiting import condition_from_json, target_from_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_GRACE = timedelta(minutes=10)
"""For how long after the deadline a triggerer that was down may still come and say so."""
_SHORTEST = 10.0
"""Seconds from the start of the trigger to its event. The scheduler may hear only some 5 s later that the task has
deferred; if the task resumes before that, Airflow up to 3.3.2 takes it for killed (apache/airflow#72716)."""
_MOST_NAMED = 20


def time_for_trigger(deadline: datetime) -> timedelta:
    """Return how long a task may stay deferred: beyond the deadline, at which the trigger ends by itself.

    :param deadline: when the wait times out.
    """
    return max(deadline - datetime.now(UTC), timedelta()) + _GRACE


class WaitTrigger(BaseTrigger):
    """Wait until each of some sources or jobs fulfils a condition.

    Its arguments lie in Airflow's database in plain text: ids, words and moments, and nothing that is secret.

    The event has one of: ``values``, what the condition returned for each target; ``timed_out``; ``failure``, with the
    name of the error, its message, and whether a retry cannot help.

    :param targets: what to look at, of :mod:`airflow_provider_copass.waiting.targets` as JSON.
    :param condition: of :mod:`airflow_provider_copass.waiting.conditions` as JSON.
    :param sandbox_id: the sandbox.
    :param copass_conn_id: the id of the Airflow connection.
    :param poll_interval: seconds between two looks.
    :param deadline: ISO 8601 text, with an offset from UTC: when the wait times out. Airflow 3 does not end a deferred
        task by its ``execution_timeout``.
    """

    def __init__(
        self,
        *,
        targets: list[dict[str, str]],
        condition: dict[str, Any],
        sandbox_id: str,
        copass_conn_id: str,
        poll_interval: float,
        deadline: str,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.targets = targets
        self.condition = condition
        self.sandbox_id = sandbox_id
        self.copass_conn_id = copass_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments."""
        return f"{WaitTrigger.__module__}.{WaitTrigger.__qualname__}", {
            "targets": self.targets,
            "condition": self.condition,
            "sandbox_id": self.sandbox_id,
            "copass_conn_id": self.copass_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event."""
        loop = asyncio.get_running_loop()
        earliest = loop.time() + _SHORTEST
        event = await self._event()
        await asyncio.sleep(max(0, earliest - loop.time()))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _event(self) -> dict[str, Any]:
        with OPEN_WAITS.one():
            return await self._wait()

    @fresh_traceback
    async def _wait(self) -> dict[str, Any]:
        left = (datetime.fromisoformat(self.deadline) - datetime.now(UTC)).total_seconds()
        targets = [target_from_json(target) for target in self.targets]
        named = ", ".join(map(str, targets[:_MOST_NAMED]))
        more = f" and {len(targets) - _MOST_NAMED} more" * (len(targets) > _MOST_NAMED)
        self.log.info("Waiting for %s%s; %.0f s are left.", named, more, max(left, 0))
        waits: list[asyncio.Future[str]] = []
        try:
            async with asyncio.timeout(left):
                watch, _ = await watch_on(self.copass_conn_id, self.sandbox_id)
                condition = condition_from_json(self.condition)
                waits = [
                    asyncio.ensure_future(watch.wait_for(target, condition, self.poll_interval)) for target in targets
                ]
                return {"values": await asyncio.gather(*waits)}
        except TimeoutError:
            return {"timed_out": True}
        except CopassError as error:
            return {"failure": {"kind": type(error).__name__, "message": str(error), "is_final": error.is_final}}
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
