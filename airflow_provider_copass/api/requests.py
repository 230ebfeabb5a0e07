"""The bodies of requests: the documented limits of a source's fields, checked before any request.

Facts are from the vendor's register page. A refusal never shows a value, since any of them may hold a credential.
"""

from __future__ import annotations

import json
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, TypedDict, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from airflow_provider_copass.errors import CopassInputError

IngestionMode = Literal["realtime", "polling", "batch", "manual"]
Kind = Literal["durable", "ephemeral"]

RULES = {
    "provider": "provider must be a non-empty text such as 'slack', 'github' or 'linear'",
    "name": "name must be a text of 1 to 255 characters",
    "ingestion_mode": "ingestion_mode must be one of 'realtime', 'polling', 'batch', 'manual'",
    "kind": "kind must be 'durable' (lives until deleted) or 'ephemeral' (archived by the server when unused)",
    "external_account_id": "external_account_id must be a text, or left out",
    "adapter_config": "adapter_config must be a JSON object: a dict of JSON values, or such an object as text",
    "poll_interval_seconds": "poll_interval_seconds must be a whole number of at least 60 seconds, or left out",
    "since": (
        "since must be a date and time with its offset from UTC, such as '2026-01-01T00:00:00+00:00' or what {{ ts }} "
        "gives ({{ ds }} is a date alone), or left out"
    ),
}
"""The rule of each field, in words that also say what to do."""


def _json_object(value: object) -> object:
    """Read an object, or one that a template rendered to text, and refuse what JSON cannot hold."""
    if value is None:
        return None
    try:
        loaded = json.loads(value) if isinstance(value, str) else value
        # A NaN or a date would otherwise fail when the request is built.
        json.dumps(loaded, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise ValueError(RULES["adapter_config"])
    return loaded


def _whole_number(value: object) -> object:
    """Refuse True and False, which pydantic would read as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(RULES["poll_interval_seconds"])  # noqa: TRY004 - pydantic reads a ValueError
    return value


class _Fields(BaseModel):
    """How the fields of a request are read."""

    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, hide_input_in_errors=True, frozen=True, defer_build=True
    )

    def body(self) -> dict[str, Any]:
        """Return the fields that were given, in the order of the vendor's page, as JSON values."""
        return self.model_dump(exclude_unset=True)


Model = TypeVar("Model", bound=_Fields)

AdapterConfig = Annotated[dict[str, Any], BeforeValidator(_json_object)]
PollInterval = Annotated[int, Field(ge=60), BeforeValidator(_whole_number)]


class RegisterSource(_Fields):
    """The body of a register call."""

    provider: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1, max_length=255)]
    ingestion_mode: IngestionMode = "manual"
    kind: Kind = "durable"
    external_account_id: str | None = None
    adapter_config: AdapterConfig | None = None
    poll_interval_seconds: PollInterval | None = None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Show what identifies the source, and nothing that may hold a credential."""
        return [("provider", self.provider), ("name", self.name)]


class UpdateSource(_Fields):
    """The body of an update call: only what is given is changed."""

    name: Annotated[str, Field(min_length=1, max_length=255)] = ""
    ingestion_mode: IngestionMode = "manual"
    external_account_id: str | None = None
    adapter_config: AdapterConfig | None = None
    poll_interval_seconds: PollInterval | None = None

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

    :param given: the fields to change; None clears a field that can be empty.
    :raises CopassInputError: if there are none, or naming every field that breaks its rule.
    """
    if not given:
        raise CopassInputError(
            f"an update needs at least one field to change: {', '.join(UpdateSource.model_fields)}.",
            fields=tuple(UpdateSource.model_fields),
        )
    return _read(UpdateSource, dict(given))


def read_since(given: object) -> str | None:
    """Check the moment from which a pull fetches.

    :param given: a date and time with its offset from UTC, or one as ISO 8601 text. None, ``"None"`` and an empty text,
        to which a template may render, mean that it is left out: so at a first run
        ``{{ prev_data_interval_end_success }}`` pulls everything.
    :return: ISO 8601 text; None if it is left out.
    :raises CopassInputError: if it is anything else, or has no offset.
    """
    # By isinstance and ==, not ``is None``: Airflow may give a native template a proxy of None.
    if isinstance(given, NoneType) or given in ("", "None"):
        return None
    moment = given
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise CopassInputError(f"Refused before any request: {RULES['since']}.", fields=("since",))
    # A text is sent unchanged unless it has a space in place of the T of ISO 8601, as the text of Airflow's own
    # moments does.
    return given if isinstance(given, str) and "T" in given else moment.isoformat()


def _read(model: type[Model], given: dict[str, object]) -> Model:
    """Validate, and turn pydantic's error, which may show values, into one that cannot."""
    try:
        return model.model_validate(given)
    except ValidationError as invalid:
        refused = {str(problem["loc"][0]) for problem in invalid.errors(include_input=False, include_url=False)}
    # Raised outside the handler, so that pydantic's error, which holds the input, is not its context.
    named = [name for name in model.model_fields if name in refused]
    unknown = len(refused) - len(named)
    reasons = [RULES[name] for name in named]
    if unknown:
        reasons.append(f"{unknown} unknown field(s); known are {', '.join(model.model_fields)}")
    raise CopassInputError(f"Refused before any request: {'; '.join(reasons)}.", fields=tuple(named))
