"""The server's time: one moment by its two clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class Moment(NamedTuple):
    """One moment.

    :param monotonic: by the clock that durations are measured by, in seconds.
    :param utc: by the clock that the API shows.
    """

    monotonic: float
    utc: datetime

    def timestamp(self) -> str:
        """Return the moment as the API writes it, with microseconds."""
        return self.utc.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def earlier(self, seconds: float) -> Moment:
        """Return the moment so many seconds before.

        :param seconds: how many.
        """
        return Moment(self.monotonic - seconds, self.utc - timedelta(seconds=seconds))
