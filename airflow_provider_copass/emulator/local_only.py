"""Only programs of this machine get in, and no page that a browser of it shows.

The control surface asks for no token, and a web page can send requests to this machine. It cannot choose the ``Host``
by which it has found the emulator, nor leave out its ``Origin``, nor send JSON elsewhere without asking first.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from airflow_provider_copass.emulator.witness import CONTROL

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class LocalOnly:
    """The door of the server.

    :param app: what serves the requests that may come in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it unread and unrecorded."""
        refusal = _refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


def _refusal(scope: Scope) -> JSONResponse | None:
    headers = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in scope["headers"]}
    host = headers.get("host", "")
    if not _LOCAL.fullmatch(host):
        return _answer(
            HTTPStatus.MISDIRECTED_REQUEST,
            "The emulator is for programs of this machine: the Host must be 127.0.0.1, localhost or [::1].",
        )
    if headers.get("origin", f"http://{host}").lower() != f"http://{host}".lower():
        return _answer(HTTPStatus.FORBIDDEN, "The emulator serves no web page of another origin.")
    is_control = scope["path"].startswith(CONTROL + "/")
    if is_control and scope["method"] not in _READS and not _is_json(headers):
        return _answer(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body of a control call is JSON, and says so: Content-Type: application/json.",
        )
    return None


def _is_json(headers: dict[str, str]) -> bool:
    """Tell whether a request's body is JSON by its own word; one without a body need not say so."""
    kind = headers.get("content-type")
    if kind is None:
        return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return kind.partition(";")[0].strip().lower() == "application/json"


def _answer(status: HTTPStatus, detail: str) -> JSONResponse:
    # The body is not read, so the connection cannot serve another request.
    return JSONResponse(
        {"error": status.phrase.lower().replace(" ", "_"), "detail": detail}, status, {"Connection": "close"}
    )
