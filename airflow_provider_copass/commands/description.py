"""The commands as data: what each is called, takes and says of itself. Both command lines are made of it.

Airflow reads it on every start, so it imports nothing of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONN_ID_DEFAULT = "copass_default"
IF_EXISTS = ("reuse", "update", "fail")
ON_MISSING_SECRET = ("fail", "rotate", "ignore")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a command.

    :param flags: its flags, or its name.
    :param options: what :meth:`argparse.ArgumentParser.add_argument` takes beside them.
    """

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    :param name: what it is called.
    :param help: the line in the list of commands.
    :param description: what its own help begins with.
    :param run: the dotted path of the function that runs it, given the arguments that were parsed.
    :param arguments: what it takes.
    """

    name: str
    help: str
    description: str
    run: str
    arguments: tuple[Argument, ...]


_CONN_ID = Argument(
    ("--conn-id",),
    {"default": CONN_ID_DEFAULT, "help": f"the Airflow connection, of type copass; default: {CONN_ID_DEFAULT}"},
)
_SANDBOX_ID = Argument(("--sandbox-id",), {"help": "the sandbox; default: that of the connection"})
_OUTPUT = Argument(
    ("-o", "--output"),
    {"choices": ("table", "json"), "default": "table", "help": "table, for a person; or json, for a program"},
)

COMMANDS = (
    Command(
        name="check",
        help="Test a Copass connection: one call, one line, exit code 0 or 1",
        description=(
            "Make one call with an Airflow connection of type copass, and print one line: what it reached, or what to "
            "change. The exit code is 0 if it worked, else 1. The connection is read as Airflow's own commands read "
            "it: from the environment, the secrets backend or the metadata database. Airflow's own test need not be "
            "enabled for it."
        ),
        run="airflow_provider_copass.commands.check.run",
        arguments=(_CONN_ID,),
    ),
    Command(
        name="sources",
        help="List the data sources of a sandbox",
        description=(
            "List the data sources of a sandbox, those that are archived or disconnected too. Of a source neither the "
            "webhook secret nor adapter_config is shown."
        ),
        run="airflow_provider_copass.commands.sources.run",
        arguments=(_CONN_ID, _SANDBOX_ID, _OUTPUT),
    ),
    Command(
        name="plan",
        help="Tell what registering the sources of a manifest would do, and do nothing of it",
        description=(
            "Tell of each source of a manifest whether RegisterSourcesOperator would create it, update it or leave it "
            "unchanged, and why it would fail. Nothing is changed: no request that changes anything is sent, and no "
            "Variable is written. The exit code is 0, or 1 if a source would fail or no plan can be made."
        ),
        run="airflow_provider_copass.commands.plan.run",
        arguments=(
            Argument(("manifest",), {"metavar": "MANIFEST", "help": "a YAML or JSON file with the list of sources"}),
            _CONN_ID,
            _SANDBOX_ID,
            Argument(
                ("--if-exists",),
                {
                    "choices": IF_EXISTS,
                    "default": IF_EXISTS[0],
                    "help": f"what the operator is to do with a source that exists; default: {IF_EXISTS[0]}",
                },
            ),
            Argument(
                ("--on-missing-secret",),
                {
                    "choices": ON_MISSING_SECRET,
                    "default": ON_MISSING_SECRET[0],
                    "help": (
                        "what it is to do about a webhook secret that is not in the store; default: "
                        f"{ON_MISSING_SECRET[0]}"
                    ),
                },
            ),
            Argument(
                ("--secret-store",),
                {
                    "help": (
                        "where secrets are stored: variable, backend or the dotted path of a SecretStore; default: "
                        "[copass] secret_store of Airflow's configuration, else variable"
                    )
                },
            ),
            Argument(
                ("--store-as",),
                {"help": "the key of each secret; default: [copass] store_as of Airflow's configuration"},
            ),
            Argument(
                ("--detailed-exitcode",),
                {
                    "action": "store_true",
                    "help": "end with exit code 3 unless every source is unchanged, or 1 if one would fail",
                },
            ),
            _OUTPUT,
        ),
    ),
    Command(
        name="entries",
        help="List the journal of what was registered, or forget one entry of it",
        description=(
            "List the journal that the operators keep in Airflow Variables: for each source whether its registration "
            "is pending, and whose it is, or completed, or whether it was deleted (tombstone). It is read from "
            "Airflow's metadata database, so run this where that can be reached."
        ),
        run="airflow_provider_copass.commands.entries.run",
        arguments=(
            Argument(
                ("--conn-id",),
                {
                    "help": (
                        "also show the provider and the name of each entry's source, as far as this connection's "
                        "sandbox has it; without it no request is sent"
                    )
                },
            ),
            _SANDBOX_ID,
            Argument(("--forget",), {"metavar": "KEY", "help": "remove the entry of this key, once you have agreed"}),
            Argument(("-y", "--yes"), {"action": "store_true", "help": "agree to it beforehand"}),
            _OUTPUT,
        ),
    ),
)
