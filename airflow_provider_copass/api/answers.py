"""From an answer's JSON to a model: the secret is taken out before anything else looks at it.

pydantic shows its input if validation fails, a ``SecretStr``'s included, so no model ever validates the secret,
and a failed validation becomes an error of ours that names fields only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import SecretStr, ValidationError

from airflow_provider_copass.api import models
from airflow_provider_copass.api.http_date import read_http_date

SECRET_FIELD = "webhook_signing_secret"

Headers = Mapping[str, str]
"""An answer's headers, their names in lower case."""

Parsed = TypeVar("Parsed", bound=models.Answer)


class UnusableAnswerError(Exception):
    """An answer that cannot be read; the exchange turns it into a ``CopassAnswerError``.

    :param reason: static text.
    :param fields: names of the answer's fields that are missing or of a wrong type.
    """

    def __init__(self, reason: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fields = fields


def source(answer: object, _headers: Headers) -> models.Source:
    """Read a source, with its secret if the answer has one.

    :param answer: the answer's JSON; its secret is removed from it.
    """
    secret = _take_secret(answer)
    parsed = _read(models.Source, answer)
    return parsed if secret is None else parsed.model_copy(update={SECRET_FIELD: secret})


def source_list(answer: object, headers: Headers) -> models.SourceList:
    """Read a list of sources. The API shows no secret there; one in a row is dropped unread."""
    rows = answer.get("sources") if isinstance(answer, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            row.pop(SECRET_FIELD, None)
    # From the header: a field of this name in the answer is not the same thing.
    answered_at = models.read_moment(read_http_date(headers.get("date", "")))
    return _read(models.SourceList, answer).model_copy(update={"answered_at": answered_at})


def source_status(answer: object, _headers: Headers) -> models.SourceStatus:
    """Read the answer to pause, resume and disconnect."""
    return _read(models.SourceStatus, {} if answer is None else answer)


def pull_job(answer: object, _headers: Headers) -> models.PullJob:
    """Read a queued pull."""
    return _read(models.PullJob, answer)


def purge_result(answer: object, _headers: Headers) -> models.PurgeResult:
    """Read the answer to a purge."""
    return _read(models.PurgeResult, {} if answer is None else answer)


def sandbox_list(answer: object, _headers: Headers) -> models.SandboxList:
    """Read the sandboxes of a token."""
    return _read(models.SandboxList, answer)


def no_content(answer: object, _headers: Headers) -> None:
    """Ignore an answer whose status is all that counts, such as a delete's."""


def _take_secret(answer: object) -> SecretStr | None:
    """Remove the secret from an answer and wrap it; None if there is none."""
    value = answer.pop(SECRET_FIELD, None) if isinstance(answer, dict) else None
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnusableAnswerError("a field of it is of a wrong type", (SECRET_FIELD,))
    return SecretStr(value)


def _read(model: type[Parsed], answer: object) -> Parsed:
    """Validate an answer that holds no secret any more."""
    if not isinstance(answer, dict):
        raise UnusableAnswerError("it is not a JSON object")
    # A secret in an answer that should hold none would pass as an unknown field.
    answer.pop(SECRET_FIELD, None)
    try:
        return model.model_validate(answer)
    except ValidationError as invalid:
        fields = _known_names(model, invalid)
    raise UnusableAnswerError("a field of it is missing or of a wrong type", fields)


def _known_names(model: type[models.Answer], invalid: ValidationError) -> tuple[str, ...]:
    """Return the known names of the fields that failed; a key that the server chose is never repeated."""
    known = {**models.Source.model_fields, **model.model_fields}
    found: set[str] = set()
    for problem in invalid.errors(include_input=False, include_url=False):
        # The innermost known name: in ("sources", 3, "adapter_config", "a key of the server's") it is the third.
        innermost = [part for part in problem["loc"] if isinstance(part, str) and part in known][-1:]
        found.update(innermost)
    return tuple(sorted(found))
