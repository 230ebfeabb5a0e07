"""What is given to the fields of a source that a task declares: the rules of the operators that register and update.

The rules of each kind of field are in :mod:`airflow_provider_copass._inputs`, those of the API's own values in
:mod:`airflow_provider_copass.api.requests`. A refusal names the field and the rule, and never a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow_provider_copass._inputs import REFUSED, read_list, read_optional, read_reference, reason_of, refusal
from airflow_provider_copass.api.requests import read_register, read_update
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.operators._documents import DocumentError, excess, load_json
from airflow_provider_copass.registration.drift import SETTINGS, Declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_copass.api.requests import RegisterSource, SourceChanges

NULLABLE = ("external_account_id", "adapter_config", "poll_interval_seconds")
"""The fields that can be empty, in the order of the API's page."""
_DECLARABLE = ("new_name", "ingestion_mode", *NULLABLE)
_NAMES = ("provider", "name")


def read_source(given: Mapping[str, object]) -> RegisterSource:
    """Read the fields of a source to register.

    :param given: the fields by name, unknown ones too.
    :raises CopassInputError: naming every field that breaks its rule.
    """
    refusals: dict[str, str] = {}
    fields: dict[str, object] = {}
    for name, value in given.items():
        try:
            fields[name] = _read_field(name, value)
        except CopassInputError as refused:
            refusals[name] = reason_of(refused)
            # So that the others are checked all the same.
            fields[name] = "-" if name in _NAMES else None
    rest: CopassInputError | None = None
    try:
        source = read_register(**fields)
    except CopassInputError as refused:
        rest = refused
    if rest is None and not refusals:
        return source
    reasons = [*refusals.values(), *([reason_of(rest)] if rest is not None else [])]
    named = (*refusals, *(rest.fields if rest is not None else ()))
    raise CopassInputError(f"{REFUSED}{'; '.join(reasons)}.", fields=named)


def read_change(
    *, new_name: object = None, clear: object = (), merge_adapter_config: object = False, **given: object
) -> Declared:
    """Read what a task declares of a source that exists.

    :param new_name: the source's new name, 1 to 255 characters.
    :param clear: names of fields to empty: a list, a JSON list as text, or one name; empty names are passed
        over.
    :param merge_adapter_config: True to merge ``adapter_config`` into what is there, False to replace that.
    :param given: further fields by name; None for one that is not declared.
    :raises CopassInputError: naming the fields that break their rules; if nothing is declared; if a field is both
        declared and cleared.
    """
    if not isinstance(merge_adapter_config, bool):
        raise CopassInputError("merge_adapter_config must be True or False.", fields=("merge_adapter_config",))
    cleared = _read_clear(clear)
    read = {name: _read_field(name, value) for name, value in given.items()}
    present: dict[str, Any] = {name: value for name, value in read.items() if value is not None}
    renamed = read_reference("new_name", new_name)
    if twice := tuple(name for name in cleared if name in present):
        raise CopassInputError(
            f"{', '.join(twice)} is both declared and in clear: a field has a value or none. Leave it out of one.",
            fields=twice,
        )
    if renamed is None and not present and not cleared:
        raise CopassInputError(
            f"There is nothing to change: declare one of {', '.join(_DECLARABLE)}, or name a field in clear.",
            fields=_DECLARABLE,
        )
    fields = {} if renamed is None else {"name": _read_new_name(renamed)}
    if present:
        fields |= read_update(cast("SourceChanges", present)).body()
    # Settings are cleared by an empty object in their place: the page lets the other two be null, and not these.
    emptied: dict[str, Any] = {name: {} if name == SETTINGS else None for name in cleared}
    return Declared({**fields, **emptied}, merge=merge_adapter_config and SETTINGS not in cleared)


def _read_field(name: str, given: object) -> Any:
    """Read a field of a source, by its name in the API; unknown ones too."""
    if name in _NAMES:
        # The rule of the API says what it must be, better than that it is None.
        return read_reference(name, given)
    value = read_optional(name, given)
    return _read_settings(name, value) if name == "adapter_config" else value


def _read_settings(name: str, value: object) -> object:
    """Read an object, or one as text; of what is no JSON the rule of the API tells.

    :raises CopassInputError: if it has a key twice, or is too large.
    """
    if isinstance(value, str):
        try:
            return cast("object", load_json(value))
        except DocumentError as repeated:
            problem = str(repeated)
        except (ValueError, RecursionError):
            return value
        raise refusal(name, f"{name}: {problem}")
    if found := excess(value):
        raise refusal(name, f"{name} {found}")
    return value


def _read_new_name(new_name: object) -> str:
    """Check a new name by the rule that the API has for names, in words that name the parameter."""
    try:
        name: str = read_update(cast("SourceChanges", {"name": new_name})).body()["name"]
    except CopassInputError as refused:
        reason = reason_of(refused)
    else:
        return name
    raise refusal("new_name", f"new_{reason}")


def _read_clear(clear: object) -> tuple[str, ...]:
    """Return the fields to be emptied, each once, in their own order."""
    names = read_list("clear", clear)
    if not all(isinstance(name, str) and name in NULLABLE for name in names):
        raise CopassInputError(
            f"clear must be a list of fields that can be empty: {', '.join(NULLABLE)}.", fields=("clear",)
        )
    return tuple(name for name in NULLABLE if name in names)
