"""Filter what httpx and httpcore log of our calls: nothing that a server wrote.

At DEBUG httpcore logs every header of an answer, and at INFO httpx its reason phrase. A server that echoes what it was
sent would put a token there. Calls of other code in the same process are not filtered.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HTTPX = "httpx"
_HTTPCORE = ("httpcore.http11", "httpcore.http2")
_IS_OURS: ContextVar[bool] = ContextVar("copass_call_under_way", default=False)


class _NoServerText(logging.Filter):
    """Drops or replaces a server's text in what is logged during a call of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what httpcore logs of an answer, and replace the reason phrase that httpx logs by the status's name."""
        if not _IS_OURS.get():
            return True
        if record.name != _HTTPX:
            # Headers, and the lines of a malformed answer.
            message = str(record.msg)
            return not message.startswith("receive_response") or ".started" in message
        if isinstance(record.args, tuple) and len(record.args) > 1 and isinstance(record.args[-2], int):
            record.args = (*record.args[:-1], _name_of(record.args[-2]))
        return True


_FILTER = _NoServerText()


def install() -> None:
    """Install the filter; a second time does nothing."""
    for name in (_HTTPX, *_HTTPCORE):
        logging.getLogger(name).addFilter(_FILTER)


@contextmanager
def our_call() -> Iterator[None]:
    """Mark what is logged inside as belonging to a call of ours."""
    before = _IS_OURS.get()
    try:
        # In here: a task's timeout comes by a signal, which may arrive as soon as the mark is set.
        _IS_OURS.set(True)
        yield
    finally:
        # Not by a token: a coroutine that is not awaited to its end is closed in another context.
        _IS_OURS.set(before)


def _name_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
