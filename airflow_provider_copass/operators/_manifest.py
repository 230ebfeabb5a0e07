"""Reading a list of sources from a field or a manifest. A refusal names the entry, the field and the rule."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._documents import DocumentError, excess, load_json
from airflow_provider_copass.operators._redaction import HIDDEN, is_list, redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.api.requests import RegisterSource

_FIELDS = (
    "provider",
    "name",
    "ingestion_mode",
    "kind",
    "external_account_id",
    "adapter_config",
    "poll_interval_seconds",
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
# Not their subclasses, which may have a text of their own.
_JSON = frozenset({bool, float, int, str})
_MOST_REFUSALS = 10
_MOST_BITS = 1024
"""Of a larger number Python may not make a text."""
_LONGEST_NAME = 60


def redact_sources(value: object) -> object:
    """Return what may be shown of a list of sources: only the keys of each ``adapter_config``.

    :param value: the list, or such a list as JSON text, which is read.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return HIDDEN
    if not is_list(value):
        return HIDDEN
    return [
        {str(name): _redact_field(name, given) for name, given in entry.items()} if isinstance(entry, dict) else HIDDEN
        for entry in value
    ]


def _redact_field(name: object, given: object) -> object:
    """Return what may be shown of a field, as a JSON value: Airflow fails on any other."""
    if name not in _FIELDS or name == "adapter_config":
        return redact(given)
    if isinstance(given, float) and not isfinite(given):
        return HIDDEN
    if isinstance(given, int) and given.bit_length() > _MOST_BITS:
        return HIDDEN
    return given if given is None or type(given) in _JSON else HIDDEN


def read_sources(given: object, *, origin: str) -> list[RegisterSource]:
    """Check a whole list of sources.

    :param given: a list of objects, or such a list as JSON text.
    :param origin: where it is given, for the message: ``sources``, or the manifest's name.
    :raises CopassInputError: naming each entry, field and rule that is broken. The only value in it is a source's name.
    """
    from airflow_provider_copass.errors import CopassInputError

    entries = _entries(given, origin)
    read: list[RegisterSource] = []
    refusals: list[str] = []
    fields: set[str] = set()
    places: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries):
        try:
            source = _read_entry(entry)
        except CopassInputError as refused:
            reason = str(refused).removeprefix("Refused before any request: ")
            refusals.append(f"{origin}[{number}]{_label(entry)}: {reason}")
            fields |= set(refused.fields)
            continue
        first = places.setdefault((source.provider, source.name), number)
        if first != number:
            refusals.append(
                f"{origin}[{number}]{_label(entry)}: the same provider and name as {origin}[{first}], which "
                "makes them one source: remove one of the two, or give it another name."
            )
            fields.add("name")
        read.append(source)
    if not refusals:
        return read
    more = len(refusals) - _MOST_REFUSALS
    rest = f" … and {more} more." if more > 0 else ""
    raise CopassInputError(
        f"Refused before any request, {len(refusals)} of {len(entries)} entries:\n"
        + "\n".join(refusals[:_MOST_REFUSALS])
        + rest,
        fields=tuple(sorted(fields)),
    )


def padded_entries(sources: Sequence[RegisterSource], origin: str) -> str:
    """Return the places of the texts that are padded, such as ``name of sources[3]``.

    :param sources: the checked list.
    :param origin: where it is given.
    """
    from airflow_provider_copass._inputs import padded

    places = [
        f"{field} of {origin}[{number}]"
        for number, source in enumerate(sources)
        for field in padded(provider=source.provider, name=source.name, external_account_id=source.external_account_id)
    ]
    more = f" and {len(places) - _MOST_REFUSALS} more" if len(places) > _MOST_REFUSALS else ""
    return ", ".join(places[:_MOST_REFUSALS]) + more


def _entries(given: object, origin: str) -> Sequence[object]:
    from airflow_provider_copass.errors import CopassInputError

    problem = ""
    if isinstance(given, str):
        try:
            given = load_json(given)
        except DocumentError as repeated:
            problem = f": {repeated}"
        except (ValueError, RecursionError):
            given = None
    elif found := excess(given):
        problem = f" {found}"
    if problem:
        raise CopassInputError(f"Refused before any request: {origin}{problem}.", fields=("sources",))
    if is_list(given):
        return given
    raise CopassInputError(
        f"{origin} must be a list of objects, each with a provider and a name; or such a list as JSON text, as a "
        "template gives it.",
        fields=("sources",),
    )


def _read_entry(entry: object) -> RegisterSource:
    """Check one entry.

    :raises CopassInputError: where it breaks a rule.
    """
    from airflow_provider_copass.errors import CopassInputError
    from airflow_provider_copass.operators._fields import read_source

    if not isinstance(entry, dict):
        raise CopassInputError("an entry must be an object with a provider and a name.", fields=("sources",))
    unknown = [_hint(name) for name in entry if name not in _FIELDS]
    if unknown:
        raise CopassInputError(
            f"unknown field {', '.join(unknown)}; known are {', '.join(_FIELDS)}.",
            fields=tuple(name for name in entry if isinstance(name, str) and _WORD.fullmatch(name)),
        )
    fields: dict[str, Any] = {str(name): value for name, value in entry.items()}
    return read_source({"provider": None, "name": None, **fields})


def _hint(name: object) -> str:
    """Return an unknown field's name, if it is a word, and the known name that may be meant."""
    if not isinstance(name, str) or not _WORD.fullmatch(name):
        return "(its name is not a word, and is not shown)"
    close = get_close_matches(name, _FIELDS, n=1)
    return f"{name!r} (is {close[0]} meant?)" if close else repr(name)


def _label(entry: object) -> str:
    """Return the provider and the name in an entry, as far as they are texts."""
    if not isinstance(entry, dict):
        return ""
    words = [entry[part] for part in ("provider", "name") if isinstance(entry.get(part), str)]
    return f" ({' '.join(repr(word[:_LONGEST_NAME]) for word in words)})" if words else ""
