"""The commands for Airflow's own command line; Airflow 3.2 and later ask for them on every start."""

from __future__ import annotations

from typing import Any

from airflow_provider_copass.airflow_compat import cli_config
from airflow_provider_copass.commands.description import COMMANDS


def get_commands() -> list[Any]:
    """Return the group ``airflow copass``; named in the provider's description, under ``cli``."""
    config = cli_config()
    actions = tuple(
        config.ActionCommand(
            name=command.name,
            help=command.help,
            description=command.description,
            func=config.lazy_load_command(command.run),
            args=tuple(config.Arg(argument.flags, **argument.options) for argument in command.arguments),
        )
        for command in COMMANDS
    )
    return [config.GroupCommand(name="copass", help="Work with Copass", subcommands=actions)]
