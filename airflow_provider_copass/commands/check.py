"""The command ``check``: test a connection although Airflow's own test is disabled, as it is by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.commands._connection import require_connection
from airflow_provider_copass.commands._process import CommandError, run_command, write_line
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.hooks import CopassHook

if TYPE_CHECKING:
    import argparse


def check(conn_id: str) -> tuple[bool, str]:
    """Test a connection.

    :param conn_id: its id.
    :return: whether it works, and one line.
    """
    try:
        require_connection(conn_id)
    except (CommandError, CopassInputError) as error:
        return False, str(error)
    worked, said = CopassHook(conn_id).test_connection()
    return worked, f"{conn_id}: {said}"


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    :param arguments: with ``conn_id``.
    :raises SystemExit: with 1 if the connection does not work.
    """
    run_command("The connection was not tested", lambda: _check(arguments.conn_id))


def _check(conn_id: str) -> int:
    worked, said = check(conn_id)
    write_line(said)
    return 0 if worked else 1
