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
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.operators._report import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INTERRUPTED = 130


class CommandError(Exception):
    """Ends a command with exit code 1 and one line: what is wrong, and what to do."""


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
            sys.stdout.flush()
    except BrokenPipeError:
        # Who reads the output has seen enough; at its end Python would try to write the rest once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except (CommandError, CopassError) as error:
        write_line(f"{not_done}: {error}", to=sys.stderr)
        code = 1
    except Exception as error:  # noqa: BLE001 - no traceback, whose lines and text may hold anything
        write_line(
            f"{not_done}: an unexpected {type(error).__name__} was raised{_place(error)}. Its text is not shown, since "
            "it may hold a credential. Please report it.",
            to=sys.stderr,
        )
        code = 1
    if code:
        raise SystemExit(code)


def write_line(line: str, *, to: TextIO | None = None) -> None:
    """Write a line that cannot break the terminal.

    :param line: the line.
    :param to: where to; None for the standard output.
    """
    stream = to or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(one_line(line).encode(encoding, "replace").decode(encoding) + "\n")


def write_json(value: object) -> None:
    """Write a value as JSON to the standard output, in ASCII alone.

    :param value: the value.
    """
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def _place(error: Exception) -> str:
    """Return where an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
