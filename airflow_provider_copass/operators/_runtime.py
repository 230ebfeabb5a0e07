"""What the registration protocol gets from the task that runs it."""

from __future__ import annotations

import itertools
import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from airflow_provider_copass.airflow_compat import BaseOperator
    from airflow_provider_copass.api import ClientSettings
    from airflow_provider_copass.registration import Owner, Timing


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


def masking(limit: int | None = None) -> Callable[[SecretStr], None]:
    """Return what masks a secret in the log and counts it; the protocol calls it once for each that was answered.

    For each masked secret Airflow compiles one pattern of all of them again: ``docs/decisions/008`` says what a
    thousand cost.

    :param limit: how many secrets are masked, the first ones; None for all.
    """
    from airflow_provider_copass.airflow_compat import mask_secret
    from airflow_provider_copass.metrics import count_secret

    numbers = itertools.count()

    def mask(secret: SecretStr) -> None:
        if limit is None or next(numbers) < limit:
            mask_secret(secret.get_secret_value())
        count_secret()

    return mask


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
    after its slowest call must have ended: every attempt of it, and every pause between two attempts. Looking up a host
    name can make a call last longer (:class:`~airflow_provider_copass.api.ClientSettings`, ``timeout``). Who comes back
    that late finds that the lease is lost.

    :param settings: the client's settings.
    """
    from airflow_provider_copass.registration import Timing

    one_call = settings.max_attempts * (2 * settings.timeout + 60)
    usual = Timing()
    return Timing(
        settle_timeout=max(usual.settle_timeout, 2 * settings.timeout),
        takeover_after=max(usual.takeover_after, one_call),
    )
