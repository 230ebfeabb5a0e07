"""Airflow Variables, read so that "not found" is believed only when it is proven.

Airflow's own readers turn an outage into "not found": 3.3's execution API backend answers None to every error but 401
and 403, and what a secrets backend raises is swallowed. So each backend is asked directly, its exceptions count, and
before and after an empty answer a Variable that is known to be there must read back.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from airflow_provider_copass.airflow_compat import remove_variable, set_variable, variable_backends
from airflow_provider_copass.errors import JournalError
from airflow_provider_copass.quiet import quieted

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = "copass_record_probe"
"""A Variable that is only there to be read."""

_MAY_PROVE = ContextVar("copass_may_prove", default=True)

_TRIES = 4
_PAUSE = 0.5


@contextmanager
def unproven() -> Iterator[None]:
    """Believe an empty answer where the probe is not there yet, instead of making it: for who may write nothing."""
    before = _MAY_PROVE.set(False)
    try:
        yield
    finally:
        _MAY_PROVE.reset(before)


class ProvenVariables:
    """Reads, writes and removes Variables; what fails is a :class:`JournalError`, with nothing of a value in it."""

    def read(self, key: str) -> str | None:
        """Read a Variable as a task of this deployment reads it, secrets backends first.

        :param key: its key.
        :return: its value; None where it is proven that there is none.
        :raises JournalError: where a backend or the metadata database cannot be read.
        """
        value = self._ask(key)
        if value is not None:
            return value
        if not _MAY_PROVE.get() and self._ask(PROBE) is None:
            return None
        self._prove(key)
        value = self._ask(key)
        if value is None and self._ask(PROBE) is None:
            raise _unreadable(key)
        return value

    def write(self, key: str, value: str) -> None:
        """Write a Variable.

        :param key: its key.
        :param value: its value.
        :raises JournalError: where it cannot be written.
        """
        failed = ""
        for attempt in range(1, _TRIES + 1):
            try:
                set_variable(key, value)
            except Exception as error:  # noqa: BLE001 - Airflow raises anything here, and it may hold the value
                failed = type(error).__name__
            else:
                return
            if attempt < _TRIES:
                # On Airflow 2 a write is a DELETE and an INSERT, so two at once may fail.
                time.sleep(_PAUSE * attempt)
        raise JournalError(f"The Airflow Variable {key!r} cannot be written ({failed}). Try again later.")

    def remove(self, key: str) -> None:
        """Remove a Variable, where it is there.

        :param key: its key.
        :raises JournalError: where it cannot be removed.
        """
        failed = ""
        try:
            remove_variable(key)
        except Exception as error:  # noqa: BLE001 - see write
            failed = type(error).__name__
        if failed:
            raise JournalError(f"The Airflow Variable {key!r} cannot be removed ({failed}). Try again later.")

    def _prove(self, key: str) -> None:
        """Make sure that a Variable which is there can be read; make it, where this is the first time."""
        if self._ask(PROBE) is not None:
            return
        self.write(PROBE, "This Variable is there so that the Copass provider can tell an outage from an empty answer.")
        if self._ask(PROBE) is None:
            raise _unreadable(key)

    def _ask(self, key: str) -> str | None:
        """Ask each backend, in Airflow's own order."""
        for backend in variable_backends():
            failed = ""
            try:
                # It may be a secret, and the backend's client may log what it reads.
                with quieted():
                    value: str | None = backend.get_variable(key=key)
            except Exception as error:  # noqa: BLE001 - any backend's own exceptions
                failed = f"{type(backend).__name__}: {type(error).__name__}"
            if failed:
                raise JournalError(
                    f"The Airflow Variable {key!r} cannot be read ({failed}), so nothing is concluded. Try again later."
                )
            if value is not None:
                return value
        return None


def _unreadable(key: str) -> JournalError:
    return JournalError(
        f"The Airflow Variable {key!r} reads as if it were not there, and so does one that is: Airflow cannot read its "
        "Variables at this moment. Nothing is concluded from it. Try again later."
    )
