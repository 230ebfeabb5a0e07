"""The bodies of requests: the documented limits of a source's fields, checked before any request.

Facts are from the vendor's register page. A refusal never shows a value, since any of them may hold a credential.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from airflow_provider_copass.errors import CopassInputError

IngestionMode = Literal["realtime", "polling", "batch", "manual"]
Kind = Literal["durable", "ephemeral"]

_DEEPEST_SETTINGS = 100
"""How deep settings may be nested; an answer's parser gives up at 200."""
_MOST_SETTINGS = 10_000
"""How many values settings may hold."""

RULES = {
    "provider": "provider must be a non-empty text such as 'slack', 'github' or 'linear'",
    "name": "name must be a string of 1 to 255 characters that is not blank",
    "ingestion_mode": "ingestion_mode must be one of 'realtime', 'polling', 'batch', 'manual'",
    "kind": "kind must be 'durable' (lives until deleted) or 'ephemeral' (archived by the server when unused)",
    "external_account_id": "external_account_id must be a string, or left out",
    "adapter_config": (
        "adapter_config must be a JSON object: a dict of JSON values whose keys are strings, or such an object as a "
        "string, of at most 100 levels and 10,000 values"
    ),
    "poll_interval_seconds": "poll_interval_seconds must be a whole number of at least 60 seconds, or left out",
    "since": (
        "since must be a date and time with its offset from UTC, such as '2026-01-01T00:00:00+00:00' or what {{ ts }} "
        "gives ({{ ds }} is a date alone), or left out"
    ),
    "text": "text must be a string of at least one character that can be seen",
    "source_type": "source_type must be a string, or left out",
    "occurred_at": (
        "occurred_at must be a date and time with its offset from UTC, such as '2026-01-01T00:00:00+00:00' or what "
        "{{ ts }} gives ({{ ds }} is a date alone), or left out"
    ),
    "speaker": "speaker must be a string, or left out",
    "participants": "participants must be a list of texts, or left out",
    "project_id": "project_id must be a string, or left out",
    "storage_only": "storage_only must be True or False",
}
"""The rule of each field, in words that also say what to do."""

_OWN = "copass"
"""The type of those of pydantic's errors whose text is ours."""
_DIGITS = re.compile(r"\s*[0-9]{1,15}\s*", re.ASCII)
_MOST_BITS = 1024
# Separators, control characters, and those that have neither width nor ink.
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})


def plain(value: object) -> Any:
    """Return a scalar as Python's own: one of numpy, one behind Airflow's lazy proxy, or of a subclass of ``str``.

    :param value: what was given; anything else is returned as it is.
    """
    if type(value) is not value.__class__ and hasattr(type(value), "__wrapped__"):
        value = value.__wrapped__  # type: ignore[attr-defined]
    if isinstance(value, str):
        return str.__str__(value)
    # By the attributes of its class: those of an object may be anything.
    if hasattr(type(value), "dtype") and getattr(value, "ndim", None) == 0:
        # Only these kinds: of a date, ``item`` may return a number.
        value = value.item() if getattr(value.dtype, "kind", "") in set("biufU") else value  # type: ignore[attr-defined]
    return value


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen.

    :param text: the text; an empty one is blank.
    """
    return all(unicodedata.category(character) in _INVISIBLE for character in text)


def _text(value: object) -> object:
    """Read a text, or a whole number, such as a natively rendered template gives, as its digits."""
    value = plain(value)
    if isinstance(value, Decimal) and value.is_finite() and value.as_tuple().exponent == 0:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _MOST_BITS:
        return str(int(value))
    _refuse_fraction(value)
    return value


def _refuse_fraction(value: object) -> None:
    """Refuse a float, whose text may be another one than was written: 2026.10 is ``2026.1``."""
    if isinstance(value, float):
        what = (
            "it is NaN, as a blank cell of a table is"
            if value != value  # noqa: PLR0124 - NaN alone differs from itself
            else "it is a number with a fraction or an exponent, which may have lost digits: quote it, or give its text"
        )
        raise PydanticCustomError(_OWN, "{what}", {"what": what})


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError(RULES["name"])
    return text


def _json_object(value: object) -> object:
    """Read an object, or one that a template rendered to text, and refuse what JSON cannot hold."""
    if value is None:
        return None
    try:
        loaded = json.loads(value.removeprefix("\ufeff")) if isinstance(value, str) else value
        # A NaN, a date or half of a surrogate pair would otherwise fail when the request is built.
        json.dumps(loaded, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict) or not _is_usable(loaded):
        raise ValueError(RULES["adapter_config"])
    return loaded


def _is_usable(settings: dict[Any, Any]) -> bool:
    """Tell whether settings can be sent and read again.

    Every key is a text: JSON would make one of any other, of 1 and "1" the same one. They are not so deep, and not so
    many, that the list of the sandbox could no longer be read.
    """
    level: list[object] = [settings]
    left = _MOST_SETTINGS
    for _ in range(_DEEPEST_SETTINGS):
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    return False
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            left -= 1
        if left < 0:
            return False
        if not inner:
            return True
        level = inner
    return False


def _whole_number(value: object) -> object:
    """Read a whole number, or its digits as text."""
    value = plain(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, Decimal) and value.is_finite() and value.as_tuple().exponent == 0:
        return int(value)
    _refuse_fraction(value)
    return value


def _listed(value: object) -> object:
    """Read a list of any kind, such as a tuple; a text is none."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value


