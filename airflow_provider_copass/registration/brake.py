"""Stopping a list of registrations once something is wrong with all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassAuthenticationError,
    CopassCallError,
    CopassError,
    CopassNotFoundError,
    CopassPermissionError,
    EntryBusyError,
    EntryFormatError,
    JournalError,
    SecretStoreError,
)

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import Log

_FAILURES_IN_A_ROW = 10
"""How many calls may fail one after the other before the rest is left to the next try."""

# What is wrong with one of these is wrong with every call.
_HOPELESS = (CopassAuthenticationError, CopassPermissionError, CopassNotFoundError)


class SkippedError(CopassError):
    """A source was not tried. Never leaves the protocol."""


class Brake:
    """Stops the POSTs of a list once something is wrong with all of them.

    :param log: where to say why.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._in_a_row = 0
        self.is_on = False

    def check(self) -> None:
        """Refuse to send one more POST.

        :raises SkippedError: if none is to be sent.
        """
        if self.is_on:
            raise SkippedError

    def succeed(self) -> None:
        """Count a POST that was answered."""
        self._in_a_row = 0

    def count(self, failure: CopassError) -> None:
        """Count a failure."""
        if isinstance(failure, SkippedError | EntryBusyError | EntryFormatError):
            return
        if isinstance(failure, CopassCallError):
            self._in_a_row += 1
        if isinstance(failure, _HOPELESS):
            self._stop(f"the server answered {failure.status}")
        elif isinstance(failure, SecretStoreError | JournalError):
            # Each further source would be one whose secret is lost.
            self._stop("what was registered cannot be stored")
        elif self._in_a_row >= _FAILURES_IN_A_ROW:
            self._stop(f"{self._in_a_row} calls have failed one after the other")

    def _stop(self, why: str) -> None:
        if not self.is_on:
            self._log.warning("Registering no more sources: %s. The next try goes on from here.", why)
        self.is_on = True
