"""Reading a list of sources, from a task's field or a manifest: a refusal names the entry, the field and the rule."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.operators.unshown import HIDDEN, is_list, shape_of

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
_A_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
# Not what is derived from them, which may be shown in ways of its own.
_JSON = frozenset({bool, float, int, str})
_MOST_REFUSALS = 10
_LONGEST_NAME = 60


def shape_of_sources(value: object) -> object:
    """Return a list of sources as it may be seen: of each ``adapter_config`` the keys alone.

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
        {str(name): _shape_of_field(name, given) for name, given in entry.items()}
        if isinstance(entry, dict)
        else HIDDEN
        for entry in value
    ]


def _shape_of_field(name: object, given: object) -> object:
    """Return a field of a source as it may be seen, and stored as JSON: Airflow breaks on what is none."""
    if name not in _FIELDS or name == "adapter_config":
        return shape_of(given)
    if isinstance(given, float) and not isfinite(given):
        return HIDDEN
    return given if given is None or type(given) in _JSON else HIDDEN


def read_manifest(path: Path) -> object:
    """Read a manifest: a YAML or JSON file with a list of sources, or with an object whose ``sources`` is one.

    :param path: the file.
    :return: what it holds, as it is.
    :raises CopassInputError: where it cannot be read; the message names the place and shows none of the text.
    """
    from airflow_provider_copass.api import CopassInputError

    refusal = ""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return _listed(json.loads(text))
        import yaml

        return _listed(yaml.safe_load(text))
    except OSError as error:
        refusal = f"cannot be read ({type(error).__name__}). Give its path: absolute, or from the DAG file's folder"
    except UnicodeDecodeError:
        refusal = "is not UTF-8 text"
    except json.JSONDecodeError as error:
        refusal = f"is no JSON: line {error.lineno}, column {error.colno}"
    except RecursionError:
        refusal = "is nested too deeply"
    except Exception as error:  # noqa: BLE001 - a YAML error, whose text shows the line that it is about
        mark = getattr(error, "problem_mark", None)
        refusal = "is no YAML" if mark is None else f"is no YAML: line {mark.line + 1}, column {mark.column + 1}"
    raise CopassInputError(f"The manifest {str(path)!r} {refusal}.", fields=("manifest",))


def _listed(read: object) -> object:
    """Return the list of a manifest that is an object."""
    return read["sources"] if isinstance(read, dict) and set(read) == {"sources"} else read


def read_sources(given: object, *, said_by: str) -> list[RegisterSource]:
    """Check a list of sources, all of it.

    :param given: a list of objects, or such a list as JSON text.
    :param said_by: where it is given, for the message: ``sources``, or the manifest.
    :raises CopassInputError: naming each entry, field and rule that is broken; never a value but a source's name.
    """
    from airflow_provider_copass.api import CopassInputError

    entries = _entries(given, said_by)
    read: list[RegisterSource] = []
    refusals: list[str] = []
    fields: set[str] = set()
    places: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries):
        try:
            source = _read_entry(entry)
        except CopassInputError as refused:
            reason = str(refused).removeprefix("Refused before any request: ")
            refusals.append(f"{said_by}[{number}]{_named(entry)}: {reason}")
            fields |= set(refused.fields)
            continue
        first = places.setdefault((source.provider, source.name), number)
        if first != number:
            refusals.append(
                f"{said_by}[{number}]{_named(entry)}: the same provider and name as {said_by}[{first}], and by them a "
                "source is recognised: remove one of the two, or give it another name."
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


def _entries(given: object, said_by: str) -> Sequence[object]:
    from airflow_provider_copass.api import CopassInputError

    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if is_list(given):
        return given
    raise CopassInputError(
        f"{said_by} must be a list of objects, each with a provider and a name; or, out of a template, such a list as "
        "JSON text.",
        fields=("sources",),
    )


def _read_entry(entry: object) -> RegisterSource:
    """Check one entry.

    :raises CopassInputError: where it breaks a rule.
    """
    from airflow_provider_copass.api import CopassInputError
    from airflow_provider_copass.api.requests import read_register

    if not isinstance(entry, dict):
        raise CopassInputError("an entry must be an object with a provider and a name.", fields=("sources",))
    unknown = [_hint(name) for name in entry if name not in _FIELDS]
    if unknown:
        raise CopassInputError(
            f"unknown field {', '.join(unknown)}; known are {', '.join(_FIELDS)}.",
            fields=tuple(name for name in entry if isinstance(name, str) and _A_WORD.fullmatch(name)),
        )
    fields: dict[str, Any] = {str(name): value for name, value in entry.items()}
    return read_register(**{"provider": None, "name": None, **fields})


def _hint(name: object) -> str:
    """Name an unknown field where it is a word, and the known one that may be meant."""
    if not isinstance(name, str) or not _A_WORD.fullmatch(name):
        return "(its name is no word, and is not shown)"
    close = get_close_matches(name, _FIELDS, n=1)
    return f"{name!r} (is {close[0]} meant?)" if close else repr(name)


def _named(entry: object) -> str:
    """Name the source of an entry, as far as it says who it is."""
    if not isinstance(entry, dict):
        return ""
    words = [entry[part] for part in ("provider", "name") if isinstance(entry.get(part), str)]
    return f" ({' '.join(repr(word[:_LONGEST_NAME]) for word in words)})" if words else ""
