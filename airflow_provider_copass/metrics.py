"""What this provider counts by Airflow's own metrics: off where these are off, and never a reason to fail.

No name of a metric holds a value, or the name of a source.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_copass.airflow_compat import count_metric, gauge_metric, host_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_copass.errors import CopassError


def count_registrations(outcomes: Iterable[str]) -> None:
    """Count how registrations ended, as ``copass.registrations.created`` and so on.

    :param outcomes: a word for each.
    """
    for outcome, number in Counter(outcomes).items():
        count_metric(f"copass.registrations.{outcome}", number)


def count_secret() -> None:
    """Count a secret that an answer held: ``copass.secrets.minted``."""
    count_metric("copass.secrets.minted")


def count_duplicates(number: int) -> None:
    """Count live sources that were seen beside another one of the same identity: ``copass.duplicates.seen``.

    :param number: how many there are beside the one.
    """
    count_metric("copass.duplicates.seen", number)


def count_duplicates_of(error: CopassError) -> None:
    """Count the sources of an error that several live sources have one identity; no other error counts.

    :param error: the error.
    """
    from airflow_provider_copass.errors import DuplicateSourcesError  # noqa: PLC0415 - no DAG parse needs it

    if isinstance(error, DuplicateSourcesError):
        count_duplicates(len(error.data_source_ids) - 1)


class OpenWaits:
    """How many deferred waits this process has open: ``copass.waits.open``, and the same with the host's name.

    As ``triggers.running`` of Airflow: each triggerer tells its own number, and without tags the last one is seen.
    """

    def __init__(self) -> None:
        self._open = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a wait as open for a ``with`` block."""
        self._tell(1)
        try:
            yield
        finally:
            self._tell(-1)

    def _tell(self, change: int) -> None:
        self._open += change
        host = host_name()
        gauge_metric("copass.waits.open", self._open, tags={"hostname": host})
        gauge_metric(f"copass.waits.open.{host}", self._open)


OPEN_WAITS = OpenWaits()
"""Those of this process: what a gauge tells is of a process."""
