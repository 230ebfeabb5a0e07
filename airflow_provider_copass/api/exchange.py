"""One call from the first attempt to its result, without a socket or a clock.

What to send, how long to pause, and what an answer means are decided here.

A driver pumps the generator: it sends what is yielded, or pauses as long as is yielded, and hands back the outcome.
:mod:`~airflow_provider_copass.api.client` does so with and without ``async``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from pydantic_core import from_json

from airflow_provider_copass.api.answers import STATUS, UnusableAnswerError
from airflow_provider_copass.api.requests import RULES
from airflow_provider_copass.api.retry import may_send_again, retry_after_seconds
from airflow_provider_copass.errors import (
    ConnectFailure,
    CopassAnswerError,
    CopassCallError,
    CopassConnectError,
    CopassConnectionLostError,
    CopassServerError,
    CopassStatusError,
    CopassTimeoutError,
    CopassTransportError,
    error_class,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.api.retry import RetryPolicy

T = TypeVar("T")

MOST_BYTES = 24 * 1024 * 1024
"""The longest answer that is read; a thousand sources take some 2 MiB."""

MOST_VALUES = 250_000
"""How many values an answer may hold: read, one takes a hundred bytes or more, however short it was. A thousand sources
hold some 20,000."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_ADVICE = {
    401: "The token is not accepted: check it, and whether it has expired (a JWT lives about an hour).",
    403: "The token may not do this in this sandbox, or the sandbox's quota is used up.",
    404: "No such sandbox or source for this token: check sandbox_id, the data source id and the host.",
    409: "The state of the source or sandbox does not allow it.",
    429: "Too many requests; this one was not carried out.",
}


@dataclass(frozen=True, slots=True)
class Send:
    """Ask the driver to send this; it hands back a :class:`Reply`, a :class:`NoReply` or a :class:`ConnectFailure`."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Ask the driver to wait this many seconds; it hands back None.

    :param seconds: how many.
    :param failure: why: how the attempt before it failed.
    """

    seconds: float
    failure: CopassCallError


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    is_too_long: bool = False


class NoReply(Enum):
    """Why there is no answer to a request that was sent, or may have been."""

    TIMED_OUT = "no answer in time"
    LOST = "the connection broke before the answer was whole"


_NO_REPLY_ERRORS: dict[NoReply, type[CopassTransportError]] = {
    NoReply.TIMED_OUT: CopassTimeoutError,
    NoReply.LOST: CopassConnectionLostError,
}


def exchange(
    call: Call[T],
    policy: RetryPolicy,
    *,
    now: Callable[[], float],
    is_private: Callable[[str], bool] = lambda _: False,
) -> Generator[Send | Pause, Reply | NoReply | ConnectFailure | None, T]:
    """Send one call, several times if the policy allows it, and return its result.

    :param call: the call.
    :param policy: when to send it again.
    :param now: seconds since the epoch.
    :param is_private: whether a text from the server holds the token, so that no message may repeat it. (Not the token
        itself: an error tracker may record this frame's locals.)
    :return: what the call returns.
    :raises CopassCallError: the failure of the last attempt.
    """
    content = None if call.body is None else json.dumps(call.body, separators=(",", ":")).encode()
    send = Send(call.method, call.path, call.query, content)
    attempt = 1
    while True:
        outcome = yield send
        if isinstance(outcome, Reply) and 200 <= outcome.status < 300 and not outcome.is_too_long:  # noqa: PLR2004 - 2xx
            result = _result(call, outcome, is_private)
            if not isinstance(result, CopassCallError):
                return result
            error: CopassCallError = result
        else:
            error = _failure(call, outcome, now(), is_private)
        # An error tracker may record a frame's locals: this one holds no answer when it raises.
        outcome = None
        is_once = call.writes and not call.may_repeat
        if attempt >= policy.max_attempts or not may_send_again(writes=is_once, error=error):
            raise error
        retry_after = error.retry_after if isinstance(error, CopassStatusError) else None
        yield Pause(policy.pause(attempt, retry_after), error)
        attempt += 1


def _result(call: Call[T], reply: Reply, is_private: Callable[[str], bool]) -> T | CopassAnswerError:
    """Read a good answer, or make the error that says why it cannot be read."""
    try:
        return call.read(_json(reply), {**reply.headers, STATUS: str(reply.status)})
    except UnusableAnswerError as unusable:
        reason, fields = unusable.reason, unusable.fields
    except ValueError:
        is_html = reply.body[:1000].lstrip()[:1] == b"<"
        reason = "it is HTML, as from a proxy or a login page" if is_html else "it is not JSON"
        fields = ()
    # Made out here: the exceptions above, and the answer in their frames, are no context of this one.
    return _answer_error(call, reason, fields, _request_id(reply, is_private))


