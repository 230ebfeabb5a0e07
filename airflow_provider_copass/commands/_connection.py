"""From the id of an Airflow connection to the hook, with a line for each reason why there is none."""

from __future__ import annotations

import os

from airflow_provider_copass.airflow_compat import failing_backends, find_connection
from airflow_provider_copass.commands._arguments import read_argument
from airflow_provider_copass.commands._process import CommandError
from airflow_provider_copass.hooks import CopassHook

_DATABASE = "MetastoreBackend"


def require_connection(conn_id: str) -> None:
    """Look for a connection.

    :param conn_id: its id.
    :raises CommandError: if there is none, or it cannot be read.
    :raises CopassInputError: if the id is no text that can be asked for.
    """
    read_argument("--conn-id", conn_id)
    connection = find_connection(conn_id)
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable) and (connection is None or not (connection.conn_type or connection.password)):
        # Airflow ignores what it cannot read, and reads a text without a scheme as a connection without a type. Valid
        # JSON may have no type either, but then it has the token.
        raise CommandError(
            f"The environment variable {variable} is set, but Airflow cannot read a connection in it. If it is JSON: "
            'is it complete, does it say "conn_type", and is its "extra" an object? If it is a URI: does it begin with '
            "copass://, and are the special signs of the token (/ @ : % # ?) percent-encoded? JSON needs no encoding."
        )
    if connection is None:
        if failing := failing_backends(conn_id):
            raise CommandError(_not_read(conn_id, *failing[0]))
        raise CommandError(
            f"There is no Airflow connection {conn_id!r} in the environment, the secrets backend or Airflow's "
            "database, as far as these can be read here. Add it, or name another."
        )


def hook_of(conn_id: str, sandbox_id: str | None) -> CopassHook:
    """Return the hook of a connection and a sandbox.

    :param conn_id: the connection's id.
    :param sandbox_id: the sandbox; None for the connection's.
    :raises CommandError: if there is no such connection, or neither names a sandbox.
    :raises CopassInputError: if a field of the connection, or the sandbox's id, breaks its rule.
    """
    if sandbox_id is not None:
        read_argument("--sandbox-id", sandbox_id)
    require_connection(conn_id)
    hook = CopassHook(conn_id, sandbox_id)
    if sandbox_id is None and hook.connection.sandbox_id is None:
        raise CommandError(
            f"Airflow connection {conn_id!r} names no sandbox. Give one with --sandbox-id, or put a default into the "
            "extra of the connection."
        )
    # Read here, so that a bad one is refused before anything else is done.
    _ = hook.sandbox_id
    return hook


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
