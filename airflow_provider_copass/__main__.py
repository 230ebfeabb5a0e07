"""The command ``python -m airflow_provider_copass``, for every Airflow."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_copass import __version__
from airflow_provider_copass.commands import INTERRUPTED
from airflow_provider_copass.commands.description import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    :param argv: its arguments; None takes those of the process.
    :raises SystemExit: with another code than 0 if it fails.
    """
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_copass", description="Work with Copass.")
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.description)
        for argument in command.arguments:
            subparser.add_argument(*argument.flags, **argument.options)
        subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    module, _, function = arguments.run.rpartition(".")
    failed = ""
    try:
        run = getattr(import_module(module), function)
    except KeyboardInterrupt:
        # Most of a command's time is Airflow's import.
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - Airflow reads its configuration as it is imported
        failed = type(error).__name__
    if failed:
        # Not its text: it may be the URL of Airflow's database, password included.
        parser.exit(
            1,
            f"Nothing was done: Airflow, or what this package needs beside it, cannot be imported here ({failed}). "
            "'airflow version' says why.\n",
        )
    run(arguments)


if __name__ == "__main__":
    main()
