"""Airflow Variables, read so that a Variable counts as absent only if that is proven.

Airflow's own readers turn an outage into "not found": 3.3's execution API backend answers None to every error but 401
and 403, and what a secrets backend raises is swallowed. So each backend is asked directly, its exceptions count, and
before and after an empty answer a Variable that exists, the sentinel, must read back.
"""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.airflow_compat import (
    remove_stored_variable,
    remove_variable,
    set_variable,
    stored_variables,
    variable_backends,
)
from airflow_provider_copass.client_logs import suppress_client_logs
from airflow_provider_copass.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SENTINEL = "copass_sentinel"
"""The Variable that exists only to be read."""

_SENTINEL_TEXT = "The Copass provider reads this Variable to tell an outage from an empty answer. Do not remove it."
_PROOF_LASTS = 1.0
_PAUSES = (1.5, 3.0, 6.0)
"""Seconds: the bounds of the pauses between the tries of a write. On Airflow 2 a write is a DELETE and an INSERT, so of
writers of one Variable at one moment only one succeeds; the jitter spreads the others."""


class AirflowVariables:
    """Reads, writes and removes Airflow Variables. Its errors hold nothing of a value.

    Call it from one thread only: on Airflow 3.1 two threads of a task that talk to its supervisor get each other's
    answers.

    :param may_write: whether it may write. If not, nothing is ever written, and if the sentinel is missing, a
        Variable that reads as absent is believed to be.
    :param backends: the secrets backends to ask, in this order; None for those that this deployment reads from.
    :param draw: returns a number in [0, 1), for the jitter.
    :param sleep: pauses for a number of seconds.
    :param monotonic: returns the seconds of a clock that is never set back.
    """

    def __init__(
        self,
        *,
        may_write: bool = True,
        backends: Sequence[Any] | None = None,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._may_write = may_write
        self._backends = backends
        self._draw = draw
        self._sleep = sleep
        self._monotonic = monotonic
        self._sentinel_seen_at = -math.inf

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read Variables as a task of this deployment reads them, secrets backends first.

        A Variable that holds a value costs one read. To prove that others are absent costs two more for all of them
        together and one more for each; or only one more for all if the sentinel was read less than a second before.

        :param names: the Variables' names.
        :return: the value of each; None if it is proven that the Variable is absent.
        :raises JournalError: if a backend or the metadata database cannot be read.
        """
        is_recent = self._monotonic() - self._sentinel_seen_at < _PROOF_LASTS
        found = {name: self._ask(name) for name in names}
        absent = [name for name, value in found.items() if value is None]
        if not absent:
            return found
        if not is_recent:
            if not self._ensure_sentinel(absent[0]):
                return found
            found |= {name: self._ask(name) for name in absent}
            absent = [name for name in absent if found[name] is None]
        if absent and not self._reads_sentinel():
            raise _unreadable(absent[0])
        return found

    def write(self, name: str, text: str, *, within: float = math.inf) -> None:
        """Write a Variable.

        :param name: its name.
        :param text: its value.
        :param within: seconds; no try begins later, since by then the write could replace what others have written.
        :raises JournalError: if it cannot be written.
        """
        self._try(name, "written", lambda: set_variable(name, text), within=within)

    def remove(self, name: str) -> None:
        """Remove a Variable. If it does not exist, nothing happens.

        :param name: its name.
        :raises JournalError: if it cannot be removed.
        """
        self._try(name, "removed", lambda: remove_variable(name))

    def _try(self, name: str, done: str, change: Callable[[], None], *, within: float = math.inf) -> None:
        """Change a Variable, several times if need be, with full jitter between the tries."""
        if not self._may_write:
            raise RuntimeError(f"these Variables are read only: {name!r} is not to be {done}")
        until = self._monotonic() + within
        kind, tries = "", 0
        for bound in (*_PAUSES, None):
            tries += 1
            try:
                change()
            except Exception as error:  # noqa: BLE001 - Airflow raises anything here, and it may hold the value
                kind = type(error).__name__
            else:
                return
            pause = self._draw() * (bound or 0.0)
            if bound is None or self._monotonic() + pause > until:
                break
            self._sleep(pause)
        failure = JournalError(
            f"The Airflow Variable {name!r} was not {done} ({kind}; tries: {tries}). Try again later."
        )
        failure.kind = kind
        raise failure

    def _ensure_sentinel(self, name: str) -> bool:
        """Read the sentinel; write it first if it is missing.

        :return: whether it reads back; False only if it is missing and nothing may be written.
        :raises JournalError: if it was written and does not read back.
        """
        if self._reads_sentinel():
            return True
        if not self._may_write:
            return False
        self.write(SENTINEL, _SENTINEL_TEXT)
        if not self._reads_sentinel():
            raise _unreadable(name)
        return True

    def _reads_sentinel(self) -> bool:
        asked_at = self._monotonic()
        if self._ask(SENTINEL) is None:
            return False
        self._sentinel_seen_at = asked_at
        return True

    def _ask(self, name: str) -> str | None:
        """Ask each backend, in Airflow's own order."""
        if self._backends is None:
            # Once, since Airflow 3.1 and 3.2 make new ones at each call, and each new one of Vault's logs in.
            self._backends = variable_backends()
        for backend in self._backends:
            kind = ""
            try:
                # The value may be a secret, and the backend's client may log what it reads.
                with suppress_client_logs():
                    value: str | None = backend.get_variable(key=name)
            except Exception as error:  # noqa: BLE001 - any backend's own exceptions
                kind = f"{type(backend).__name__}: {type(error).__name__}"
            if kind:
                raise JournalError(
                    f"The Airflow Variable {name!r} cannot be read ({kind}). Nothing is concluded from it. Try again "
                    "later."
                )
            if value is not None:
                return value
        return None


def read_stored(*prefixes: str) -> dict[str, str | None]:
    """Read the Variables of Airflow's database whose names begin with one of some prefixes.

    For a command's process alone: a task of Airflow 3 has no database.

    :param prefixes: the prefixes.
    :return: their values by their names; None for one that cannot be decrypted.
    :raises JournalError: if the database cannot be read.
    """
    try:
        return {name: text for prefix in prefixes for name, text in stored_variables(prefix).items()}
    except Exception as error:  # noqa: BLE001 - any database's own exceptions
        failure = _no_database("read", error)
    raise failure


def remove_stored(name: str) -> bool:
    """Remove a Variable from Airflow's database. For a command's process alone.

    :param name: its name.
    :return: whether there was one.
    :raises JournalError: if the database cannot be written.
    """
    try:
        return remove_stored_variable(name)
    except Exception as error:  # noqa: BLE001 - any database's own exceptions
        failure = _no_database("written", error)
    raise failure


def _no_database(done: str, error: Exception) -> JournalError:
    failure = JournalError(
        f"Airflow's database cannot be {done} ({type(error).__name__}). Check that [database] sql_alchemy_conn is here "
        "what Airflow has, and that 'airflow db migrate' was run."
    )
    failure.kind = type(error).__name__
    return failure


def _unreadable(name: str) -> JournalError:
    return JournalError(
        f"The Airflow Variable {name!r} reads as absent, and so does {SENTINEL!r}, which exists: Airflow cannot read "
        "its Variables at this moment. Nothing is concluded from it. Try again later."
    )
