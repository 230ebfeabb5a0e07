"""Clocks for tests that have to wait for nobody."""

from __future__ import annotations

from airflow_provider_copass.operators._runtime import WallClock


class SkippingClock(WallClock):
    """A clock that goes on at once where somebody waits: a long wait costs a test nothing.

    Not for tests in which another thread is waited for.
    """

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Return the time."""
        return super().now() + self._skipped

    def monotonic(self) -> float:
        """Return the time."""
        return super().monotonic() + self._skipped

    def sleep(self, seconds: float, /) -> None:
        """Go on."""
        self._skipped += seconds
