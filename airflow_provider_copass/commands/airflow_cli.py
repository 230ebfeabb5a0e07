"""The commands for Airflow's own command line; Airflow 3.2 and later ask for them on every start."""

from __future__ import annotations

from typing import Any

from airflow_provider_copass.airflow_compat import cli_config
from airflow_provider_copass.commands.check import CONN_ID, CONN_ID_DEFAULT, CONN_ID_HELP, DESCRIPTION, HELP


def get_commands() -> list[Any]:
    """Return the group ``airflow copass``; named in the provider's description, under ``cli``."""
    config = cli_config()
    check = config.ActionCommand(
        name="check",
        help=HELP,
        description=DESCRIPTION,
        func=config.lazy_load_command("airflow_provider_copass.commands.check.run"),
        args=(config.Arg((CONN_ID,), help=CONN_ID_HELP, default=CONN_ID_DEFAULT),),
    )
    return [config.GroupCommand(name="copass", help="Work with Copass", subcommands=(check,))]
