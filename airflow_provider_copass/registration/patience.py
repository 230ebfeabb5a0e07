"""Looking again while somebody else is at it, for a bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.registration.claim import LookAgainError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from airflow_provider_copass.registration.ports import Clock
    from airflow_provider_copass.registration.timing import Timing

    T = TypeVar("T")


def until_done(look: Callable[[], T | None], clock: Clock, timing: Timing) -> T | None:
    """Look once and do what can be done, again and again.

    :param look: returns None, or raises :class:`LookAgainError`, where it is to be called again.
    :param timing: its ``patience`` bounds the time, its ``poll`` is the pause.
    :return: what ``look`` returned; None where the time is up.
    """
    patience = clock.now() + timing.patience
    while True:
        # Whoever stood still for long looks once more before it gives up.
        is_last = clock.now() > patience
        try:
            done = look()
        except LookAgainError:
            done = None
        if done is not None or is_last:
            return done
        clock.sleep(timing.poll)
