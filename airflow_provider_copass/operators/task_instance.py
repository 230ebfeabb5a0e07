"""What a registration needs to know of the task that runs it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.api import ClientSettings
    from airflow_provider_copass.registration import Owner, Timing


def owner_of(ti: Any) -> Owner:
    """Return who registers: what stays the same from try to try, and the try.

    :param ti: the task instance, of whichever Airflow.
    """
    from airflow_provider_copass.registration import Owner

    return Owner(f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}", ti.try_number)


def new_mark() -> str:
    """Make up a word that no other process has."""
    return secrets.token_hex(16)


def timing_for(settings: ClientSettings) -> Timing:
    """Return how long to wait for what, with this connection's time-outs.

    A dead task's record is taken over only when even its slowest call must have ended: every try of it, and every
    pause between them. A server that sends the headers of an answer bit by bit can make a call last longer
    (:class:`~airflow_provider_copass.api.ClientSettings`, ``timeout``); whoever comes back that late finds the record
    taken, before it writes anything, and gives way.

    :param settings: of the client.
    """
    from airflow_provider_copass.registration import Timing

    one_call = settings.max_attempts * (2 * settings.timeout + 60)
    return Timing(takeover_after=max(Timing().takeover_after, one_call))


class WallClock:
    """The time of this machine."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        time.sleep(seconds)
