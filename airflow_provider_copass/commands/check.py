"""The command ``check``: test a connection although Airflow's own test is disabled, as it is by default."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

from airflow_provider_copass.airflow_compat import connection_variable, failing_backends, find_connection
from airflow_provider_copass.hooks import CopassHook

if TYPE_CHECKING:
    import argparse

HELP = "Test a Copass connection: one call, one line, exit code 0 or 1"
DESCRIPTION = (
    "Make one call with an Airflow connection of type copass, and print one line: what it reached, or what to change. "
    "The exit code is 0 if it worked, else 1. The connection is read as Airflow's own commands read it: from the "
    "environment, the secrets backend or the metadata database. Airflow's own test need not be enabled for it."
)
CONN_ID = "--conn-id"
CONN_ID_DEFAULT = CopassHook.default_conn_name
CONN_ID_HELP = f"the connection to test; default: {CONN_ID_DEFAULT}"

_DATABASE = "MetastoreBackend"


def check(conn_id: str) -> tuple[bool, str]:
    """Test a connection.

    :param conn_id: its id.
    :return: whether it works, and one line.
    """
    connection = find_connection(conn_id)
    variable = connection_variable(conn_id)
    if os.environ.get(variable) and (connection is None or not (connection.conn_type or connection.password)):
        # Airflow ignores what it cannot read, and reads a text without a scheme as a connection without a type. Valid
        # JSON may have no type either, but then it has the token.
        return False, (
            f"The environment variable {variable} is set, but Airflow cannot read a connection in it. If it is JSON: "
            'is it complete, does it say "conn_type", and is its "extra" an object? If it is a URI: does it begin with '
            "copass://, and are the special signs of the token (/ @ : % # ?) percent-encoded? JSON needs no encoding."
        )
    if connection is None:
        if failing := failing_backends(conn_id):
            return False, _not_read(conn_id, *failing[0])
        return False, (
            f"There is no Airflow connection {conn_id!r} in the environment, the secrets backend or Airflow's "
            "database, as far as these can be read here. Add it, or name another."
        )
    worked, said = CopassHook(conn_id).test_connection()
    return worked, f"{conn_id}: {said}"


def _not_read(conn_id: str, backend: str, raised: type[Exception]) -> str:
    """Say why a connection that may exist cannot be read; Airflow itself says that it does not exist."""
    kind = raised.__name__
    if backend != _DATABASE:
        return (
            f"The secrets backend {backend} cannot be asked for Airflow connection {conn_id!r} ({kind}). Check its "
            "settings, [secrets] backend_kwargs, and whether this machine reaches it."
        )
    if any(each.__module__.startswith("sqlalchemy") for each in raised.__mro__):
        return (
            f"Airflow's database, where Airflow connection {conn_id!r} may be, cannot be read ({kind}). Check that "
            "[database] sql_alchemy_conn is here what Airflow has, and that 'airflow db migrate' was run."
        )
    return (
        f"Airflow connection {conn_id!r} is in Airflow's database, but cannot be decrypted ({kind}). Check that [core] "
        "fernet_key is here the one that it was stored with, or store the connection again."
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    :param arguments: with ``conn_id``.
    :raises SystemExit: with 1 if the connection does not work.
    """
    # The output is one line; Airflow and httpx log lines of their own, and Airflow logs the warnings of libraries.
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        worked, said = check(arguments.conn_id)
    sys.stdout.write(f"{said}\n")
    if not worked:
        raise SystemExit(1)
