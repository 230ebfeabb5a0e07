"""The command ``python -m airflow_provider_copass``, for every Airflow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_copass import __version__
from airflow_provider_copass.commands import check

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    :param argv: its arguments; None takes those of the process.
    :raises SystemExit: with another code than 0 if it fails.
    """
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_copass", description="Work with Copass.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    checking = commands.add_parser("check", help=check.HELP, description=check.DESCRIPTION)
    checking.add_argument(check.CONN_ID, help=check.CONN_ID_HELP, default=check.CONN_ID_DEFAULT)
    checking.set_defaults(run=check.run)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
