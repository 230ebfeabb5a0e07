"""What error trackers record of an exception: sentry-sdk's event, a rich traceback with locals, and every local of all.

sentry-sdk records ten locals of a frame, rich all of them but with a layout of its own; so the frames are also walked
here, and each local is shown whole.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import pytest
import sentry_sdk
from rich.traceback import Traceback
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

import airflow_provider_copass

PACKAGE = str(Path(airflow_provider_copass.__file__).parent)
# The doors themselves; and a lock: a line event comes between the body of a ``with`` and its end, where no signal does.
_LEFT_OUT = {str(Path(PACKAGE) / name) for name in ("_tracebacks.py", "client_logs.py")}


class _Kept(Transport):
    """Keeps what would be sent to sentry."""

    def __init__(self) -> None:
        super().__init__({})
        self.sent: list[str] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep it."""
        self.sent.append(envelope.serialize().decode())


class Recorded:
    """An exception that left a call, and what trackers made of it and of what was logged meanwhile.

    :param error: the exception.
    :param shown: the text of each tracker.
    """

    def __init__(self, error: BaseException, shown: dict[str, str]) -> None:
        self.error = error
        self.shown = shown

    @property
    def own_frames(self) -> list[str]:
        """The names of this package's functions in the traceback."""
        codes = [frame.f_code for frame in frames_of(self.error)]
        return [code.co_name for code in codes if "airflow_provider_copass" in code.co_filename]

    def check(self, *canaries: str) -> None:
        """Fail if a canary is anywhere."""
        found = [(tracker, canary) for tracker, text in self.shown.items() for canary in canaries if canary in text]
        if found:
            places = [place for place in _places(self.error) if any(canary in place for canary in canaries)]
            pytest.fail(f"seen by trackers: {found}\n" + "\n".join(place[:300] for place in places))


def record(act: Callable[[], object]) -> Recorded | None:
    """Call something that fails, as a task runner does that has an error tracker.

    :param act: what fails.
    :return: None if it did not fail.
    """
    with sentry_sdk.isolation_scope() as scope, sentry_sdk.new_scope() as inner:
        scope.set_client(_CLIENT)
        inner.set_client(_CLIENT)
        _KEPT.sent = []
        try:
            # In a context of its own: InterruptedAt also raises where no signal does, such as at the line that would
            # take back the mark of a call.
            copy_context().run(act)
        except BaseException as error:  # noqa: BLE001 - what left is what is looked at
            return _recorded(error, "\n".join(_KEPT.sent))
        return None


def _recorded(error: BaseException, logged: str) -> Recorded:
    _KEPT.sent = []
    sentry_sdk.capture_exception(error)
    assert _KEPT.sent
    shown = {
        "sentry": "\n".join(_KEPT.sent),
        "logs with their frames": logged,
        "rich": _rich(error),
        "locals": "\n".join(_places(error)),
    }
    return Recorded(error, shown)


def recorded(act: Callable[[], object]) -> Recorded:
    """Call something that has to fail; otherwise as :func:`record`."""
    seen = record(act)
    assert seen is not None, "nothing was raised"
    return seen


def _of_ours(event: Any) -> Any:
    """Leave the frames that are not of this package out of a log line's event.

    Those of pytest and of the tests hold what is searched for. Airflow 2 logs a connection that it cannot read with its
    own frames.
    """
    if "logger" in event:
        logged = [*event.get("threads", {}).get("values", []), *event.get("exception", {}).get("values", [])]
        for each in logged:
            trace = each.get("stacktrace") or {"frames": []}
            trace["frames"] = [frame for frame in trace["frames"] if str(frame.get("abs_path")).startswith(PACKAGE)]
    return event


_KEPT = _Kept()
_CLIENT = sentry_sdk.Client(
    dsn="http://key@127.0.0.1:9/1",
    transport=_KEPT,
    auto_enabling_integrations=False,
    # Every line of the log is an event with the locals of the frames that logged it.
    integrations=[LoggingIntegration(level=logging.DEBUG, event_level=logging.INFO)],
    attach_stacktrace=True,
    max_value_length=1_000_000,
    before_send=lambda event, _: _of_ours(event),
    shutdown_timeout=0,
)


def _rich(error: BaseException) -> str:
    """Return what rich shows of the locals; it is not laid out on a page, which takes most of a second."""
    trace = Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=10_000,
        locals_max_string=1_000_000,
    )
    return "\n".join(
        [f"{stack.exc_type}: {stack.exc_value}" for stack in trace.stacks]
        + [
            f"{frame.name} {name} = {node}"
            for stack in trace.stacks
            for frame in stack.frames
            for name, node in (frame.locals or {}).items()
        ]
    )


def _places(error: BaseException) -> Iterator[str]:
    """Show everything that an exception leads to: texts, notes, locals of every frame."""
    for each in _chain(error, set()):
        yield f"{type(each).__name__}: {each!r} {each} {getattr(each, '__notes__', [])}"
        for frame in frames_of(each):
            for name, value in list(frame.f_locals.items()):
                yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name} {name} = {_shown(value)}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - half of an object, in the frame of its constructor
        return f"<no repr: {type(error).__name__}>"


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Return the frames of an exception's own traceback."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _chain(error: BaseException | None, seen: set[int]) -> Iterable[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (error.__cause__, error.__context__, *inner):
        yield from _chain(each, seen)


class InterruptedAt:
    """Raises at the n-th line of the package's code that runs in this thread, as a signal's handler does.

    :param n: which line; 0 to only count them.
    :param error: what to raise there.
    """

    def __init__(self, n: int, error: BaseException) -> None:
        self._n = n
        self._error = error
        self.lines = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE) or file in _LEFT_OUT or "emulator" in file:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._n:
                raise self._error
        return self._trace
