"""Reading a list of sources from a field or a manifest. A refusal names the entry, the field and the rule."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators._redaction import HIDDEN, is_list, redact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    return given if given is None or type(given) in _JSON else HIDDEN


def read_manifest(path: Path) -> object:
    """Read a manifest: a YAML or JSON file with a list of sources, or with an object whose ``sources`` is that list.

    :param path: the file.
    :return: the list, unchecked.
    :raises CopassInputError: where it cannot be read. The message names the place and shows none of the text.
    """
    from airflow_provider_copass.errors import CopassInputError

    refusal = ""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return _list_in(json.loads(text))
        import yaml

        return _list_in(yaml.safe_load(text))
    except OSError as error:
        refusal = f"cannot be read ({type(error).__name__}). Give its path: absolute, or from the DAG file's folder"
    except UnicodeDecodeError:
        refusal = "is not UTF-8 text"
    except json.JSONDecodeError as error:
        refusal = f"is not JSON: line {error.lineno}, column {error.colno}"
    except RecursionError:
        refusal = "is nested too deeply"
    except Exception as error:  # noqa: BLE001 - a YAML error, whose text quotes the line
        mark = getattr(error, "problem_mark", None)
        refusal = "is not YAML" if mark is None else f"is not YAML: line {mark.line + 1}, column {mark.column + 1}"
    raise CopassInputError(f"The manifest {str(path)!r} {refusal}.", fields=("manifest",))


def _list_in(read: object) -> object:
    """Return the list in a manifest that is an object."""
    return read["sources"] if isinstance(read, dict) and set(read) == {"sources"} else read


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


def _entries(given: object, origin: str) -> Sequence[object]:
    from airflow_provider_copass.errors import CopassInputError

    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
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
    from airflow_provider_copass.api.requests import read_register
    from airflow_provider_copass.errors import CopassInputError

    if not isinstance(entry, dict):
        raise CopassInputError("an entry must be an object with a provider and a name.", fields=("sources",))
    unknown = [_hint(name) for name in entry if name not in _FIELDS]
    if unknown:
        raise CopassInputError(
            f"unknown field {', '.join(unknown)}; known are {', '.join(_FIELDS)}.",
            fields=tuple(name for name in entry if isinstance(name, str) and _WORD.fullmatch(name)),
        )
    fields: dict[str, Any] = {str(name): value for name, value in entry.items()}
    return read_register(**{"provider": None, "name": None, **fields})


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
