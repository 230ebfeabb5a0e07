"""May it be sent again, when, and what does Retry-After say: the three decisions, each on its own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_copass.api import RetryPolicy
from airflow_provider_copass.api.retry import may_send_again, retry_after_seconds
from airflow_provider_copass.errors import CopassConnectError, CopassTimeoutError, error_class

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("000000000007", 7.0),
        ("9" * 40, math.inf),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tuesday, 14-Nov-23 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:30 +0100", 0.0),
        ("Tue, 14 Nov 2023 22:13:30", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799.0 - NOW),
        ("", None),
        ("-1", None),
        ("30.0", 30.0),
        ("0.5", 1.0),
        ("1.5", 2.0),
        ("7.", 7.0),
        (".25", 1.0),
        ("0.0", 0.0),
        ("1." + "0" * 5000 + "1", 1.0),
        ("9" * 40 + ".5", math.inf),
        ("1.5.5", None),
        ("1,5", None),
        (".", None),
        ("-0.5", None),
        ("+1.5", None),
        ("1.5e9", None),
        ("0x1.8", None),
        ("1_000.5", None),
        ("٣.5", None),
        ("1e9", None),
        ("NaN", None),
        ("inf", None),
        ("soon", None),
        ("٣", None),
        ("Tue, 14 Nov 100000 22:13:30 GMT", None),
        ("Tue, 99 Nov 2023 99:99:99 GMT", None),
        ("\x00", None),
    ],
)
def test_a_retry_after_is_read_or_ignored(value: str, seconds: float | None) -> None:
    """Seconds, a fraction rounded up, and dates are read; anything else is ignored, nothing raises."""
    assert retry_after_seconds({"retry-after": value}, now=NOW) == seconds


def test_a_date_is_compared_with_the_answer_s_own_date() -> None:
    """A server whose clock is an hour ahead still means ten seconds."""
    headers = {"retry-after": "Tue, 14 Nov 2023 23:13:30 GMT", "date": "Tue, 14 Nov 2023 23:13:20 GMT"}
    assert retry_after_seconds(headers, now=NOW) == 10.0


@given(st.text())
def test_no_retry_after_raises_or_is_negative(value: str) -> None:
    """Any header at all gives None or a number of seconds from 0."""
    seconds = retry_after_seconds({"retry-after": value, "date": value}, now=NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, math.inf))
def test_a_pause_is_bounded_and_never_shorter_than_asked(attempt: int, draw: float, asked: float | None) -> None:
    """Full jitter below a doubling bound, but what the server asked for is waited, up to the cap."""
    policy = RetryPolicy(draw=lambda: draw)
    pause = policy.pause(attempt, asked)
    assert 0 <= pause <= max(policy.cap, policy.retry_after_cap)
    if asked is None:
        assert pause == draw * min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 64))
    else:
        assert pause >= min(asked, policy.retry_after_cap)


@given(st.integers(100, 599).filter(lambda status: not 200 <= status < 300), st.booleans())
def test_a_write_is_sent_again_only_when_it_is_known_not_to_have_been_applied(status: int, writes: bool) -> None:
    """Of all statuses 429 alone lets a write go out again; a read may also follow 408 and 5xx."""
    error = error_class(status)("", status=status)
    allowed = {429} if writes else {408, 429, *range(100, 200), *range(500, 600)}
    assert may_send_again(writes=writes, error=error) is (status in allowed)


def test_a_write_that_was_never_sent_may_be_sent() -> None:
    """Without a connection nothing was applied; after a timeout something may have been."""
    assert may_send_again(writes=True, error=CopassConnectError(""))
    assert not may_send_again(writes=True, error=CopassTimeoutError(""))
    assert may_send_again(writes=False, error=CopassTimeoutError(""))
