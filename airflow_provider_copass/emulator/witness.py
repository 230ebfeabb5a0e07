"""The way of a request through the emulator: recorded, checked, met by faults, carried out, answered."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from starlette.routing import Match

from airflow_provider_copass.emulator.api_routes import bearer
from airflow_provider_copass.emulator.fault_actions import Answer, Cut
from airflow_provider_copass.emulator.faults import DiscardedError, Faults
from airflow_provider_copass.emulator.requests_log import RecordedRequest, RequestsLog
from airflow_provider_copass.emulator.texts import without_text

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_copass.emulator.state import State

CONTROL = "/_emulator"
UNKNOWN = "unknown"
_BODYLESS = frozenset({204, 205, 304})
_NOT_JSON = Answer(
    422,
    [("content-type", "application/json")],
    json.dumps(
        {"detail": [{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}]}
    ).encode(),
)


class Witness:
    """The outermost layer of the server.

    :param app: the application that carries requests out.
    :param routes: the routes of the API, whose names are the operations'.
    :param state: the emulated account, whose clock dates the answers.
    :param faults: the script of faults.
    :param log: where requests are recorded.
    :param token: the bearer token that the API asks for; only its fingerprint is kept.
    :param report: called with a line for each request that is over, or None.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Sequence[BaseRoute],
        state: State,
        faults: Faults,
        log: RequestsLog,
        token: str,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._routes = routes
        self._state = state
        self._faults = faults
        self._log = log
        self._token = hashlib.sha256(token.encode()).digest()
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request_id = uuid.uuid4().hex
        body = await _read(receive)
        if body is None:
            return
        if scope["path"].startswith(CONTROL + "/"):
            await self._send(await self._carry_out(scope, body), request_id, scope, receive, send)
            return
        parsed, is_json = _parse(body)
        request = self._log.add(lambda n: self._recorded(n, scope, parsed, request_id))
        status = None
        try:
            outcome = await self._outcome(request, scope, body, is_json=is_json)
            status = outcome.status if isinstance(outcome, Answer) else None
        finally:
            # Before the client can know, so that anyone who has an answer finds it in the record.
            self._log.finish(request, status)
            if self._report is not None:
                self._report(f"{request.method} {quote(request.path)} {status or 'no answer'}")
        await self._send(outcome, request_id, scope, receive, send)

    def _recorded(self, n: int, scope: Scope, body: Any, request_id: str) -> RecordedRequest:
        operation, path_params = self._operation(scope)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return RecordedRequest(
            n=n,
            operation=operation,
            method=scope["method"],
            path=scope["path"],
            path_params=path_params,
            query=query,
            body=without_text(body),
            headers=sorted(headers),
            user_agent=headers.get("user-agent"),
            request_id=request_id,
            fields={**query, **(body if isinstance(body, dict) else {}), **path_params},
        )

    def _operation(self, scope: Scope) -> tuple[str, dict[str, str]]:
        for route in self._routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return route.name, dict(child["path_params"])  # type: ignore[attr-defined]
        return UNKNOWN, {}

    async def _outcome(self, request: RecordedRequest, scope: Scope, body: bytes, *, is_json: bool) -> Answer | Cut:
        try:
            instead = await self._met_fault(request, "before", None)
            if instead is not None:
                return instead
            own = self._refusal(request, scope, is_json=is_json) or await self._carry_out(scope, body)
            request.effect = 200 <= own.status < 300  # noqa: PLR2004
            return await self._met_fault(request, "after", own) or own
        except DiscardedError:
            return Cut.FIN

    async def _met_fault(self, request: RecordedRequest, when: str, own: Answer | None) -> Answer | Cut | None:
        fault = self._faults.claim(request, when)
        if fault is None:
            return None
        if fault.action.pause is not None:
            await self._faults.hold_back(fault)
        return fault.action.play(own)

    def _refusal(self, request: RecordedRequest, scope: Scope, *, is_json: bool) -> Answer | None:
        if request.operation != "deliver":
            sent = bearer(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
            if not hmac.compare_digest(hashlib.sha256(sent.encode()).digest(), self._token):
                detail = "Missing or wrong bearer token"
                return Answer(
                    401,
                    [("content-type", "application/json"), ("www-authenticate", "Bearer")],
                    json.dumps({"error": "unauthorized", "detail": detail}).encode(),
                )
        return None if is_json else _NOT_JSON

    async def _carry_out(self, scope: Scope, body: bytes) -> Answer:
        answer = Answer(500)

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in message["headers"]
                    if name != b"content-length"
                ]
            else:
                answer.body += message.get("body", b"")

        await self._app(scope, receive, send)
        return answer

    async def _send(self, outcome: Answer | Cut, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"]["transport"]
        if isinstance(outcome, Cut):
            _hang_up(transport, outcome)
            await _gone(receive)
            return
        headers = [
            ("date", formatdate(self._state.now().timestamp(), usegmt=True)),
            ("x-request-id", request_id),
            *outcome.headers,
        ]
        body = b"" if outcome.status in _BODYLESS else outcome.body
        if outcome.status not in _BODYLESS:
            headers.append(("content-length", str(len(body))))
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": outcome.status, "headers": raw})
        if outcome.cut_after is None:
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.body", "body": body[: outcome.cut_after], "more_body": True})
        _hang_up(transport, Cut.FIN)
        await _gone(receive)


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
    return None


def _parse(body: bytes) -> tuple[Any, bool]:
    """Return the JSON of a body for the record, and whether it may be handed on.

    NaN and the infinities are no JSON, though Python's own parser, and so the framework, would take them.
    """
    odd: list[str] = []
    try:
        parsed = json.loads(body, parse_constant=odd.append) if body else None
    except (ValueError, RecursionError):
        return None, True
    return (None, False) if odd else (parsed, True)


def _hang_up(transport: asyncio.Transport, cut: Cut) -> None:
    if cut is Cut.FIN:
        transport.close()
        return
    # Lingering for no time is what makes the kernel send RST instead of FIN.
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _gone(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is closed, so that it misses no answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
