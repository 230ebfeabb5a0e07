"""The API's calls as data: what to send and how to read the answer. Nothing here sends anything.

Facts are from the vendor's register page; calls and fields that it does not show, from the vendor's public clients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast
from urllib.parse import quote

from airflow_provider_copass._tracebacks import fresh_traceback, reveal
from airflow_provider_copass.api import answers
from airflow_provider_copass.api.models import LONGEST_ID
from airflow_provider_copass.api.requests import plain, read_ingest, read_register, read_since, read_update
from airflow_provider_copass.errors import CopassInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from airflow_provider_copass.api import models
    from airflow_provider_copass.api.requests import RegisterSource, SourceChanges

SANDBOXES = "/api/v1/storage/sandboxes"

T = TypeVar("T")

_MOST_BITS = 1024
"""Of a larger number Python may not make a text."""
_LONGEST_FILTER = 1000
"""Characters."""
_UNSAFE_IN_PATH = re.compile(r"[/\\?#]|\.\.")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the API.

    :param operation: its name, as in :class:`~airflow_provider_copass.hooks.CopassHook`.
    :param method: the HTTP method.
    :param path: the path, each part percent-encoded.
    :param read: turns the answer's JSON (None for an empty answer) and its headers into what the call returns.
    :param query: the query's names and values.
    :param body: the JSON body; None for no body. Not in the repr: it may hold credentials.
    :param may_repeat: whether it is sent again if its answer is lost, although a write may then take effect twice.
    """

    operation: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    read: Callable[[object, Mapping[str, str]], T] = field(repr=False)
    query: tuple[tuple[str, str], ...] = ()
    body: dict[str, Any] | None = field(default=None, repr=False)
    may_repeat: bool = False

    @property
    def writes(self) -> bool:
        """Whether the call changes something on the server."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """What a call returns, and when the server answered.

    :param result: what the call returns.
    :param answered_at: by the server's clock, to the second; None if it is not told.
    """

    result: T
    answered_at: datetime | None


@fresh_traceback
def register_source(
    sandbox_id: str,
    *,
    provider: str,
    name: str,
    ingestion_mode: str | None = None,
    kind: str | None = None,
    external_account_id: str | None = None,
    adapter_config: dict[str, Any] | None = None,
    poll_interval_seconds: int | None = None,
) -> Call[models.Source]:
    """Register a source. There is no idempotency key: sent twice, this makes two.

    :param sandbox_id: the sandbox.
    :param provider: ``slack``, ``github``, ``linear`` … : an open set.
    :param name: 1 to 255 characters; not unique on the server.
    :param ingestion_mode: ``realtime``, ``polling``, ``batch`` or ``manual`` (the server's default).
    :param kind: ``durable`` (the server's default) or ``ephemeral``.
    :param external_account_id: such as a Slack workspace.
    :param adapter_config: provider-specific settings.
    :param poll_interval_seconds: at least 60.
    :raises CopassInputError: if a field breaks its rule.
    """
    source = read_register(
        provider=provider,
        name=name,
        ingestion_mode=ingestion_mode,
        kind=kind,
        external_account_id=external_account_id,
        adapter_config=reveal(adapter_config),
        poll_interval_seconds=poll_interval_seconds,
    )
    return register_checked(sandbox_id, source)


@fresh_traceback
def register_checked(sandbox_id: str, source: RegisterSource) -> Call[models.Source]:
    """Register a source whose fields are checked already; otherwise as :func:`register_source`."""
    return Call("register_source", "POST", _sources(sandbox_id), answers.source, body=source.body())


@fresh_traceback
def list_sources(sandbox_id: str, *, provider: str | None = None, status: str | None = None) -> Call[models.SourceList]:
    """List the sources of a sandbox; no paging is documented.

    :param sandbox_id: the sandbox.
    :param provider: only those of this provider.
    :param status: only those of this status.
    """
    filters = (("provider", _filter("provider", provider)), ("status", _filter("status", status)))
    query = tuple((name, value) for name, value in filters if value is not None)
    return Call("list_sources", "GET", _sources(sandbox_id), answers.source_list, query=query)


@fresh_traceback
def get_source(sandbox_id: str, data_source_id: str) -> Call[models.Source]:
    """Read a source; its secret is never in the answer."""
    return Call("get_source", "GET", _source(sandbox_id, data_source_id), answers.source)


@fresh_traceback
def update_source(
    sandbox_id: str, data_source_id: str, changes: SourceChanges, *, merge_adapter_config: bool = False
) -> Call[models.Source]:
    """Change the given fields of a source.

    :param changes: the fields to change.
    :param merge_adapter_config: merge ``adapter_config`` deeply into the present settings instead of replacing them.
    :raises CopassInputError: if a field breaks its rule.
    """
    # Merged, the empty object that clears it would change nothing.
    is_merge = _flag("merge_adapter_config", merge_adapter_config) and changes.get("adapter_config") is not None
    query = (("merge_adapter_config", "true"),) if is_merge else ()
    path = _source(sandbox_id, data_source_id)
    given = cast("SourceChanges", {name: reveal(value) for name, value in changes.items()})
    return Call("update_source", "PATCH", path, answers.source, query=query, body=read_update(given).body())


@fresh_traceback
def rotate_webhook_secret(sandbox_id: str, data_source_id: str) -> Call[models.Source]:
    """Mint a new webhook secret, which voids the old one. For ``realtime`` sources only."""
    path = _source(sandbox_id, data_source_id) + "/rotate-webhook-secret"
    return Call("rotate_webhook_secret", "POST", path, answers.source)


@fresh_traceback
def pause_source(sandbox_id: str, data_source_id: str) -> Call[models.SourceStatus]:
    """Pause a source."""
    return Call("pause_source", "POST", _source(sandbox_id, data_source_id) + "/pause", answers.source_status)


@fresh_traceback
def resume_source(sandbox_id: str, data_source_id: str) -> Call[models.SourceStatus]:
    """Resume a paused source."""
    return Call("resume_source", "POST", _source(sandbox_id, data_source_id) + "/resume", answers.source_status)


@fresh_traceback
def disconnect_source(sandbox_id: str, data_source_id: str) -> Call[models.SourceStatus]:
    """Disconnect a source permanently: ``disconnected`` is terminal."""
    path = _source(sandbox_id, data_source_id) + "/disconnect"
    return Call("disconnect_source", "POST", path, answers.source_status)


@fresh_traceback
def pull_source(
    sandbox_id: str, data_source_id: str, *, since: datetime | str | None = None, vault_only: bool = False
) -> Call[models.Job]:
    """Queue a pull.

    :param since: pull only what is newer: a date and time with its offset from UTC, or one as ISO 8601 text. Everything
        if it is None, or the text ``None`` or an empty text, to which a template may render.
    :param vault_only: the API's option of this name.
    :raises CopassInputError: if ``since`` breaks its rule.
    """
    body: dict[str, Any] = {}
    if (moment := read_since(since)) is not None:
        body["since"] = moment
    if _flag("vault_only", vault_only):
        body["vault_only"] = True
    return Call("pull_source", "POST", _source(sandbox_id, data_source_id) + "/pull", answers.job, body=body)


@fresh_traceback
def purge_source(
    sandbox_id: str, data_source_id: str, *, delete_source: bool | None = None
) -> Call[models.PurgeResult]:
    """Remove the knowledge that a source ingested.

    :param delete_source: remove the source's registration as well.
    """
    body = {} if delete_source is None else {"delete_source": _flag("delete_source", delete_source)}
    path = _source(sandbox_id, data_source_id) + "/purge"
    return Call("purge_source", "POST", path, answers.purge_result, body=body)


@fresh_traceback
def delete_source(sandbox_id: str, data_source_id: str) -> Call[None]:
    """Remove a source's registration."""
    return Call("delete_source", "DELETE", _source(sandbox_id, data_source_id), answers.no_content)


@fresh_traceback
def ingest_text(
    sandbox_id: str,
    *,
    text: str,
    data_source_id: str | None = None,
    source_type: str | None = None,
    occurred_at: datetime | str | None = None,
    speaker: str | None = None,
    participants: Sequence[str] | None = None,
    project_id: str | None = None,
    storage_only: bool = False,
) -> Call[models.Job]:
    """Queue a text to be ingested. There is no idempotency key: sent twice, it is ingested twice.

    :param text: the text.
    :param data_source_id: the source that it is from, whose ``last_sync_at`` the server stamps.
    :param source_type: what kind of text it is, in the API's words.
    :param occurred_at: when it was said or written, with its offset from UTC.
    :param speaker: who said or wrote it.
    :param participants: who took part.
    :param project_id: the project that it belongs to.
    :param storage_only: keep the text, and add nothing to the graph.
    :raises CopassInputError: if a field breaks its rule.
    """
    body = read_ingest(
        text=reveal(text),
        data_source_id=None if data_source_id is None else check_path_part("data_source_id", data_source_id),
        source_type=source_type,
        occurred_at=occurred_at,
        speaker=speaker,
        participants=participants,
        project_id=project_id,
        storage_only=_flag("storage_only", storage_only) or None,
    )
    return Call("ingest_text", "POST", _ingest(sandbox_id), answers.job, body=body.body())


@fresh_traceback
def get_job(sandbox_id: str, job_id: str) -> Call[models.Job]:
    """Look at a job of :func:`ingest_text`. No page says that the job of a pull is found there as well."""
    path = f"{_ingest(sandbox_id)}/{quote(check_path_part('job_id', job_id), safe='')}"
    return Call("get_job", "GET", path, answers.job)


def dated(call: Call[T]) -> Call[Dated[T]]:
    """Return the same call, which also returns when the server answered.

    :param call: the call.
    """
    return Call(
        call.operation,
        call.method,
        call.path,
        lambda answer, headers: Dated(call.read(answer, headers), answers.moment_of(headers)),
        call.query,
        call.body,
    )


@fresh_traceback
def list_sandboxes() -> Call[models.SandboxList]:
    """List the sandboxes that the token may see."""
    return Call("list_sandboxes", "GET", SANDBOXES, answers.sandbox_list)


@fresh_traceback
def check_path_part(name: str, value: object) -> str:
    """Refuse an id that could lead a request to another place than meant.

    :param name: the field, for the message.
    :param value: what was given; a whole number, such as a template rendered natively gives, is its digits.
    :return: the id.
    :raises CopassInputError: if it is missing, empty, no text, of more than 255 characters, or holds a slash of either
        kind, ``..``, ``?``, ``#``, a character that cannot be seen or outer white space.
    """
    value = plain(value)
    if value is None or (isinstance(value, str) and not value):
        raise CopassInputError(f"{name} is missing: give the id that Copass shows for it.", fields=(name,))
    part = value
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _MOST_BITS:
        part = str(int(value))
    if not isinstance(part, str):
        raise CopassInputError(f"{name} must be a string: give the id as Copass shows it, in quotes.", fields=(name,))
    if _UNSAFE_IN_PATH.search(part) or part != part.strip() or part == "." or not part.isprintable():
        raise CopassInputError(
            f"{name} holds '/', '\\', '..', '?', '#', a character that cannot be seen or outer white space, which no "
            "id does: it would lead to another place of the API, or to nothing. Give the id as Copass shows it.",
            fields=(name,),
        )
    if len(part) > LONGEST_ID:
        raise CopassInputError(
            f"{name} is longer than {LONGEST_ID} characters, which no id is. Give the id as Copass shows it.",
            fields=(name,),
        )
    return part


def _filter(name: str, value: object) -> str | None:
    """Read a filter of a list.

    :raises CopassInputError: if it is no text, an empty one, or longer than a query may be.
    """
    if value is None:
        return None
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_FILTER and _is_unicode(value):
        return value
    raise CopassInputError(
        f"{name} must be a string of 1 to {_LONGEST_FILTER} characters, or left out.", fields=(name,)
    )


def _flag(name: str, value: object) -> bool:
    """Read a switch.

    :raises CopassInputError: if it is anything else than True or False: any text would count as true.
    """
    if isinstance(value, bool):
        return value
    raise CopassInputError(f"{name} must be True or False.", fields=(name,))


def _is_unicode(value: str) -> bool:
    """Tell whether a text can be sent: half of a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _sources(sandbox_id: str) -> str:
    """Return the path of a sandbox's sources."""
    return f"{SANDBOXES}/{quote(check_path_part('sandbox_id', sandbox_id), safe='')}/sources"


def _ingest(sandbox_id: str) -> str:
    """Return the path to ingest, and of the jobs of that."""
    return f"{SANDBOXES}/{quote(check_path_part('sandbox_id', sandbox_id), safe='')}/ingest"


def _source(sandbox_id: str, data_source_id: str) -> str:
    """Return the path of a source."""
    return f"{_sources(sandbox_id)}/{quote(check_path_part('data_source_id', data_source_id), safe='')}"
