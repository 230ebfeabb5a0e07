"""The command ``plan``: what registering the sources of a manifest would do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_copass.airflow_variables import AirflowVariables, read_stored
from airflow_provider_copass.api.requests import is_blank
from airflow_provider_copass.commands._arguments import read_argument
from airflow_provider_copass.commands._connection import hook_of
from airflow_provider_copass.commands._process import CommandError, run_command, write_error, write_json, write_line
from airflow_provider_copass.operators._manifest import padded_entries, read_sources
from airflow_provider_copass.operators._manifest_file import Manifest, has_templates
from airflow_provider_copass.operators._report import outcome_counts, outcome_table, plan_rows
from airflow_provider_copass.operators._runtime import WallClock, new_token, timing_for
from airflow_provider_copass.operators.register_sources import check_locations
from airflow_provider_copass.registration import Owner, Runtime, SourceSpec, plan_many
from airflow_provider_copass.registration.journal import ENTRY_PREFIX, entry_name
from airflow_provider_copass.secret_stores.configured import secret_store_of, store_key_of

if TYPE_CHECKING:
    import argparse

    from airflow_provider_copass.api.requests import RegisterSource
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Outcome
    from airflow_provider_copass.secret_stores import SecretStore

_WOULD_CHANGE = 3


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    :param arguments: with ``manifest``, ``conn_id``, ``sandbox_id``, ``if_exists``, ``on_missing_secret``,
        ``secret_store``, ``store_as``, ``detailed_exitcode`` and ``output``.
    :raises SystemExit: with 1 if a source would fail or no plan can be made; with ``detailed_exitcode``, with 3 unless
        every source is unchanged.
    """
    run_command("No plan was made", lambda: _plan(arguments))


def _plan(arguments: argparse.Namespace) -> int:
    store = secret_store_of(arguments.secret_store, may_write=False)
    store_as = arguments.store_as
    store_key = store_key_of(None if store_as is None else read_argument("--store-as", store_as))
    sources = _read_manifest(arguments.manifest)
    with hook_of(arguments.conn_id, arguments.sandbox_id) as hook:
        specs = [
            SourceSpec(
                sandbox_id=hook.sandbox_id,
                source=source,
                if_exists=arguments.if_exists,
                on_missing_secret=arguments.on_missing_secret,
                store_key=store_key,
            )
            for source in sources
        ]
        check_locations(specs, store)
        _check_journal(specs)
        planned = plan_many(specs, _runtime(hook, store)) if specs else []
    _report(planned, is_json=arguments.output == "json")
    outcomes = {outcome.outcome for outcome in planned}
    if "failed" in outcomes:
        count = sum(outcome.outcome == "failed" for outcome in planned)
        write_error(
            f"{count} of {len(planned)} sources would fail. Nothing was changed. The plan says why, and what to do."
        )
        return 1
    return _WOULD_CHANGE if arguments.detailed_exitcode and outcomes - {"unchanged"} else 0


def _read_manifest(path: str) -> list[RegisterSource]:
    """Read the sources.

    :raises CommandError: if the path is blank, or the manifest has templates.
    :raises CopassInputError: if it cannot be read, or an entry breaks a rule.
    """
    if is_blank(path):
        # An empty one is the current folder.
        raise CommandError("MANIFEST is blank. Give the path of a file, and check the variable that it is from.")
    manifest = Manifest.at(path, beside=None)
    listed = manifest.read()
    if has_templates(listed):
        raise CommandError(
            f"The manifest {manifest.name!r} has templates, which only a task can render. Run the task of its "
            "RegisterSourcesOperator with plan_only=True."
        )
    sources = read_sources(listed, origin=manifest.name)
    if entries := padded_entries(sources, manifest.name):
        write_error(
            f"{entries} begin or end with white space, or with a character that cannot be seen, and are used as they "
            "are."
        )
    return sources


def _check_journal(specs: list[SourceSpec]) -> None:
    """Refuse to plan without the journal: Airflow reads an entry that it cannot decrypt as one that is not there.

    :raises CommandError: if an entry of one of the sources cannot be decrypted.
    :raises JournalError: if Airflow's database cannot be read.
    """
    stored = read_stored(ENTRY_PREFIX)
    hidden = [spec.label for spec in specs if stored.get(entry_name(spec.identity), "") is None]
    if hidden:
        raise CommandError(
            f"The journal entry of {hidden[0]} cannot be decrypted. Check that [core] fernet_key is here the one that "
            "it was stored with."
        )


def _runtime(hook: CopassHook, store: SecretStore) -> Runtime:
    """Return what a plan works with. It writes nothing, so no task instance stands behind it."""
    return Runtime(
        client=hook.get_conn(),
        sandbox_id=hook.sandbox_id,
        secrets=store,
        journal=AirflowVariables(may_write=False),
        log=logging.getLogger(__name__),
        clock=WallClock(),
        owner=Owner(dag_id="", run_id="", task_id="", map_index=-1, try_number=0),
        token=new_token(),
        timing=timing_for(hook.connection.settings),
    )


def _report(planned: list[Outcome], *, is_json: bool) -> None:
    """Print the plan: what the operator logs, and with JSON what it returns."""
    if is_json:
        write_json(plan_rows(planned))
        return
    if planned:
        for line in outcome_table(planned, most_rows=None):
            write_line(line)
    write_line(f"{len(planned)} sources: {outcome_counts(planned)}.")