def _json(reply: Reply) -> object:
    """Read an answer's JSON; None for an empty answer.

    :raises UnusableAnswerError: if it is compressed, or would take too much memory.
    :raises ValueError: if it is not JSON.
    """
    if reply.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise UnusableAnswerError("it is compressed, which was not asked for")
    body = reply.body
    if not body or body.isspace():
        return None
    # Each value but the first has one of these before it.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise UnusableAnswerError(f"it holds more than {MOST_VALUES:,} values")
    # Bounds its depth, where json.loads would end in a RecursionError.
    return from_json(body, allow_inf_nan=False)


def _failure(
    call: Call[T], outcome: Reply | NoReply | ConnectFailure | None, now: float, is_private: Callable[[str], bool]
) -> CopassCallError:
    """Make the error of an attempt without a usable answer."""
    if isinstance(outcome, ConnectFailure):
        return CopassConnectError(
            f"{call.operation}: no connection could be made, so nothing was sent: {outcome.value}.",
            operation=call.operation,
            reason=outcome,
        )
    if isinstance(outcome, NoReply):
        kind_of_loss = _NO_REPLY_ERRORS[outcome]
        note = _maybe_applied_note(call, kind_of_loss)
        return kind_of_loss(f"{call.operation}: {outcome.value}.{note}", operation=call.operation)
    if outcome is None:  # a driver's mistake, not a server's
        raise TypeError("a Send was answered with nothing")
    request_id = _request_id(outcome, is_private)
    if outcome.is_too_long and 200 <= outcome.status < 300:  # noqa: PLR2004 - 2xx
        return _answer_error(call, f"it is longer than {MOST_BYTES // 1024 // 1024} MiB", (), request_id)
    kind = error_class(outcome.status)
    fields = _refused_fields(outcome)
    sentences = [f"{call.operation}: the server answered {outcome.status}."]
    if 300 <= outcome.status < 400:  # noqa: PLR2004 - 3xx
        sentences.append("A redirect is not followed, since it would get the token: check the host of the connection.")
    elif outcome.status in _ADVICE:
        sentences.append(_ADVICE[outcome.status])
    elif kind is CopassServerError:
        sentences.append("It, or a proxy before it, failed: try again later.")
    if fields:
        sentences.append(f"It refused: {', '.join(fields)}.")
    if request_id:
        sentences.append(f"Request id: {request_id}.")
    return kind(
        " ".join(sentences) + _maybe_applied_note(call, kind),
        operation=call.operation,
        status=outcome.status,
        request_id=request_id,
        fields=fields,
        retry_after=retry_after_seconds(outcome.headers, now=now),
    )


def _answer_error(call: Call[T], reason: str, fields: tuple[str, ...], request_id: str | None) -> CopassAnswerError:
    """Make the error of an answer that cannot be used."""
    named = f" ({', '.join(fields)})" if fields else ""
    asked = f" Request id: {request_id}." if request_id else ""
    return CopassAnswerError(
        f"{call.operation}: the answer cannot be used: {reason}{named}. Check that the connection's host is the Copass "
        f"API and no proxy answers in its place.{asked}{_maybe_applied_note(call, CopassAnswerError)}",
        operation=call.operation,
        request_id=request_id,
        fields=fields,
    )


def _maybe_applied_note(call: Call[T], kind: type[CopassCallError]) -> str:
    """Return a sentence for a write that may have been applied although it failed."""
    return " It may have been carried out all the same." if call.writes and kind.maybe_applied else ""


def _request_id(reply: Reply, is_private: Callable[[str], bool]) -> str | None:
    """Return the server's id of the request if it is well-formed and does not hold the token."""
    given = reply.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) and not is_private(given) else None


def _refused_fields(reply: Reply) -> tuple[str, ...]:
    """Return the request's fields that a 422 complains about: known names only, since it echoes what was sent."""
    if reply.status != 422 or reply.is_too_long:  # noqa: PLR2004 - Unprocessable Content
        return ()
    try:
        answer = _json(reply)
    except (ValueError, UnusableAnswerError):
        return ()
    problems = answer.get("detail") if isinstance(answer, dict) else None
    named: set[str] = set()
    for problem in problems if isinstance(problems, list) else ():
        path = problem.get("loc") if isinstance(problem, dict) else None
        named.update(part for part in path if isinstance(part, str)) if isinstance(path, list) else None
    return tuple(name for name in RULES if name in named)
