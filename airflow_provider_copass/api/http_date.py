"""Dates in the headers of an answer (RFC 9110, section 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read_http_date(text: str) -> datetime | None:
    """Read a date; one without a zone is UTC.

    :param text: such as ``Tue, 14 Nov 2023 22:13:20 GMT``.
    :return: in UTC; None if it is no date, or one that no ``datetime`` can hold.
    """
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
