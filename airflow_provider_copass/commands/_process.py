"""What every command does with its process: its output is all that is printed, and a failure is one line."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from airflow_provider_copass.airflow_compat import suppress_airflow_logs
from airflow_provider_copass.commands import INTERRUPTED
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.operators._report import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CommandError(Exception):
    """Ends a command with exit code 1 and one line: what is wrong, and what to do."""


class _OutputError(Exception):
    """Ends a command with exit code 1 and one line, which does not say that nothing was done."""


@contextmanager
def quiet() -> Iterator[None]:
    """Print nothing but the command's own output: Airflow and httpx log, and Airflow logs the warnings of libraries."""
    logging.disable(logging.CRITICAL)
    with suppress_airflow_logs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run_command(not_done: str, act: Callable[[], int]) -> None:
    """Run a command.

    :param not_done: what was not done if it fails, such as ``No source was listed``.
    :param act: does its work, and returns its exit code.
    :raises SystemExit: with that code if it is not 0, and with 1 if it fails.
    """
    try:
        with quiet():
            code = act()
    except BrokenPipeError:
        # Who reads the output has seen enough.
        code = 1
    except _OutputError as error:
        write_error(str(error))
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (CommandError, CopassError) as error:
        # What a message has in lines, such as the entries of a manifest that are refused, is one here.
        write_error(f"{not_done}: {error}".replace("\n", " "))
        code = 1
    except Exception as error:  # noqa: BLE001 - no traceback, whose lines and text may hold anything
        write_error(
            f"{not_done}: an unexpected {type(error).__name__} was raised{_place(error)}. Its text is not shown, since "
            "it may hold a credential. Please report it."
        )
        code = 1
    if code:
        raise SystemExit(code)


def write_line(line: str) -> None:
    """Write a line that cannot break the terminal to the standard output.

    :param line: the line.
    """
    _write(_printable(line, sys.stdout))


def write_json(value: object) -> None:
    """Write a value as JSON to the standard output, in ASCII alone.

    :param value: the value.
    """
    _write(json.dumps(value, indent=2, ensure_ascii=True))


def write_error(line: str, *, end: str = "\n") -> None:
    """Write a line that cannot break the terminal to the standard error. If that is not possible, the exit code tells.

    :param line: the line.
    :param end: what comes after it.
    """
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(_printable(line, sys.stderr) + end)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _write(text: str) -> None:
    """Write to the standard output, and flush it: what fails only then would fail after the command's end."""
    if sys.stdout is None:
        raise _OutputError("The standard output is closed.")
    failed = ""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        failed = error.strerror or type(error).__name__
    if failed:
        raise _OutputError(f"The standard output cannot be written ({failed}).")


def _discard(stream: TextIO) -> None:
    """Discard what could not be written: at its end Python would try to write it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _printable(line: str, stream: TextIO | None) -> str:
    """Return a line as its stream, if there is one, can write it."""
    encoding = (stream and stream.encoding) or "utf-8"
    return one_line(line).encode(encoding, "replace").decode(encoding)


def _place(error: Exception) -> str:
    """Return where an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
