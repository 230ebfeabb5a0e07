"""A sign that single sources of a sandbox are being registered, for who registers a whole list of them.

Who holds a book announces in it every source that it may make, and then looks for this sign; who registers a single
source gives the sign, and then looks into the book. So of two who are after the same source at least one sees the
other, and a list need not read a record for each source: only where the sign is fresh.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import Clock, Records
    from airflow_provider_copass.registration.timing import Timing

_FRESH_ENOUGH = 60.0
"""Seconds for which a sign is not given again: many tasks at once would only stand in each other's way."""


class Activity:
    """The sign of one sandbox: the time of the last registration that had a record of its own.

    :param sandbox_id: which one.
    :param records: where it is kept.
    """

    def __init__(self, sandbox_id: str, records: Records, clock: Clock, timing: Timing) -> None:
        self.name = f"copass_record_singles_{hashlib.sha256(sandbox_id.encode()).hexdigest()[:40]}"
        self._records = records
        self._clock = clock
        self._timing = timing

    def give(self) -> None:
        """Say that a source is being registered now."""
        last = self._last()
        if last is None or not 0 <= self._clock.now() - last <= _FRESH_ENOUGH:
            self._records.write(self.name, f"{self._clock.now():.0f}")

    def is_fresh(self) -> bool:
        """Tell whether somebody may be registering a single source."""
        last = self._last()
        if last is None:
            # Somewhere to look from now on: that a Variable is not there takes longer to prove.
            self._records.write(self.name, "0")
            return False
        return self._clock.now() - last <= 2 * self._timing.takeover_after + _FRESH_ENOUGH

    def _last(self) -> float | None:
        text = self._records.read(self.name)
        try:
            return None if text is None else float(text)
        except ValueError:
            # Somebody's own; as good as a sign that was given now.
            return self._clock.now()