class _Fields(BaseModel):
    """How the fields of a request are read."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, defer_build=True)

    def body(self) -> dict[str, Any]:
        """Return the fields that were given, in the order of the vendor's page, as JSON values."""
        return self.model_dump(exclude_unset=True)


Model = TypeVar("Model", bound=_Fields)

AdapterConfig = Annotated[dict[str, Any], BeforeValidator(_json_object)]
# The upper limit is what a signed 64-bit integer holds; the page names none.
PollInterval = Annotated[int, Field(ge=60, lt=2**63, strict=True), BeforeValidator(_whole_number)]
Text = Annotated[str, Field(strict=True), BeforeValidator(_text)]
Provider = Annotated[str, Field(min_length=1, strict=True), BeforeValidator(_text), AfterValidator(_not_blank)]
Name = Annotated[
    str, Field(min_length=1, max_length=255, strict=True), BeforeValidator(_text), AfterValidator(_not_blank)
]
Mode = Annotated[IngestionMode, BeforeValidator(plain)]


class RegisterSource(_Fields):
    """The body of a register call."""

    provider: Provider
    name: Name
    ingestion_mode: Mode = "manual"
    kind: Annotated[Kind, BeforeValidator(plain)] = "durable"
    external_account_id: Text | None = None
    adapter_config: AdapterConfig | None = None
    poll_interval_seconds: PollInterval | None = None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Show what identifies the source, and nothing that may hold a credential."""
        return [("provider", self.provider), ("name", self.name)]


class UpdateSource(_Fields):
    """The body of an update call: only what is given is changed."""

    name: Name = ""
    ingestion_mode: Mode = "manual"
    external_account_id: Text | None = None
    adapter_config: AdapterConfig | None = None
    poll_interval_seconds: PollInterval | None = None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Show the names of the given fields."""
        return [("fields", sorted(self.model_fields_set))]


def _seen(text: str) -> str:
    if is_blank(text):
        raise ValueError(RULES["text"])
    return text


def _moment(value: object) -> object:
    """Read a date and time with an offset as ISO 8601 text."""
    moment = iso_moment(value)
    if moment is None:
        raise ValueError(RULES["occurred_at"])
    return moment


