"""The command ``entries``: the journal of what was registered."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.airflow_variables import read_stored, remove_stored
from airflow_provider_copass.commands._connection import hook_of
from airflow_provider_copass.commands._process import CommandError, run_command, write_error, write_json, write_line
from airflow_provider_copass.errors import EntryFormatError
from airflow_provider_copass.operators._report import table
from airflow_provider_copass.registration.journal import (
    ENTRY_PREFIX,
    FORMAT,
    LOCATION_PREFIX,
    Pending,
    entry_name,
    format_of,
    from_text,
    kind_of_name,
    settled_part,
)
from airflow_provider_copass.registration.spec import Identity

if TYPE_CHECKING:
    import argparse

    from airflow_provider_copass.registration import Owner

_HEAD = ("key", "kind", "state", "about", "age", "owner")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_LOCATION = (
    "The next run that stores a secret there looks at the place as if no source had ever used it. What is stored there "
    "stays."
)
_SOURCE = (
    "The next run looks at the list of sources as if it had never registered this one: it adopts a live source of its "
    "name, and creates one if there is none. The source and its stored secret stay."
)
_PENDING = (
    " What the entry notes of a write that may still take effect is lost: first make sure that the task of its owner "
    "is over, or there may be two sources in the end."
)


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of an entry: of its owner the task instance, of its secret nothing.

    :param key: the Variable's key, with the hash of the identity, or of the location.
    :param kind: ``source``, or ``location``: the note on the place of a key that holds no source's id.
    :param state: ``pending``, ``completed``, ``tombstone``, ``of a newer format`` or ``unreadable``; of a location
        ``noted``.
    :param data_source_id: the source's id; None if it is not known.
    :param entry: of a location the key of the entry whose secret is there.
    :param owner: of a pending one the task instance that last worked on it, and its try.
    :param age: of a pending one how many seconds ago it was last written.
    :param provider: the source's provider; None if it was not looked for, or is not found.
    :param name: the source's name, likewise.
    """

    key: str
    kind: str
    state: str
    data_source_id: str | None = None
    entry: str | None = None
    owner: Owner | None = None
    age: float | None = None
    provider: str | None = None
    name: str | None = None

    def cells(self) -> tuple[str, ...]:
        """Return a row of the table."""
        named = None if self.name is None else f"{self.provider} {self.name!r}"
        about = " ".join(each for each in (self.data_source_id, self.entry, named) if each)
        age = "-" if self.age is None else _duration(self.age)
        return (self.key, self.kind, self.state, about or "-", age, "-" if self.owner is None else str(self.owner))


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    :param arguments: with ``conn_id``, ``sandbox_id``, ``forget``, ``yes`` and ``output``.
    :raises SystemExit: with 1 if the journal cannot be read, or an entry is not forgotten.
    """
    if arguments.forget is not None:
        run_command("Nothing was forgotten", lambda: _forget(arguments))
    else:
        run_command("No entry was listed", lambda: _list(arguments))


def _list(arguments: argparse.Namespace) -> int:
    if arguments.yes:
        raise CommandError("--yes is for --forget, whose question it answers. Give both, or neither.")
    identities = _identities(arguments.conn_id, arguments.sandbox_id)
    rows = [_row(key, text, identities.get(key)) for key, text in _entries().items()]
    if arguments.output == "json":
        write_json([asdict(row) for row in rows])
    elif not rows:
        write_line("The journal has no entry.")
    else:
        for line in table(_HEAD, [row.cells() for row in rows]):
            write_line(line)
    return 0


def _entries() -> dict[str, str | None]:
    """Read the journal: the texts by their keys, None for one that cannot be decrypted."""
    stored = read_stored(ENTRY_PREFIX, LOCATION_PREFIX)
    return {key: text for key, text in stored.items() if kind_of_name(key) is not None}


def _identities(conn_id: str | None, sandbox_id: str | None) -> dict[str, Identity]:
    """Return the identities of a sandbox's sources by the keys of their entries, which hold but hashes of them."""
    if conn_id is None:
        if sandbox_id is not None:
            raise CommandError("--sandbox-id is for --conn-id, by which its sources are listed. Give both, or neither.")
        return {}
    with hook_of(conn_id, sandbox_id) as hook:
        identities = [Identity(hook.sandbox_id, each.provider, each.name) for each in hook.list_sources()]
    return {entry_name(identity): identity for identity in identities}


def _row(key: str, text: str | None, identity: Identity | None = None) -> Row:
    """Read an entry, as far as it can be read."""
    if kind_of_name(key) == "location":
        is_note = text is not None and kind_of_name(text) == "source"
        return Row(key, "location", "noted" if is_note else "unreadable", entry=text if is_note else None)
    named: dict[str, Any] = {} if identity is None else {"provider": identity.provider, "name": identity.name}
    try:
        entry = from_text(text, name=key)
    except EntryFormatError:
        entry = None
    if entry is None:
        written_as = None if text is None else format_of(text)
        is_newer = written_as is not None and written_as > FORMAT
        return Row(key, "source", "of a newer format" if is_newer else "unreadable", **named)
    settled = settled_part(entry)
    state = type(entry).__name__.lower()
    if not isinstance(entry, Pending):
        return Row(key, "source", state, None if settled is None else settled.source_id, **named)
    created = entry.created_ids[-1] if entry.created_ids else None
    return Row(
        key,
        "source",
        state,
        created if settled is None else settled.source_id,
        owner=entry.owner,
        age=max(0.0, round(time.time() - entry.since, 1)),
        **named,
    )


def _duration(seconds: float) -> str:
    """Return a duration in its largest whole unit."""
    unit, length = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{int(seconds // length)} {unit}"


def _forget(arguments: argparse.Namespace) -> int:
    """Remove an entry, once the person has agreed."""
    if arguments.output == "json":
        raise CommandError("--output json is for the list. Leave it out, or leave out --forget.")
    key = arguments.forget
    identities = _identities(arguments.conn_id, arguments.sandbox_id)
    before = _entries()
    if key not in before:
        # What was given may be anything, so it is not repeated.
        raise CommandError("The journal has no entry of this key. The command without --forget lists the keys.")
    row = _row(key, before[key], identities.get(key))
    meaning = _LOCATION if row.kind == "location" else _SOURCE + (_PENDING if row.state == "pending" else "")
    if not arguments.yes:
        write_error("  ".join(row.cells()[:-1] if row.owner is None else row.cells()))
        write_error(meaning)
        write_error("Forget it? [y/N] ", end="")
        if _answer().strip().lower() not in {"y", "yes"}:
            raise CommandError("It was not agreed to. Answer y, or give --yes.")
        if _entries().get(key, "") != before[key]:
            raise CommandError("The entry has changed meanwhile: a task works on it. Try again once that is over.")
    if not remove_stored(key):
        raise CommandError("The entry has gone meanwhile.")
    write_line(f"Forgot {key}. {meaning}")
    return 0


def _answer() -> str:
    """Return what the person answers; an empty text if nobody can."""
    try:
        return sys.stdin.readline() if sys.stdin is not None else ""
    except (OSError, UnicodeDecodeError):
        return ""
