"""What comes back, and what becomes of it, in both flavours of the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from airflow_provider_copass.api import (
    CopassAnswerError,
    CopassAuthenticationError,
    CopassBadRequestError,
    CopassCallError,
    CopassConflictError,
    CopassConnectError,
    CopassConnectionLostError,
    CopassNotFoundError,
    CopassPermissionError,
    CopassRateLimitError,
    CopassRedirectError,
    CopassServerError,
    CopassStatusError,
    CopassTimeoutError,
    CopassValidationError,
    RetryPolicy,
    Source,
    calls,
    exchange,
)
from tests.api.conftest import ClientOf
from tests.api.scripted import SOURCE, TOKEN
from tests.harness.exceptions import everything_said

SECRET = "whsec-canary-3c9e1f"
GET = calls.get_source("sb_1", "ds_1")
REGISTER = calls.register_source("sb_1", provider="slack", name="team chat", adapter_config={"token": SECRET})


def test_a_source_is_read_with_what_the_page_does_not_know(client_of: ClientOf) -> None:
    """Unknown words and unknown fields pass through, dates become UTC."""
    answer = {
        **SOURCE,
        "kind": "trigger",
        "status": "hibernating",
        "created_at": "2023-11-07T05:31:56Z",
        "last_sync_at": "2023-11-07T05:31:56+02:00",
        "colour": "blue",
    }
    client, _ = client_of(httpx.Response(200, json=answer))
    source = client.send(GET)
    assert (source.kind, source.status) == ("trigger", "hibernating")
    assert source.created_at == datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)
    assert source.last_sync_at == datetime(2023, 11, 7, 3, 31, 56, tzinfo=UTC)
    assert source.model_dump()["colour"] == "blue"


@pytest.mark.parametrize("moment", ["yesterday", "", 5, None, [], "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"])
def test_a_date_that_cannot_be_read_is_none(client_of: ClientOf, moment: Any) -> None:
    """No registration hangs on a date."""
    client, _ = client_of(httpx.Response(200, json={**SOURCE, "created_at": moment}))
    assert client.send(GET).created_at is None


def test_what_a_server_leaves_out_does_not_lose_the_source(client_of: ClientOf) -> None:
    """Of all the fields that the page calls required, only the id must be there."""
    client, _ = client_of(httpx.Response(200, json={"data_source_id": "ds_1", "name": None}))
    source = client.send(GET)
    assert (source.data_source_id, source.name, source.status) == ("ds_1", "", "")


@pytest.mark.parametrize("field", sorted(set(Source.model_fields) - {"data_source_id", "webhook_signing_secret"}))
@pytest.mark.parametrize("odd", [[], {}, "soon", True, 1.5, -1, None])
def test_a_field_of_another_type_does_not_lose_the_secret(client_of: ClientOf, field: str, odd: Any) -> None:
    """A secret that is shown once must not hang on what a server writes into a field beside it."""
    client, _ = client_of(httpx.Response(201, json={**SOURCE, field: odd, "webhook_signing_secret": SECRET}))
    source = client.send(REGISTER)
    assert source.webhook_signing_secret is not None
    assert source.webhook_signing_secret.get_secret_value() == SECRET


def test_only_the_caller_sees_the_secret(client_of: ClientOf) -> None:
    """It is a ``SecretStr`` that no repr and no dump holds, nor are the settings or unknown fields in the repr.

    The summary is a plain dict of the documented fields, and holds none of the three.
    """
    answer = {**SOURCE, "webhook_signing_secret": SECRET, "adapter_config": {"a": SECRET}, "extra": SECRET}
    client, _ = client_of(httpx.Response(201, json={**answer, "created_at": "2023-11-07T05:31:56Z"}))
    source = client.send(REGISTER)
    assert source.webhook_signing_secret is not None
    assert source.webhook_signing_secret.get_secret_value() == SECRET
    assert SECRET not in f"{source!r}{source!s}"
    assert SECRET not in source.model_dump_json(include={"webhook_signing_secret", "data_source_id"})
    assert source.summary().items() >= {**SOURCE, "created_at": "2023-11-07T05:31:56Z", "webhook_url": None}.items()
    assert SECRET not in json.dumps(source.summary())


@pytest.mark.parametrize("field", ["webhook_url", "user_id", "status", "sandbox_id", "kind", "external_account_id"])
@pytest.mark.parametrize("text", ["{}", "https://hooks.example/{}?a=b", "https://hooks.example/%77{}"])
def test_a_text_that_holds_the_secret_is_dropped(client_of: ClientOf, field: str, text: str) -> None:
    """It would go into XCom; the secret and the id are kept."""
    secret = "whsec/canary+3c9e"
    answers = [text.format(secret), text.format(quote(secret, safe=""))]
    client, _ = client_of(
        *(httpx.Response(201, json={**SOURCE, field: odd, "webhook_signing_secret": secret}) for odd in answers)
    )
    for _odd in answers:
        source = client.send(REGISTER)
        assert source.webhook_signing_secret is not None
        assert source.webhook_signing_secret.get_secret_value() == secret
        assert source.data_source_id == "ds_1"
        assert not source.summary()[field]
        assert "canary" not in json.dumps(source.summary())


@pytest.mark.parametrize("field", ["name", "provider"])
def test_a_name_that_holds_the_secret_is_another_one(client_of: ClientOf, field: str) -> None:
    """Dropped, it would pass for the one that was sent."""
    client, _ = client_of(httpx.Response(201, json={**SOURCE, field: f"a {SECRET}", "webhook_signing_secret": SECRET}))
    assert client.send(REGISTER).summary()[field] == "***"


BAD_IDS = [
    "ds_1\n",
    "ds 1",
    " ds_1",
    "ds\u00a01",
    "ds/1",
    "ds\\1",
    "ds?1",
    "ds#1",
    "..",
    ".",
    "a..b",
    "\x00",
    "ds_1\u202e",
    "d" * 256,
    "d" * 65536,
    10**300,
]


@pytest.mark.parametrize("odd", BAD_IDS)
def test_an_id_that_no_call_could_name_is_refused(client_of: ClientOf, odd: Any) -> None:
    """In the answer to a POST the error says that the source may exist; nothing of the id is shown."""
    row = {**SOURCE, "data_source_id": odd, "webhook_signing_secret": SECRET}
    client, script = client_of(httpx.Response(201, json=row), httpx.Response(200, json={"sources": [SOURCE, row]}))
    for call in (REGISTER, calls.list_sources("sb_1")):
        with pytest.raises(CopassAnswerError, match=r"not what it must be \(data_source_id\)") as unusable:
            client.send(call)
        assert unusable.value.fields == ("data_source_id",)
        assert len(str(unusable.value)) < 400
        assert ("may have been carried out" in str(unusable.value)) is call.writes
        assert "canary" not in everything_said(unusable.value)
    assert len(script.requests) == 2


@pytest.mark.parametrize("good", ["d" * 255, "ds-1_2:3.4~", "Quelle-für-alles", "2f0e", 7, "7"])
def test_any_other_id_is_taken(client_of: ClientOf, good: Any) -> None:
    """An id is the server's own word."""
    client, _ = client_of(httpx.Response(201, json={**SOURCE, "data_source_id": good}))
    assert client.send(REGISTER).data_source_id == str(good)


