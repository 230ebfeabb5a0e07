"""What is given to a field of an operator, after rendering: one rule for each kind of field.

A template that finds nothing gives ``None``, the text ``None``, or an empty text, and these are no values:

- :func:`read_required`: a name or an id that must be there. None of them is one.
- :func:`read_reference`: a name or an id whose default is None. None is the default; the texts are refused.
- :func:`read_optional`: any other field. All three mean that it is not given, so they overwrite nothing.
- :func:`read_switch`: a boolean. Only true and false are one.

The rules for the values of the API's own fields are in :mod:`airflow_provider_copass.api.requests`. A refusal names the
field and the rule, and never a value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_copass.api.requests import RegisterSource, SourceChanges
    from airflow_provider_copass.registration import SourceRef
    from airflow_provider_copass.registration.drift import Declared

NULLABLE = ("external_account_id", "adapter_config", "poll_interval_seconds")
"""The fields that can be empty, in the order of the API's page."""
_DECLARABLE = ("new_name", "ingestion_mode", *NULLABLE)
_NAMES = ("provider", "name")
_BLANK_CELLS = {"nan": "NaN", "NaN": "NaN", "NaT": "NaT", "<NA>": "NA"}
"""The texts of what pandas has in a blank cell."""
_REFUSED = "Refused before any request: "
_WAY_OUT = (
    "Check its template: the task_id and the key of an xcom_pull, the name of a Variable, and that the task before it "
    "gave a value"
)


def read_required(name: str, given: object) -> Any:
    """Read a name or an id that must be there.

    :param name: the field, for the message.
    :param given: what was rendered.
    :return: the value; its type is not checked.
    :raises CopassInputError: if it rendered to nothing.
    """
    value = _value(name, given)
    if nothing := _nothing(value):
        raise _refusal(name, f"{name} rendered to {nothing}. {_WAY_OUT}")
    return value


def read_reference(name: str, given: object) -> Any:
    """Read a name or an id whose default is None, as :func:`read_required` does any other value."""
    value = _value(name, given)
    return None if value is None else read_required(name, value)


def read_optional(name: str, given: object) -> Any:
    """Read a field that may be left out.

    :param name: the field, for the message.
    :param given: what was rendered.
    :return: the value; None if the field rendered to nothing. Its type is not checked.
    :raises CopassInputError: if it cannot be told whether there is a value.
    """
    value = _value(name, given)
    return None if _nothing(value) else value


def read_switch(name: str, given: object) -> bool:
    """Read a boolean field. A template that is not rendered natively gives a text.

    :param name: the field, for the message.
    :param given: True, False, or the text ``true`` or ``false`` in any case.
    :raises CopassInputError: where it is anything else.
    """
    from airflow_provider_copass.api.requests import plain
    from airflow_provider_copass.errors import CopassInputError

    value = plain(given)
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise CopassInputError(f"{name} must be True or False, or a template that gives one of them.", fields=(name,))


def read_id(name: str, given: object) -> str | None:
    """Read an id whose default is None.

    :param name: the field, for the message.
    :param given: what was rendered.
    :raises CopassInputError: if a template rendered it to nothing, or if it is no id.
    """
    from airflow_provider_copass.api.calls import check_path_part

    value = read_reference(name, given)
    return None if value is None else check_path_part(name, value)


def read_conn_id(given: object) -> str:
    """Read the id of the connection.

    :param given: what was rendered.
    :raises CopassInputError: if it rendered to nothing, or is no text.
    """
    value = read_required("copass_conn_id", given)
    if isinstance(value, str):
        return value
    raise _refusal("copass_conn_id", "copass_conn_id must be a text: the id of an Airflow connection of type copass")


def read_ref(sandbox_id: str, *, data_source_id: object, provider: object, name: object) -> SourceRef:
    """Read the reference to a source.

    :param sandbox_id: the sandbox.
    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name.
    :raises CopassInputError: if one of them rendered to nothing or breaks its rule, or if a source is named in neither
        way or in both.
    """
    from airflow_provider_copass.api.requests import read_register
    from airflow_provider_copass.registration import SourceRef

    by_id = read_id("data_source_id", data_source_id)
    by_name = {"provider": read_reference("provider", provider), "name": read_reference("name", name)}
    # Each half is checked even if the other one is missing, which SourceRef then says.
    read = read_register(**{field: "-" if value is None else value for field, value in by_name.items()})
    named = {field: None if value is None else str(getattr(read, field)) for field, value in by_name.items()}
    return SourceRef(sandbox_id, by_id, **named)


