"""From an answer's JSON to a model: the secret is taken out before anything else looks at it.

pydantic shows its input if validation fails, a ``SecretStr``'s included, so no model ever validates the secret,
and a failed validation becomes an error of ours that names fields only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr, ValidationError

from airflow_provider_copass.api import models
from airflow_provider_copass.api.http_date import read_http_date

if TYPE_CHECKING:
    from datetime import datetime

SECRET_FIELD = "webhook_signing_secret"
_CONTENT = ("result", "error_message")

MOST_ROWS = 20_000
"""How many rows of a list are read; each takes a kilobyte or more."""

_RELATION = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;,"']+))""", re.IGNORECASE)
_LONGEST_LINK = 4096
# fmt: off
_MORE = frozenset((
    "more", "has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "truncated", "is_truncated",
    "next", "next_cursor", "nextCursor", "next_page", "nextPage", "next_page_token", "nextPageToken", "next_token",
    "nextToken", "next_url", "nextUrl", "next_link", "nextLink", "continuation_token", "continuationToken",
))
# fmt: on
_AROUND_MORE = ("pagination", "paging", "page_info", "pageInfo", "meta", "links", "_links", "data")
_NOTHING_MORE: tuple[object, ...] = (None, False, "", 0, "false", "False", "0", [], {})
_PARTIAL_CONTENT = "206"

Headers = Mapping[str, str]
"""An answer's headers, their names in lower case; under :data:`STATUS` its status, as HTTP/2 has it."""

STATUS = ":status"

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
    if secret is None:
        return parsed
    odd = models.without_text(parsed, secret.get_secret_value())
    if "data_source_id" in odd:
        raise UnusableAnswerError("a field of it cannot be what it is said to be", ("data_source_id",))
    return parsed.model_copy(update={**odd, SECRET_FIELD: secret})


def source_list(answer: object, headers: Headers) -> models.SourceList:
    """Read a list of sources. The API shows no secret there; one in a row is dropped unread."""
    rows = _rows(answer, "sources")
    for row in rows:
        if isinstance(row, dict):
            row.pop(SECRET_FIELD, None)
    # From the header: a field of this name in the answer is not the same thing.
    answered_at = moment_of(headers)
    more = _sign_of_more(answer, headers)
    return _read(models.SourceList, answer).model_copy(update={"answered_at": answered_at, "sign_of_more": more})


def source_status(answer: object, _headers: Headers) -> models.SourceStatus:
    """Read the answer to pause, resume and disconnect."""
    return _read(models.SourceStatus, {} if answer is None else answer)


def job(answer: object, _headers: Headers) -> models.Job:
    """Read a job, without what may hold a part of a text that was ingested."""
    if isinstance(answer, dict):
        for name in _CONTENT:
            answer.pop(name, None)
    return _read(models.Job, answer)


def moment_of(headers: Headers) -> datetime | None:
    """Return when the server answered, by its own clock (the ``Date`` header); None if it does not tell."""
    return models.read_moment(read_http_date(headers.get("date", "")))


def purge_result(answer: object, _headers: Headers) -> models.PurgeResult:
    """Read the answer to a purge."""
    return _read(models.PurgeResult, {} if answer is None else answer)


def sandbox_list(answer: object, _headers: Headers) -> models.SandboxList:
    """Read the sandboxes of a token."""
    _rows(answer, "sandboxes")
    return _read(models.SandboxList, answer)


def no_content(answer: object, _headers: Headers) -> None:
    """Ignore an answer whose status is all that counts, such as a delete's."""


def _rows(answer: object, field: str) -> list[Any]:
    """Return the rows of a list; none if there are none."""
    rows = answer.get(field) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return []
    if len(rows) > MOST_ROWS:
        raise UnusableAnswerError(f"it holds more than {MOST_ROWS:,} rows", (field,))
    return rows


def _sign_of_more(answer: object, headers: Headers) -> str:
    """Return what in an answer says that it is a part of the list; empty if nothing does.

    The API documents no paging. A list that has grown a page would pass for the whole, and a source on another page for
    one that does not exist.
    """
    if headers.get(STATUS) == _PARTIAL_CONTENT:
        return "status 206"
    relations = _RELATION.findall(headers.get("link", "")[:_LONGEST_LINK])
    if any("next" in "".join(each).lower().split() for each in relations):
        return "a Link header with rel=next"
    if "content-range" in headers:
        return "a Content-Range header"
    if not isinstance(answer, dict):
        return ""
    around = [each for each in (answer.get(name) for name in _AROUND_MORE) if isinstance(each, dict)]
    for fields in (answer, *around):
        for name in sorted(_MORE.intersection(fields)):
            if fields[name] not in _NOTHING_MORE:
                return name
    return ""


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
    raise UnusableAnswerError("a field of it is missing, or is not what it must be", fields)


def _known_names(model: type[models.Answer], invalid: ValidationError) -> tuple[str, ...]:
    """Return the known names of the fields that failed; a key that the server chose is never repeated."""
    known = {**models.Source.model_fields, **model.model_fields}
    found: set[str] = set()
    for problem in invalid.errors(include_input=False, include_url=False):
        # The innermost known name: in ("sources", 3, "adapter_config", "a key of the server's") it is the third.
        innermost = [part for part in problem["loc"] if isinstance(part, str) and part in known][-1:]
        found.update(innermost)
    return tuple(sorted(found))
