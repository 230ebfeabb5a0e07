"""Errors leave each public door of this package with a fresh traceback.

An error tracker such as sentry, and Airflow 3's rich tracebacks, record the locals of each frame that an exception has
passed, and those of its causes. In the frames of this package, and of the HTTP client below it, these are the token,
secrets and the values of ``adapter_config``. So what a user or Airflow calls is decorated: whatever is raised inside,
a signal's exception such as Airflow's timeout included, keeps its type and its text, and loses the frames, the cause
and the context that it has gathered there.

A log line may be recorded with the frames that log it. So what comes in by a door as ``adapter_config``, or as
``text`` to ingest, goes on inside a :class:`Hidden`, which shows nothing, to the place where the request is made.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction, isfunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

F = TypeVar("F", bound="Callable[..., Any]")
C = TypeVar("C")

_LOG = logging.getLogger(__name__)
_DEPTH: ContextVar[int] = ContextVar("copass_doors_passed", default=0)
"""How many doors this call has come in by: a hook's method passes the client's."""
_PACKAGE = __name__.partition(".")[0]
_SPECIAL = frozenset({"__init__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"})
_HIDDEN = ("adapter_config", "text")
_PASSED = "_copass_passed"
_TELLING = frozenset(
    {
        "AirflowFailException",
        "AirflowRescheduleException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "CancelledError",
        "GeneratorExit",
        "TaskDeferralError",
        "TaskDeferred",
    }
)
"""Exceptions that say all: what our operators and sensors raise in Airflow's own words, and the end of an asynchronous
task."""


class Hidden:
    """Holds a value that no frame shows. It is no mapping, since trackers look into those.

    :param value: the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "***"

    def reveal(self) -> Any:
        """Return the value."""
        return self._value


def reveal(value: Any) -> Any:
    """Return what a value holds, if it is hidden; otherwise the value itself."""
    return value.reveal() if isinstance(value, Hidden) else value


def fresh_traceback(function: F) -> F:
    """Let a function, or a coroutine function, raise everything with a fresh traceback.

    Its own frame is named after the function, and holds nothing when it raises. Of an exception that is none of this
    package, the log says where it was raised.

    :param function: the function.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def door(*args: Any, **kwargs: Any) -> Any:
            _hide(kwargs)
            depth = _DEPTH.get()
            try:
                # In here: a task's timeout comes by a signal, which may arrive as soon as this is set.
                _DEPTH.set(depth + 1)
                return await function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised again below
                del args, kwargs
                failure = _without_frames(error, is_outermost=depth == 0)
            finally:
                _DEPTH.set(depth)
            try:
                raise failure
            finally:
                del failure
    else:

        @wraps(function)
        def door(*args: Any, **kwargs: Any) -> Any:
            _hide(kwargs)
            depth = _DEPTH.get()
            try:
                # In here: a task's timeout comes by a signal, which may arrive as soon as this is set.
                _DEPTH.set(depth + 1)
                return function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised again below
                del args, kwargs
                failure = _without_frames(error, is_outermost=depth == 0)
            finally:
                _DEPTH.set(depth)
            try:
                raise failure
            finally:
                del failure

    named: Any = door
    named.__code__ = named.__code__.replace(co_name=function.__name__, co_qualname=function.__qualname__)
    return cast("F", door)


def fresh_tracebacks(cls: type[C]) -> type[C]:
    """Let every public method and property of a class raise with a fresh traceback.

    :param cls: the class. What it inherits stays as it is.
    """
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in _SPECIAL:
            continue
        if isfunction(member):
            setattr(cls, name, fresh_traceback(member))
        elif isinstance(member, property) and member.fget is not None:
            setattr(cls, name, property(fresh_traceback(member.fget), doc=member.__doc__))
    return cls


def _hide(kwargs: dict[str, Any]) -> None:
    """Hide the arguments that may hold a credential, unless an outer door has."""
    for name in _HIDDEN:
        given = kwargs.get(name)
        if given is not None and not isinstance(given, Hidden):
            kwargs[name] = Hidden(given)


def _without_frames(error: BaseException, *, is_outermost: bool) -> BaseException:
    """Remove from an exception what leads to frames; the outermost door logs where an unexpected one was raised."""
    # The doors further in have left no frames but their own.
    passed = [*_passed(error.__traceback__), *vars(error).pop(_PASSED, ())]
    _clear(error)
    if not is_outermost:
        vars(error)[_PASSED] = passed
    elif not _tells_itself(type(error)):
        _LOG.warning(
            "%s was raised at %s. Its traceback is not kept, since frames may hold credentials.",
            type(error).__name__,
            " > ".join(passed),
        )
    return error


def _tells_itself(kind: type[BaseException]) -> bool:
    """Tell whether an exception is one of this package's, or another one whose text says all."""
    return kind.__module__.partition(".")[0] == _PACKAGE or kind.__name__ in _TELLING


def _clear(error: BaseException) -> None:
    for name in ("__traceback__", "__cause__", "__context__"):
        # Past what a class does in its own __setattr__, such as a frozen dataclass.
        BaseException.__setattr__(error, name, None)
    if getattr(error, "__notes__", None):
        # A note may show what its writer had in hand.
        error.__notes__.clear()
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        _clear(inner)


def _passed(trace: TracebackType | None) -> Iterator[str]:
    """Return the file, the line and the function of each frame, the outermost first; this module's own are left out."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != _passed.__code__.co_filename:
            # The end of a path tells the module.
            file = "/".join(code.co_filename.replace("\\", "/").split("/")[-3:])
            yield f"{file}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