def read_source(given: Mapping[str, object]) -> RegisterSource:
    """Read the fields of a source to register.

    :param given: the fields by name, unknown ones too.
    :raises CopassInputError: naming every field that breaks its rule.
    """
    from airflow_provider_copass.api.requests import read_register
    from airflow_provider_copass.errors import CopassInputError

    refusals: dict[str, str] = {}
    fields: dict[str, object] = {}
    for name, value in given.items():
        try:
            fields[name] = _read_field(name, value)
        except CopassInputError as refused:
            refusals[name] = _reason(refused)
            # So that the others are checked all the same.
            fields[name] = "-" if name in _NAMES else None
    rest: CopassInputError | None = None
    try:
        source = read_register(**fields)
    except CopassInputError as refused:
        rest = refused
    if rest is None and not refusals:
        return source
    reasons = [*refusals.values(), *([_reason(rest)] if rest is not None else [])]
    named = (*refusals, *(rest.fields if rest is not None else ()))
    raise CopassInputError(f"{_REFUSED}{'; '.join(reasons)}.", fields=named)


def read_change(
    *, new_name: object = None, clear: object = (), merge_adapter_config: object = False, **given: object
) -> Declared:
    """Read what a task declares of a source that exists.

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
    from airflow_provider_copass.registration.drift import SETTINGS, Declared

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


def padded(**given: object) -> list[str]:
    """Return the names of those fields whose text begins or ends with white space.

    :param given: the fields by name.
    """
    from airflow_provider_copass.api.requests import plain

    texts = {name: plain(value) for name, value in given.items()}
    return [name for name, text in texts.items() if isinstance(text, str) and text != text.strip()]


def _value(name: str, given: object) -> Any:
    """Return a rendered value as Python's own.

    :raises CopassInputError: if it is what Jinja gives, rendered natively, for something that does not exist.
    """
    from jinja2 import Undefined, UndefinedError

    from airflow_provider_copass.api.requests import plain

    if isinstance(given, Undefined):
        try:
            # A lenient one is an empty text, as where it is not rendered natively.
            return str(given)
        except UndefinedError:
            pass
        raise _refusal(name, f"{name} asks for something that does not exist. {_WAY_OUT}")
    value = plain(given)
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise _refusal(name, f"{name} holds half of a character (a lone surrogate), which no request can")
    if isinstance(value, str) and (cell := _BLANK_CELLS.get(value.strip())):
        raise _refusal(name, f"{name} rendered to {cell}, as a blank cell of a table does. Leave such rows out")
    return value


def _nothing(value: object) -> str:
    """Tell as what kind of nothing a value was rendered; empty for any other value."""
    from airflow_provider_copass.api.requests import is_blank

    if value is None:
        return "None"
    if not isinstance(value, str):
        return ""
    if is_blank(value):
        return "a blank text" if value else "an empty text"
    return "None" if value.strip() == "None" else ""


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
    from airflow_provider_copass.operators._documents import DocumentError, excess, load_json

    if isinstance(value, str):
        try:
            return cast("object", load_json(value))
        except DocumentError as repeated:
            problem = str(repeated)
        except (ValueError, RecursionError):
            return value
        raise _refusal(name, f"{name}: {problem}")
    if found := excess(value):
        raise _refusal(name, f"{name} {found}")
    return value


def _read_new_name(new_name: object) -> str:
    """Check a new name by the rule that the API has for names, in words that name the parameter."""
    from airflow_provider_copass.api.requests import read_update
    from airflow_provider_copass.errors import CopassInputError

    try:
        name: str = read_update(cast("SourceChanges", {"name": new_name})).body()["name"]
    except CopassInputError as refused:
        reason = _reason(refused)
    else:
        return name
    raise _refusal("new_name", f"new_{reason}")


def _read_clear(clear: object) -> tuple[str, ...]:
    """Return the fields to be emptied, each once, in their own order."""
    from airflow_provider_copass.errors import CopassInputError
    from airflow_provider_copass.operators._redaction import is_list

    listed = read_optional("clear", clear)
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except (ValueError, RecursionError):
            listed = [listed]
    listed = [] if listed is None else listed
    entries = list(listed) if is_list(listed) or isinstance(listed, set | frozenset) else [0]
    names = [name for name in (read_optional("clear", entry) for entry in entries) if name is not None]
    if not all(isinstance(name, str) and name in NULLABLE for name in names):
        raise CopassInputError(
            f"clear must be a list of fields that can be empty: {', '.join(NULLABLE)}.", fields=("clear",)
        )
    return tuple(name for name in NULLABLE if name in names)


def _reason(refused: Exception) -> str:
    """Return what a refusal says, to be put into another one."""
    return str(refused).removeprefix(_REFUSED).removesuffix(".")


def _refusal(name: str, reason: str) -> Exception:
    from airflow_provider_copass.errors import CopassInputError

    return CopassInputError(f"{_REFUSED}{reason}.", fields=(name,))
