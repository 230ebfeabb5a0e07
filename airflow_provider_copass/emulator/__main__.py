"""The command ``python -m airflow_provider_copass.emulator``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from airflow_provider_copass.emulator.in_process import Emulator

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN_VARIABLE = "COPASS_EMULATOR_TOKEN"
_END = (signal.SIGTERM, signal.SIGINT)
_LAST_PORT = 65535


def _port(text: str) -> int:
    # So many digits are no port, and Python reads no number of thousands of them.
    if text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_PORT)) and int(text) <= _LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_LAST_PORT}; 0 takes a free one")


def _sandbox(text: str) -> str:
    if text.strip() and text.isprintable() and "/" not in text:
        return text
    raise argparse.ArgumentTypeError("the id of a sandbox is a part of a path: not blank, and without a slash")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_copass.emulator",
        description="Serve an emulated Copass API on 127.0.0.1 until SIGTERM or Ctrl-C.",
    )
    parser.add_argument("--port", type=_port, default=0, help="0, the default, takes a free one")
    parser.add_argument("--token", help=f"the bearer token to ask for; default: ${_TOKEN_VARIABLE}")
    parser.add_argument(
        "--sandbox",
        type=_sandbox,
        action="append",
        metavar="ID",
        help="a sandbox that exists, again for more; default: sb_demo",
    )
    parser.add_argument("--any-sandbox", action="store_true", help="an unknown sandbox is made when first named")
    parser.add_argument("--access-log", action="store_true", help="a line to stderr for each request, without query")
    arguments = parser.parse_args(argv)
    arguments.token = arguments.token or os.environ.get(_TOKEN_VARIABLE)
    if not arguments.token:
        parser.error(f"a token is needed: --token, or ${_TOKEN_VARIABLE}, which the process list does not show")
    if not (arguments.token.isascii() and arguments.token.isprintable() and " " not in arguments.token):
        parser.error("the token holds a space, or another character that cannot stand in a header")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    :param argv: its arguments; None takes those of the process.
    :returns: the exit code.
    """
    arguments = _arguments(argv)
    # Blocked in every thread from now on, so that the wait below is the one place where they arrive.
    signal.pthread_sigmask(signal.SIG_BLOCK, _END)
    emulator = Emulator(
        arguments.token,
        port=arguments.port,
        sandboxes=arguments.sandbox or ["sb_demo"],
        any_sandbox=arguments.any_sandbox,
        report=_to_stderr if arguments.access_log else None,
    )
    try:
        emulator.start()
    except ImportError as failure:
        print(failure, file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"Port {arguments.port}: {failure.strerror}. Without --port it takes a free one.", file=sys.stderr)
        return 1
    try:
        if not _announce(emulator):
            print("Nobody can be told where it is: the standard output cannot be written.", file=sys.stderr)
            return 1
        signal.sigwait(_END)
    finally:
        emulator.stop()
    return 0


def _announce(emulator: Emulator) -> bool:
    """Print where the emulator is; return whether that could be written."""
    try:
        print(json.dumps({"url": emulator.url, "control": emulator.control_url}), flush=True)
    except OSError:
        # At its end Python would try to write the rest once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
