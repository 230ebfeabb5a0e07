"""The API's answers, as pydantic models that a new word or a new field of the server does not break.

Every word in an answer is an open set, and unknown fields pass through. A field that a server leaves out, or writes in
another type than its page says, does not stop a registration, since a secret that is shown once may depend on it: only
``data_source_id`` is required. Facts are from the vendor's register page, and for what it does not show, from the
vendor's public clients.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, SecretStr
from pydantic_core import core_schema

from airflow_provider_copass.errors import CopassAnswerError

LONGEST_ID = 255
"""Characters."""
_NOT_IN_AN_ID = frozenset("/\\?#")
_YEARS = range(1970, 9001)
_GONE = frozenset({"archived", "disconnected"})
_SUMMARY = frozenset(
    {
        "data_source_id",
        "user_id",
        "sandbox_id",
        "provider",
        "name",
        "ingestion_mode",
        "status",
        "kind",
        "external_account_id",
        "poll_interval_seconds",
        "webhook_url",
        "last_sync_at",
        "created_at",
    }
)


def _text(value: object) -> str | None:
    """Read a text, or a number as text; anything else as None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _text_or_empty(value: object) -> str:
    """Read a text that the server left out as an empty one."""
    return _text(value) or ""


def _id(value: str) -> str:
    """Refuse an id that no later call could name: it goes into paths, keys, logs and the journal."""
    is_usable = (
        0 < len(value) <= LONGEST_ID
        and value.isprintable()
        and not any(each.isspace() for each in value)
        and not _NOT_IN_AN_ID.intersection(value)
        and ".." not in value
        and value != "."
    )
    if not is_usable:
        raise ValueError("no id")
    return value


def _whole(value: object) -> int | None:
    """Read a whole number; anything else as None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: object) -> dict[str, Any] | None:
    """Read an object; anything else as None."""
    return value if isinstance(value, dict) else None


def read_moment(value: object) -> datetime | None:
    """Read a date and time as UTC; None if it cannot be read or cannot be true: no registration may depend on it.

    A year such as 9999 would also overflow where seconds are added to it.
    """
    if not isinstance(value, (str, datetime)):
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        # The API's times without an offset are UTC.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


Id = Annotated[str, AfterValidator(_id)]
OptionalText = Annotated[str | None, BeforeValidator(_text)]
Text = Annotated[str, BeforeValidator(_text_or_empty)]
Whole = Annotated[int | None, BeforeValidator(_whole)]
Object = Annotated[dict[str, Any] | None, BeforeValidator(_object)]
if TYPE_CHECKING:
    Moment = datetime | None
else:
    # By its schema and not by its class: a test that stops the clock may put another class in place of ``datetime``,
    # and no model can be built of that one.
    _MOMENT = core_schema.nullable_schema(core_schema.datetime_schema())
    Moment = Annotated[
        Any,
        GetPydanticSchema(
            lambda _source, _handler: core_schema.no_info_before_validator_function(read_moment, _MOMENT)
        ),
    ]


class Answer(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(
        extra="allow", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True, defer_build=True
    )

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Leave unknown fields and ``adapter_config``, which may hold credentials, out of every repr."""
        return [
            (name, getattr(self, name)) for name, known in type(self).model_fields.items() if known.repr is not False
        ]