class IngestText(_Fields):
    """The body of an ingest call. The text is that of the user's own documents: it is in no repr."""

    text: Annotated[str, Field(min_length=1, strict=True), BeforeValidator(plain), AfterValidator(_seen)]
    data_source_id: Text | None = None
    source_type: Text | None = None
    occurred_at: Annotated[str, BeforeValidator(_moment)] | None = None
    speaker: Text | None = None
    participants: Annotated[list[Text], BeforeValidator(_listed)] | None = None
    project_id: Text | None = None
    storage_only: Annotated[bool, Field(strict=True), BeforeValidator(plain)] = False

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Show the names of the given fields."""
        return [("fields", sorted(self.model_fields_set))]


class SourceChanges(TypedDict, total=False):
    """The fields that an update can change; a field that is left out is not changed."""

    name: str
    ingestion_mode: str
    external_account_id: str | None
    adapter_config: dict[str, Any] | None
    poll_interval_seconds: int | None


def read_register(**given: object) -> RegisterSource:
    """Check the fields of a new source.

    :param given: the fields, by name; None for an optional one means that it is left out.
    :raises CopassInputError: naming every field that breaks its rule.
    """
    present = {name: value for name, value in given.items() if value is not None or name in {"provider", "name"}}
    return _read(RegisterSource, present)


def read_update(given: SourceChanges) -> UpdateSource:
    """Check the fields of a change.

    :param given: the fields to change; None clears a field that can be empty. ``adapter_config`` is cleared by an empty
        object: the page lets the other two be null, and not this one.
    :raises CopassInputError: if there are none, or naming every field that breaks its rule.
    """
    if not given:
        raise CopassInputError(
            f"an update needs at least one field to change: {', '.join(UpdateSource.model_fields)}.",
            fields=tuple(UpdateSource.model_fields),
        )
    fields: dict[str, object] = dict(given)
    if "adapter_config" in fields and fields["adapter_config"] is None:
        fields["adapter_config"] = {}
    return _read(UpdateSource, fields)


def read_ingest(**given: object) -> IngestText:
    """Check the fields of a text to ingest.

    :param given: the fields, by name; None for an optional one means that it is left out.
    :raises CopassInputError: naming every field that breaks its rule.
    """
    return _read(IngestText, {name: value for name, value in given.items() if value is not None or name == "text"})


def read_since(given: object) -> str | None:
    """Check the moment from which a pull fetches.

    :param given: a date and time with its offset from UTC, or one as ISO 8601 text. None, ``"None"`` and an empty text,
        to which a template may render, mean that it is left out: so at a first run
        ``{{ prev_data_interval_end_success }}`` pulls everything.
    :return: ISO 8601 text; None if it is left out.
    :raises CopassInputError: if it is anything else, or has no offset.
    """
    given = plain(given)
    if given is None or (isinstance(given, str) and given in {"", "None"}):
        return None
    moment = iso_moment(given)
    if moment is None:
        raise CopassInputError(f"Refused before any request: {RULES['since']}.", fields=("since",))
    return moment


def iso_moment(given: object) -> str | None:
    """Return a date and time with its offset from UTC as ISO 8601 text; None if it is anything else, or has no offset.

    A text is returned unchanged unless it has a space in place of the T of ISO 8601, as the text of Airflow's own
    moments does.

    :param given: a ``datetime``, or ISO 8601 text.
    """
    given = plain(given)
    moment: Any = given
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            moment = None
    # Of the moment of a blank cell, which differs from itself, pandas makes a datetime as well.
    is_moment = isinstance(moment, datetime) and moment == moment  # noqa: PLR0124
    if not is_moment or moment.utcoffset() is None:
        return None
    return given if isinstance(given, str) and "T" in given else cast("str", moment.isoformat())


def _read(model: type[Model], given: dict[str, object]) -> Model:
    """Validate, and turn pydantic's error, which may show values, into one that cannot."""
    try:
        return model.model_validate(given)
    except ValidationError as invalid:
        problems = invalid.errors(include_input=False, include_url=False)
    refused = {str(problem["loc"][0]) for problem in problems}
    # Only our own words: pydantic's may show a value.
    why = {str(problem["loc"][0]): f" ({problem['msg']})" for problem in problems if problem["type"] == _OWN}
    # Raised outside the handler, so that pydantic's error, which holds the input, is not its context.
    named = [name for name in model.model_fields if name in refused]
    unknown = len(refused) - len(named)
    reasons = [RULES[name] + why.get(name, "") for name in named]
    if unknown:
        reasons.append(f"{unknown} unknown field(s); known are {', '.join(model.model_fields)}")
    raise CopassInputError(f"Refused before any request: {'; '.join(reasons)}.", fields=tuple(named))
