"""The command ``sources``: what a sandbox holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.commands._connection import hook_of
from airflow_provider_copass.commands._process import run_command, write_json, write_line
from airflow_provider_copass.operators._report import table

if TYPE_CHECKING:
    import argparse

    from airflow_provider_copass.api import Source

_HEAD = ("data source id", "provider", "name", "mode", "status", "last sync")
_WIDEST = 80


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    :param arguments: with ``conn_id``, ``sandbox_id`` and ``output``.
    :raises SystemExit: with 1 if the sources cannot be listed.
    """
    run_command("No source was listed", lambda: _list(arguments))


def _list(arguments: argparse.Namespace) -> int:
    with hook_of(arguments.conn_id, arguments.sandbox_id) as hook:
        sources = sorted(hook.list_sources(), key=lambda each: (each.provider, each.name, each.data_source_id))
    if arguments.output == "json":
        write_json([source.summary() for source in sources])
    elif not sources:
        write_line("The sandbox holds no source.")
    else:
        for line in table(_HEAD, [_row(source) for source in sources]):
            write_line(line)
    return 0


def _row(source: Source) -> tuple[str, ...]:
    """Return a row of the table. The id is whole; the server's other texts may be of any length."""
    texts = (source.provider, source.name, source.ingestion_mode, source.status)
    synced = source.last_sync_at
    return (
        source.data_source_id,
        *(text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…" for text in (each or "-" for each in texts)),
        "-" if synced is None else synced.strftime("%Y-%m-%d %H:%M:%SZ"),
    )
