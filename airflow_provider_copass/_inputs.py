"""What is given to a field of an operator or a sensor, after rendering: one rule for each kind of field.

A template that finds nothing gives ``None``, the text ``None``, or an empty text, and these are no values:

- :func:`read_required`: a name or an id that must be there. None of them is one.
- :func:`read_reference`: a name or an id whose default is None. None is the default; the texts are refused.
- :func:`read_optional`: any other field. All three mean that it is not given, so they overwrite nothing.
- :func:`read_switch`: a boolean. Only true and false are one.

The rules for the values of the API's own fields are in :mod:`airflow_provider_copass.api.requests`. A refusal names the
field and the rule, and never a value. Only functions import this module: it brings what a DAG parse does not need.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined, UndefinedError

from airflow_provider_copass.airflow_compat import default_deferrable
from airflow_provider_copass.api.calls import check_path_part
from airflow_provider_copass.api.requests import is_blank, iso_moment, plain, read_register
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.hooks import CopassHook

if TYPE_CHECKING:
    from airflow_provider_copass.registration import SourceRef

_BLANK_CELLS = {"nan": "NaN", "NaN": "NaN", "NaT": "NaT", "<NA>": "NA"}
"""The texts of what pandas has in a blank cell."""
_LONGEST = 100 * 366 * 86400.0
"""Seconds."""
REFUSED = "Refused before any request: "
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
        raise refusal(name, f"{name} rendered to {nothing}. {_WAY_OUT}")
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
    value = plain(given)
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise CopassInputError(f"{name} must be True or False, or a template that gives one of them.", fields=(name,))


def read_deferrable(given: object) -> bool:
    """Read whether a task waits in the triggerer.

    :param given: as in :func:`read_switch`; None for ``[operators] default_deferrable`` of Airflow's configuration.
    """
    return default_deferrable() if plain(given) is None else read_switch("deferrable", given)


def read_list(name: str, given: object) -> list[Any]:
    """Read a list, a JSON list as text, or one value. What rendered to nothing is left out.

    :param name: the field, for the message.
    :param given: what was rendered.
    :return: the values; their types are not checked.
    :raises CopassInputError: if it is a list as Python writes it, which would pass for one value.
    """
    listed = read_optional(name, given)
    if isinstance(listed, str):
        try:
            loaded = json.loads(listed.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            loaded = None
        if not isinstance(loaded, list) and listed.strip()[:1] + listed.strip()[-1:] == "[]":
            raise refusal(name, f"{name} is a list that is not JSON: put `| tojson` into its template, or give a list")
        listed = loaded if isinstance(loaded, list) else [listed]
    if listed is None:
        return []
    is_several = isinstance(listed, Sequence | set | frozenset) and not isinstance(listed, str | bytes)
    values = [read_optional(name, entry) for entry in (listed if is_several else [listed])]
    return [value for value in values if value is not None]


def read_seconds(name: str, given: object) -> float | None:
    """Read a length of time whose default is None.

    :param name: the field, for the message.
    :param given: seconds as a number or as text, or a ``timedelta``.
    :return: seconds.
    :raises CopassInputError: if it rendered to nothing, or is no length of time above 0.
    """
    value = read_reference(name, given)
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds < _LONGEST:
        raise refusal(name, f"{name} must be seconds above 0, as a number or a timedelta")
    return seconds


def read_moment(name: str, given: object) -> str | None:
    """Read a date and time whose default is None.

    :param name: the field, for the message.
    :param given: a ``datetime`` with an offset from UTC, or one as ISO 8601 text.
    :return: ISO 8601 text.
    :raises CopassInputError: if it rendered to nothing, is anything else, or has no offset.
    """
    value = read_reference(name, given)
    if value is None or (moment := iso_moment(value)) is not None:
        return None if value is None else moment
    raise refusal(
        name,
        f"{name} must be a date and time with its offset from UTC, such as '2026-01-01T00:00:00+00:00' or what "
        "{{ ts }} gives ({{ ds }} is a date alone)",
    )


def read_id(name: str, given: object) -> str | None:
    """Read an id whose default is None.

    :param name: the field, for the message.
    :param given: what was rendered.
    :raises CopassInputError: if a template rendered it to nothing, or if it is no id.
    """
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
    raise refusal("copass_conn_id", "copass_conn_id must be a string: the id of an Airflow connection of type copass")


def read_hook(copass_conn_id: object, sandbox_id: object) -> CopassHook:
    """Return the hook of a rendered connection and sandbox.

    :param copass_conn_id: the id of the Airflow connection.
    :param sandbox_id: the sandbox; None for the connection's.
    :raises CopassInputError: if one of them rendered to nothing, or is no id.
    """
    return CopassHook(copass_conn_id=read_conn_id(copass_conn_id), sandbox_id=read_id("sandbox_id", sandbox_id))


def read_ref(sandbox_id: str, *, data_source_id: object, provider: object, name: object) -> SourceRef:
    """Read the reference to a source.

    :param sandbox_id: the sandbox.
    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name.
    :raises CopassInputError: if one of them rendered to nothing or breaks its rule, or if a source is named in neither
        way or in both.
    """
    from airflow_provider_copass.registration import SourceRef

    return SourceRef(sandbox_id, *read_names(data_source_id=data_source_id, provider=provider, name=name))


def read_names(*, data_source_id: object, provider: object, name: object) -> tuple[str | None, str | None, str | None]:
    """Read the fields that refer to a source, each by its rule; whether they do so in one way is not checked.

    :return: the source's id, its provider and its name.
    :raises CopassInputError: if one of them rendered to nothing or breaks its rule.
    """
    by_id = read_id("data_source_id", data_source_id)
    by_name = {"provider": read_reference("provider", provider), "name": read_reference("name", name)}
    # Each half is checked even if the other one is missing.
    read = read_register(**{field: "-" if value is None else value for field, value in by_name.items()})
    named = {field: None if value is None else str(getattr(read, field)) for field, value in by_name.items()}
    return by_id, named["provider"], named["name"]


def padded(**given: object) -> list[str]:
    """Return the names of those fields whose text begins or ends with white space, or with what cannot be seen.

    :param given: the fields by name.
    """
    texts = {name: plain(value) for name, value in given.items()}
    return [
        name
        for name, text in texts.items()
        if isinstance(text, str) and text and (is_blank(text[0]) or is_blank(text[-1]))
    ]


def warn_of_padding(log: Any, **given: object) -> None:
    """Warn of each text that begins or ends with white space, or with what cannot be seen; it is used as it is.

    :param log: the task's log.
    :param given: rendered fields by name.
    """
    for name in padded(**given):
        log.warning(
            "%s begins or ends with white space, or with a character that cannot be seen, and is used as it is. If "
            "that is not meant, correct it, or put `| trim` into its template.",
            name,
        )


def _value(name: str, given: object) -> Any:
    """Return a rendered value as Python's own.

    :raises CopassInputError: if it is what Jinja gives, rendered natively, for something that does not exist.
    """
    if isinstance(given, Undefined):
        try:
            # A lenient one is an empty text, as where it is not rendered natively.
            return str(given)
        except UndefinedError:
            pass
        raise refusal(name, f"{name} asks for something that does not exist. {_WAY_OUT}")
    value = plain(given)
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise refusal(name, f"{name} holds half of a character (a lone surrogate), which no request can")
    if isinstance(value, str) and (cell := _BLANK_CELLS.get(value.strip())):
        raise refusal(name, f"{name} rendered to {cell}, as a blank cell of a table does. Leave such rows out")
    return value


def _nothing(value: object) -> str:
    """Tell as what kind of nothing a value was rendered; empty for any other value."""
    if value is None:
        return "None"
    if not isinstance(value, str):
        return ""
    if is_blank(value):
        return "a blank text" if value else "an empty text"
    return "None" if value.strip() == "None" else ""


def reason_of(refused: Exception) -> str:
    """Return what a refusal says, to be put into another one.

    :param refused: the refusal.
    """
    return str(refused).removeprefix(REFUSED).removesuffix(".")


def refusal(name: str, reason: str) -> Exception:
    """Return the error of a refused field.

    :param name: the field.
    :param reason: which rule it breaks, without a full stop.
    """
    return CopassInputError(f"{REFUSED}{reason}.", fields=(name,))