def test_an_id_that_holds_the_secret_is_refused(client_of: ClientOf) -> None:
    """It would be shown everywhere."""
    answer = {**SOURCE, "data_source_id": f"ds_{SECRET}", "webhook_signing_secret": SECRET}
    client, _ = client_of(httpx.Response(201, json=answer))
    with pytest.raises(CopassAnswerError, match="data_source_id") as unusable:
        client.send(REGISTER)
    assert SECRET not in everything_said(unusable.value)


@pytest.mark.parametrize(
    ("fields", "headers", "status", "says"),
    [
        ({"has_more": True}, {}, 200, "has_more"),
        ({"has_more": "true"}, {}, 200, "has_more"),
        ({"pageInfo": {"hasNextPage": True}}, {}, 200, "hasNextPage"),
        ({"next_token": "x"}, {}, 200, "next_token"),
        ({}, {"content-range": "items 0-9/500"}, 200, "Content-Range"),
        ({}, {"link": "</b>; rel='next'"}, 200, "Link"),
        ({"next_cursor": SECRET}, {}, 200, "next_cursor"),
        ({"next_cursor": 7}, {}, 200, "next_cursor"),
        ({"next": f"/sources?cursor={SECRET}"}, {}, 200, "next"),
        ({"pagination": {"has_more": True}}, {}, 200, "has_more"),
        ({}, {"link": f'</sources?cursor={SECRET}>; rel="next"'}, 200, "Link"),
        ({}, {"link": "</a>; rel=prev, </b>; rel=next; title=x"}, 200, "Link"),
        ({}, {"link": '</b>; REL="last Next"'}, 200, "Link"),
        ({"count": 1}, {}, 206, "status 206"),
    ],
)
def test_a_list_that_says_that_there_is_more_is_incomplete(
    client_of: ClientOf, fields: dict[str, Any], headers: dict[str, str], status: int, says: str
) -> None:
    """The API documents no paging; if it begins to page, a list is no longer the whole list."""
    client, _ = client_of(httpx.Response(status, json={"sources": [SOURCE], **fields}, headers=headers))
    listed = client.send(calls.list_sources("sb_1"))
    assert not listed.is_complete
    with pytest.raises(CopassAnswerError, match=f"cut short: .*{says}") as cut:
        listed.require_complete()
    assert SECRET not in everything_said(cut.value)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"has_more": False, "next_cursor": None, "next": "", "pagination": {"has_more": False}}, {}),
        ({"has_more": None, "next_page": 0, "meta": "x", "links": []}, {}),
        ({"sign_of_more": "made up"}, {}),
        ({}, {"link": '</a>; rel="prev", </next>; rel="self", </c>; rel="nextcloud"'}),
    ],
)
def test_a_list_that_says_that_there_is_no_more_is_complete(
    client_of: ClientOf, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    """Many servers write the fields of paging into every list."""
    client, _ = client_of(httpx.Response(200, json={"sources": [SOURCE], **fields}, headers=headers))
    assert client.send(calls.list_sources("sb_1")).require_complete()


@pytest.mark.parametrize("none", [None, ""])
def test_no_secret_issued_is_none(client_of: ClientOf, none: str | None) -> None:
    """A realtime source may come without a secret, and that is an outcome."""
    client, _ = client_of(httpx.Response(201, json={**SOURCE, "webhook_signing_secret": none}))
    assert client.send(REGISTER).webhook_signing_secret is None


def test_a_secret_where_none_belongs_is_dropped(client_of: ClientOf) -> None:
    """Were a secret in a list, it would not get out by way of the unknown fields."""
    client, _ = client_of(httpx.Response(200, json={"sources": [{**SOURCE, "webhook_signing_secret": SECRET}]}))
    listed = client.send(calls.list_sources("sb_1"))
    assert SECRET not in listed.model_dump_json()
    assert listed.sources[0].webhook_signing_secret is None


@pytest.mark.parametrize(("count", "complete"), [(1, True), (0, True), (None, True), (2, False)])
def test_a_list_with_fewer_rows_than_the_server_counts_is_incomplete(
    client_of: ClientOf, count: int | None, *, complete: bool
) -> None:
    """``count`` above the rows tells of rows that did not come."""
    client, _ = client_of(httpx.Response(200, json={"sources": [SOURCE], "count": count}))
    assert client.send(calls.list_sources("sb_1")).is_complete is complete


@pytest.mark.parametrize(
    ("date", "answered_at"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("Tue, 14 Nov 2023 22:13:20 +0200", datetime(2023, 11, 14, 20, 13, 20, tzinfo=UTC)),
        ("Tue, 14 Nov 2023 22:13:20", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("Tue, 14 Nov 2023 22:13:20 -0000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Mon, 01 Jan 9001 00:00:00 GMT", None),
        ("Tue, 14 Nov 100000 22:13:20 GMT", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_list_says_when_it_was_answered_or_nothing(
    client_of: ClientOf, date: str | None, answered_at: datetime | None
) -> None:
    """By the ``Date`` header: one without a zone is UTC, one that cannot be true is none, and no date raises."""
    body = {"sources": [], "answered_at": "2020-01-01T00:00:00Z"}
    client, _ = client_of(httpx.Response(200, json=body, headers={} if date is None else {"date": date}))
    assert client.send(calls.list_sources("sb_1")).answered_at == answered_at


@pytest.mark.parametrize(
    ("status", "is_live"),
    [
        ("active", True),
        ("error", True),
        ("hibernating", True),
        ("", True),
        ("archived", False),
        ("disconnected", False),
    ],
)
def test_a_source_is_live_unless_it_is_gone_for_good(status: str, *, is_live: bool) -> None:
    """Two words say so; any other, known or not, is a live source's."""
    assert Source(data_source_id="ds_1", status=status).is_live is is_live


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "HTML"),
        (b"  <html>", "HTML"),
        (b"{", "not JSON"),
        (b'{"data_source_id": "ds_1"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"", "not a JSON object"),
        (b'"ds_1"', "not a JSON object"),
        (b"{}", "data_source_id"),
        (b'{"data_source_id": ""}', "data_source_id"),
        (b'{"data_source_id": null}', "data_source_id"),
        (b'{"data_source_id": "ds_1", "webhook_signing_secret": ["whsec-canary-3c9e1f"]}', "webhook_signing_secret"),
        (
            b'{"webhook_signing_secret": "whsec-canary-3c9e1f", "data_source_id": ["whsec-canary-3c9e1f"]}',
            "data_source_id",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_to_be_so(client_of: ClientOf, body: bytes, says: str) -> None:
    """The error tells what is wrong and that the write may have been carried out, and shows nothing of the body."""
    client, script = client_of(httpx.Response(200, content=body, headers={"x-request-id": "req-1"}))
    with pytest.raises(CopassAnswerError, match=says) as unusable:
        client.send(REGISTER)
    assert len(script.requests) == 1
    assert unusable.value.request_id == "req-1"
    assert "may have been carried out" in str(unusable.value)
    assert "canary" not in everything_said(unusable.value)


def test_a_field_named_by_the_server_is_never_repeated(client_of: ClientOf) -> None:
    """A key that the server chose may be a credential; only our own names are shown."""
    rows = [{**SOURCE, "data_source_id": [SECRET], SECRET: 1}]
    client, _ = client_of(httpx.Response(200, json={"sources": rows, "count": SECRET}))
    with pytest.raises(CopassAnswerError) as unusable:
        client.send(calls.list_sources("sb_1"))
    assert unusable.value.fields == ("count", "data_source_id")
    assert SECRET not in everything_said(unusable.value)


def test_an_over_long_answer_is_not_read_to_its_end(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit ends the reading and is said to be too long."""
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1024

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return body()

        async def __aiter__(self) -> Any:
            for part in body():
                yield part

    monkeypatch.setattr("airflow_provider_copass.api.client.MOST_BYTES", 64 * 1024)
    client, _ = client_of(lambda _: httpx.Response(200, stream=Stream()))
    with pytest.raises(CopassAnswerError, match="longer than"):
        client.send(GET)
    assert read == 65


def test_an_answer_that_trickles_is_given_up(client_of: ClientOf) -> None:
    """The timeout bounds the whole answer, not only the wait for each part of it."""

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" "

        async def __aiter__(self) -> Any:
            for part in self:
                yield part

    client, _ = client_of(lambda _: httpx.Response(200, stream=Stream()), timeout=0.05, max_attempts=1)
    with pytest.raises(CopassTimeoutError):
        client.send(GET)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, CopassRedirectError),
        (307, CopassRedirectError),
        (400, CopassBadRequestError),
        (401, CopassAuthenticationError),
        (403, CopassPermissionError),
        (404, CopassNotFoundError),
        (405, CopassStatusError),
        (409, CopassConflictError),
        (418, CopassStatusError),
        (422, CopassValidationError),
    ],
)
def test_a_refusal_is_told_once_and_without_its_body(
    client_of: ClientOf, status: int, kind: type[CopassStatusError]
) -> None:
    """A refused call is not sent again; its error has status and request id, and nothing that the server wrote."""
    body = {"error": SECRET, "detail": SECRET}
    headers = {"x-request-id": "req-7", "location": f"https://elsewhere.example/{SECRET}"}
    client, script = client_of(httpx.Response(status, json=body, headers=headers))
    with pytest.raises(kind, match=f"register_source: the server answered {status}") as refused:
        client.send(REGISTER)
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.request_id) == (status, "req-7")
    assert len(script.requests) == 1
    assert client.pauses == []
    assert "canary" not in everything_said(refused.value)
    assert "may have been" not in str(refused.value)


def test_a_422_names_known_fields_alone(client_of: ClientOf) -> None:
    """It echoes what was sent, credentials included, and may put them where a field's name belongs."""
    problems = [
        {"type": "x", "loc": ["body", "name"], "msg": SECRET, "input": SECRET},
        {"type": "x", "loc": ["body", "adapter_config", SECRET], "msg": "m", "input": {"token": SECRET}},
        {"loc": SECRET},
        SECRET,
    ]
    client, _ = client_of(httpx.Response(422, json={"detail": problems}))
    with pytest.raises(CopassValidationError, match=r"It refused: name, adapter_config\.") as refused:
        client.send(REGISTER)
    assert refused.value.fields == ("name", "adapter_config")
    assert "canary" not in everything_said(refused.value)


def test_a_422_to_a_pull_names_its_field(client_of: ClientOf) -> None:
    """A field of a call, too, that is none of a source's."""
    problem = {"type": "datetime_parsing", "loc": ["body", "since"], "msg": SECRET, "input": SECRET}
    client, _ = client_of(httpx.Response(422, json={"detail": [problem]}))
    with pytest.raises(CopassValidationError, match=r"It refused: since\."):
        client.send(calls.pull_source("s", "d", since="2026-W01-1T00:00Z"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": "no"}', b'{"detail": [{"loc": [1, null]}]}'])
def test_a_422_of_any_shape_is_a_validation_error(client_of: ClientOf, body: bytes) -> None:
    """There is no settled error body."""
    client, _ = client_of(httpx.Response(422, content=body))
    with pytest.raises(CopassValidationError) as refused:
        client.send(REGISTER)
    assert refused.value.fields == ()


@pytest.mark.parametrize("request_id", [f"req-{TOKEN}", "a b", "x" * 129, "é"])
def test_a_request_id_that_is_none_is_not_shown(client_of: ClientOf, request_id: str) -> None:
    """A server could send the token back as a request id."""
    client, _ = client_of(httpx.Response(404, headers={"x-request-id": request_id.encode()}))
    with pytest.raises(CopassNotFoundError) as refused:
        client.send(GET)
    assert refused.value.request_id is None
    assert TOKEN not in everything_said(refused.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_read_is_sent_again_until_it_is_answered(client_of: ClientOf, status: int) -> None:
    """A read that met a passing fault succeeds, after pauses."""
    client, script = client_of(httpx.Response(status), httpx.Response(status), httpx.Response(200, json=SOURCE))
    assert client.send(GET).data_source_id == "ds_1"
    assert len(script.requests) == 3
    assert client.pauses == [0.25, 0.5]


def test_the_pause_is_what_the_server_asks_for(client_of: ClientOf) -> None:
    """``Retry-After`` is waited for, up to its cap."""
    client, _ = client_of(
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(503, headers={"retry-after": "86400"}),
        httpx.Response(200, json=SOURCE),
    )
    client.send(GET)
    assert client.pauses == [7.0, 60.0]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_write_whose_fate_is_unknown_is_sent_once(client_of: ClientOf, status: int) -> None:
    """A 5xx may come after the effect: a second POST could make a second source."""
    client, script = client_of(httpx.Response(status), httpx.Response(201, json=SOURCE))
    with pytest.raises(CopassServerError, match="may have been carried out") as failed:
        client.send(REGISTER)
    assert failed.value.is_transient
    assert len(script.requests) == 1


def test_a_write_that_was_turned_away_is_sent_again_and_the_caller_asked_each_time(client_of: ClientOf) -> None:
    """After a 429, and where no connection was made, nothing was applied. The caller is asked before each attempt."""
    client, script = client_of(
        httpx.Response(429), httpx.ConnectError("refused"), httpx.Response(201, json=SOURCE), max_attempts=3
    )
    sent_before: list[int] = []
    source = client.send(REGISTER, before_attempt=lambda: sent_before.append(len(script.requests)))
    assert source.data_source_id == "ds_1"
    assert sent_before == [0, 1, 2]


@pytest.mark.parametrize(("objects_to", "kind"), [(1, LookupError), (2, CopassRateLimitError)])
def test_nothing_is_sent_once_the_caller_objects(client_of: ClientOf, objects_to: int, kind: type[Exception]) -> None:
    """A lease that was lost during a pause forbids what was allowed before it; how the last attempt failed is told."""
    asked = 0

    def verify_lease() -> None:
        nonlocal asked
        asked += 1
        if asked == objects_to:
            raise LookupError("the lease is lost")

    client, script = client_of(httpx.Response(429))
    with pytest.raises(kind):
        client.send(REGISTER, before_attempt=verify_lease)
    assert len(script.requests) == objects_to - 1


@pytest.mark.parametrize(
    ("fault", "kind", "sent"),
    [
        (httpx.ConnectError(SECRET), CopassConnectError, 3),
        (httpx.ConnectTimeout(SECRET), CopassConnectError, 3),
        (httpx.PoolTimeout(SECRET), CopassConnectError, 3),
        (httpx.ProxyError(SECRET), CopassConnectError, 3),
        (httpx.ReadTimeout(SECRET), CopassTimeoutError, 1),
        (httpx.WriteTimeout(SECRET), CopassTimeoutError, 1),
        (httpx.ReadError(SECRET), CopassConnectionLostError, 1),
        (httpx.WriteError(SECRET), CopassConnectionLostError, 1),
        (httpx.RemoteProtocolError(SECRET), CopassConnectionLostError, 1),
        (httpx.DecodingError(SECRET), CopassConnectionLostError, 1),
    ],
)
def test_a_network_fault_becomes_our_own_error(
    client_of: ClientOf, fault: Exception, kind: type[CopassCallError], sent: int
) -> None:
    """httpx's exceptions hold the request with its token: none of them is a cause or a context of ours."""
    client, script = client_of(fault)
    with pytest.raises(kind) as failed:
        client.send(REGISTER)
    assert len(script.requests) == sent
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    assert "canary" not in everything_said(failed.value)
    assert TOKEN not in everything_said(failed.value)


def test_the_last_failure_is_the_one_that_is_raised(client_of: ClientOf) -> None:
    """When all attempts are used up, the error is that of the last one."""
    client, script = client_of(
        httpx.Response(503), httpx.Response(500), httpx.Response(429, headers={"retry-after": "9"})
    )
    with pytest.raises(CopassRateLimitError) as failed:
        client.send(GET)
    assert failed.value.retry_after == 9.0
    assert failed.value.is_transient
    assert len(script.requests) == 3


def test_one_attempt_means_no_retry(client_of: ClientOf) -> None:
    """``max_attempts`` counts the first try."""
    client, script = client_of(httpx.Response(503), max_attempts=1)
    with pytest.raises(CopassServerError):
        client.send(GET)
    assert (len(script.requests), client.pauses) == (1, [])


@pytest.mark.parametrize(
    ("call", "answer", "expected"),
    [
        (calls.pause_source("s", "d"), {"status": "paused"}, "paused"),
        (calls.resume_source("s", "d"), {"status": "active"}, "active"),
        (calls.disconnect_source("s", "d"), {}, ""),
    ],
)
def test_a_status_is_read(client_of: ClientOf, call: calls.Call[Any], answer: dict[str, str], expected: str) -> None:
    """Pause, resume and disconnect answer with a status object."""
    client, _ = client_of(httpx.Response(200, json=answer))
    assert client.send(call).status == expected


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b'{"deleted": true}')])
def test_a_delete_takes_an_object_or_nothing(client_of: ClientOf, status: int, body: bytes) -> None:
    """Both answers have been seen."""
    client, script = client_of(httpx.Response(status, content=body))
    client.send(calls.delete_source("s", "d"))
    assert script.requests[0].method == "DELETE"


def test_a_pull_gives_its_job_and_a_purge_its_counts(client_of: ClientOf) -> None:
    """The words of the answers are kept."""
    job = {"job_id": "j", "job_type": "data_source_pull", "status": "queued"}
    client, script = client_of(httpx.Response(202, json=job), httpx.Response(200, json={"vault": 3}))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert client.send(calls.pull_source("s", "d", since=since, vault_only=True)).job_id == "j"
    assert client.send(calls.purge_source("s", "d", delete_source=False)).model_dump() == {"vault": 3}
    assert [json.loads(request.content) for request in script.requests] == [
        {"since": "2026-01-01T00:00:00+00:00", "vault_only": True},
        {"delete_source": False},
    ]


def test_the_generator_asks_again_only_for_what_it_was_given() -> None:
    """A driver that answers a Send with nothing is a mistake of the driver's, and is said to be."""
    steps = exchange.exchange(GET, RetryPolicy(max_attempts=1), now=lambda: 0.0)
    assert isinstance(next(steps), exchange.Send)
    with pytest.raises(TypeError, match="answered with nothing"):
        next(steps)
