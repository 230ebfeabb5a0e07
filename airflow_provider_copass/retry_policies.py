"""A retry policy for tasks that call Copass, for Airflow 3.3 and later."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.airflow_compat import retry_policy_types
from airflow_provider_copass.errors import CopassError, CopassStatusError, EntryBusyError

if TYPE_CHECKING:
    from airflow_provider_copass.airflow_compat import Context, RetryDecision, RetryPolicy
else:
    RetryDecision, RetryPolicy = retry_policy_types()

_BASE = timedelta(seconds=10)
_CAP = timedelta(minutes=10)
_ENTRY_BUSY = timedelta(minutes=2)


class CopassRetryPolicy(RetryPolicy):
    """Chooses the pause before a retry by the failure, and fails the task at once where a retry cannot help.

    Useful with :class:`~airflow_provider_copass.hooks.CopassHook` in tasks of your own; the operators fail at once by
    themselves. After a rate limit the pause is what the server asked for, after a journal entry that another task holds
    two minutes, after any other error of this package a random time below a doubling bound. Other exceptions are left
    to the task's own settings. ``retries`` still bounds the number of tries.

    ::

        RegisterSourceOperator(..., retries=5, retry_policy=CopassRetryPolicy())

    :param base: the bound of the first pause.
    :param cap: no pause is longer.
    """

    def __init__(self, base: timedelta = _BASE, cap: timedelta = _CAP) -> None:
        self.base = base
        self.cap = cap

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow's signature
        context: Context | None = None,  # noqa: ARG002 - Airflow's signature
    ) -> RetryDecision:
        """Decide about one failure.

        :param exception: the failure.
        :param try_number: the try that failed, from 1.
        :param max_tries: not used: Airflow counts.
        :param context: not used.
        """
        if not isinstance(exception, CopassError):
            return RetryDecision.default()
        reason = type(exception).__name__
        if exception.is_final:
            return RetryDecision.fail(f"{reason}: the next try would end the same")
        if isinstance(exception, EntryBusyError):
            return RetryDecision.retry(min(_ENTRY_BUSY, self.cap), f"{reason}: another task holds the journal entry")
        bound = min(self.cap, self.base * 2.0 ** min(try_number - 1, 32))
        pause = bound * random.random()  # noqa: S311 - jitter, no secret
        if isinstance(exception, CopassStatusError) and exception.retry_after is not None:
            asked = timedelta(seconds=min(exception.retry_after, self.cap.total_seconds()))
            return RetryDecision.retry(max(pause, asked), f"{reason}: the server asked for a pause")
        return RetryDecision.retry(pause, reason)

    def serialize(self) -> dict[str, Any]:
        """Return the two bounds, in seconds."""
        return {"base": self.base.total_seconds(), "cap": self.cap.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CopassRetryPolicy:
        """Return the policy that :meth:`serialize` wrote."""
        return cls(timedelta(seconds=data["base"]), timedelta(seconds=data["cap"]))
