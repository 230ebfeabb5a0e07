"""Reading what is given to an operator's field, after rendering."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow_provider_copass.api.requests import SourceChanges
    from airflow_provider_copass.registration.drift import Declared

NULLABLE = ("external_account_id", "adapter_config", "poll_interval_seconds")
"""The fields that can be empty, in the order of the API's page."""
_DECLARABLE = ("new_name", "ingestion_mode", *NULLABLE)


def read_switch(name: str, given: object) -> bool:
    """Read a boolean field. A template that is not rendered natively gives a text.

    :param name: the field, for the message.
    :param given: True, False, or the text ``true`` or ``false`` in any case.
    :raises CopassInputError: where it is anything else.
    """
    from airflow_provider_copass.errors import CopassInputError

    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise CopassInputError(f"{name} must be True or False, or a template that gives one of them.", fields=(name,))


def read_change(
    *, new_name: object = None, clear: object = (), merge_adapter_config: object = False, **given: object
) -> Declared:
    """Check what a task declares.

    :param new_name: the source's new name, 1 to 255 characters.
    :param clear: names of fields that shall be empty: a list, a JSON list as text, or one name; empty names are passed
        over.
    :param merge_adapter_config: True to merge ``adapter_config`` into what is there, False to replace that.
    :param given: further fields by name; None for one that is not declared.
    :raises CopassInputError: naming the fields that break their rules; if nothing is declared; if a field is both
        declared and cleared.
    """
    from airflow_provider_copass.api.requests import read_update
    from airflow_provider_copass.errors import CopassInputError
    from airflow_provider_copass.registration.drift import Declared

    if not isinstance(merge_adapter_config, bool):
        raise CopassInputError("merge_adapter_config must be True or False.", fields=("merge_adapter_config",))
    cleared = _read_clear(clear)
    present: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if twice := tuple(name for name in cleared if name in present):
        raise CopassInputError(
            f"{', '.join(twice)} is both declared and in clear: a field has a value or none. Leave it out of one.",
            fields=twice,
        )
    if new_name is None and not present and not cleared:
        raise CopassInputError(
            f"There is nothing to change: declare one of {', '.join(_DECLARABLE)}, or name a field in clear.",
            fields=_DECLARABLE,
        )
    fields = {} if new_name is None else {"name": _read_name(new_name)}
    if present:
        fields |= read_update(cast("SourceChanges", present)).body()
    return Declared({**fields, **dict.fromkeys(cleared)}, merge=merge_adapter_config)


def _read_name(new_name: object) -> str:
    """Check a new name by the rule that the API has for names, in words that name the parameter."""
    from airflow_provider_copass.api.requests import read_update
    from airflow_provider_copass.errors import CopassInputError

    try:
        name: str = read_update(cast("SourceChanges", {"name": new_name})).body()["name"]
    except CopassInputError:
        name = ""
    if name:
        return name
    raise CopassInputError(
        "Refused before any request: new_name must be a text of 1 to 255 characters.", fields=("new_name",)
    )


def _read_clear(clear: object) -> tuple[str, ...]:
    """Return the fields to be emptied, each once, in their own order."""
    from airflow_provider_copass.errors import CopassInputError

    named = clear
    if isinstance(clear, str):
        try:
            named = json.loads(clear)
        except (ValueError, RecursionError):
            named = [clear]
    names = [name for name in named if name != ""] if isinstance(named, list | tuple | set | frozenset) else [None]
    if not all(isinstance(name, str) and name in NULLABLE for name in names):
        raise CopassInputError(
            f"clear must be a list of fields that can be empty: {', '.join(NULLABLE)}.", fields=("clear",)
        )
    return tuple(name for name in NULLABLE if name in names)
