"""Whether and when a call is sent again: three small decisions, apart from the sending."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_copass.api.http_date import read_http_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_copass.errors import CopassCallError


_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_LONGEST = 16


def may_send_again(*, writes: bool, error: CopassCallError) -> bool:
    """Tell whether a call that failed may be sent again as it is.

    A read may be if that can help. A write may be only if the server is known not to have applied it: a second POST
    would create a second source, and a second rotation would void the secret of the first.

    :param writes: whether the call changes something.
    :param error: how it failed.
    """
    return error.is_transient and not (writes and error.maybe_applied)


def retry_after_seconds(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read a ``Retry-After`` header, which holds seconds or a date (RFC 9110, section 10.2.3).

    A date is compared with the answer's own ``Date``, so that a wrong clock on either side does no harm.

    :param headers: the answer's headers, their names in lower case.
    :param now: seconds since the epoch by our clock, used if the answer has no ``Date``.
    :return: seconds from now, at least 0; None if there is none or it cannot be read.
    """
    given = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        # Some servers write a fraction, which the standard does not know. What is too long for a number is for ever.
        return float(math.ceil(float(given))) if len(given.partition(".")[0]) < _LONGEST else math.inf
    until = read_http_date(given)
    if until is None:
        return None
    dated = read_http_date(headers.get("date", ""))
    return max(0.0, until.timestamp() - (now if dated is None else dated.timestamp()))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon a call is sent again.

    :param max_attempts: how often a call is sent at most, the first attempt included.
    :param base: seconds; the bound of the first pause, doubled for each further one.
    :param cap: seconds; no bound of a pause grows beyond this.
    :param retry_after_cap: seconds; a longer ``Retry-After`` is cut to this, so that a server cannot
        block a worker slot.
    :param draw: returns a number in [0, 1); tests pass a fixed one.
    """

    max_attempts: int = 4
    base: float = 0.5
    cap: float = 20.0
    retry_after_cap: float = 60.0
    draw: Callable[[], float] = random.random

    def pause(self, attempt: int, retry_after: float | None) -> float:
        """Return the pause before the next attempt: full jitter, but never less than the server asked for.

        :param attempt: how often the call has been sent, from 1.
        :param retry_after: seconds that the server asked for, if it did.
        :return: seconds.
        """
        # The exponent is bounded, since 2.0 ** 1100 would be an OverflowError and not a long time.
        bound = min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))
        jittered = self.draw() * bound
        if retry_after is None:
            return jittered
        return max(jittered, min(retry_after, self.retry_after_cap))