class Source(Answer):
    """A data source.

    :param data_source_id: its id.
    :param status: ``active``, ``paused``, ``disconnected``, ``error``, ``archived`` or another word.
    :param kind: ``durable``, ``ephemeral`` or another word.
    :param adapter_config: provider-specific settings; may hold credentials.
    :param poll_interval_seconds: seconds between polls.
    :param webhook_url: set by the server for ``realtime`` sources.
    :param last_sync_at: when the server last ingested something, in UTC.
    :param created_at: when the source was registered, in UTC.
    :param webhook_signing_secret: the bearer token that the webhook's sender must present. Only in the answers of
        register and rotate, once; never dumped.
    """

    data_source_id: Id
    user_id: Text = ""
    sandbox_id: Text = ""
    provider: Text = ""
    name: Text = ""
    ingestion_mode: Text = ""
    status: Text = ""
    kind: OptionalText = None
    external_account_id: OptionalText = None
    adapter_config: Object = Field(default=None, repr=False)
    poll_interval_seconds: Whole = None
    webhook_url: OptionalText = Field(default=None, repr=False)
    last_sync_at: Moment = None
    created_at: Moment = None
    webhook_signing_secret: SecretStr | None = Field(default=None, repr=False, exclude=True)

    @property
    def is_live(self) -> bool:
        """Whether the source is not gone for good: any status but ``archived`` and ``disconnected``, unknown or not."""
        return self.status not in _GONE

    @property
    def may_be_realtime(self) -> bool:
        """Whether the source may have a webhook: it is realtime, or the server does not say."""
        return self.ingestion_mode in {"", "realtime"}

    def summary(self) -> dict[str, Any]:
        """Return the source as JSON values that may be shown: what the operators push as an XCom.

        The documented fields that cannot hold a credential: neither the secret, nor ``adapter_config``, nor a field
        that this package does not know.
        """
        return self.model_dump(mode="json", include=set(_SUMMARY))


def without_text(source: Source, secret: str) -> dict[str, str | None]:
    """Return the shown fields of a source that hold its webhook secret, each with the value to put in its place.

    :param secret: the secret, as the same answer has it.
    """
    found: dict[str, str | None] = {}
    for name in _SUMMARY:
        value = getattr(source, name)
        if isinstance(value, str) and (secret in value or secret in unquote(value)):
            # A name that is left out would count as the one that was sent.
            found[name] = "***" if name in {"name", "provider"} else Source.model_fields[name].default
    return found


class SourceList(Answer):
    """The sources of a sandbox.

    :param sources: the rows of the answer.
    :param count: how many there are, as the server says; None if it does not say.
    :param answered_at: when it answered, by its own clock (the ``Date`` header), to the second.
    :param sign_of_more: what in the answer says that there are more rows, such as ``has_more``; empty if nothing does.
    """

    sources: list[Source] = Field(repr=False)
    count: int | None = None
    answered_at: Moment = Field(default=None, exclude=True)
    sign_of_more: Text = Field(default="", exclude=True)

    @property
    def is_complete(self) -> bool:
        """Whether nothing says that there are more rows; from a part of the list nothing can be concluded."""
        return not self.sign_of_more and (self.count is None or self.count <= len(self.sources))

    def require_complete(self) -> list[Source]:
        """Return the rows.

        :raises CopassAnswerError: if the list is cut short.
        """
        if self.is_complete:
            return self.sources
        if self.sign_of_more:
            found = f"the answer says that there is more ({self.sign_of_more}), and the API documents no way to get it"
        else:
            found = f"the server counts {self.count} sources and sent {len(self.sources)}"
        raise CopassAnswerError(
            f"list_sources: the list is cut short: {found}. From a part of the list nothing can be concluded. Try "
            "again later.",
            operation="list_sources",
        )


class SourceStatus(Answer):
    """The answer to pause, resume and disconnect: the status that the source has now."""

    status: Text = ""


class Job(Answer):
    """Work that the server has queued: a pull, or a text to ingest.

    Its ``result`` and ``error_message``, which may hold what was ingested, are not kept.

    :param job_id: its id.
    :param job_type: such as ``data_source_pull``.
    :param status: ``queued``, ``pending``, ``processing``, ``completed``, ``failed``, ``cancelled`` or another word.
    :param retry_count: how often the server has tried again.
    :param children: of a text that was divided, how many parts are ``queued``, ``completed`` and so on.
    :param created_at: when it was queued, in UTC.
    :param completed_at: when it ended, in UTC.
    """

    job_id: Id
    job_type: Text = ""
    status: Text = ""
    retry_count: Whole = None
    children: Object = Field(default=None, repr=False)
    created_at: Moment = None
    completed_at: Moment = None


class PurgeResult(Answer):
    """What a purge removed: counts, under the server's own names."""


class Sandbox(Answer):
    """A sandbox; it holds sources."""

    sandbox_id: Text = ""
    name: Text = ""


class SandboxList(Answer):
    """The sandboxes that the token may see."""

    sandboxes: list[Sandbox]
