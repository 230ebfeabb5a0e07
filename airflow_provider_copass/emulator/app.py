"""The application: the API, the control surface, and the shapes of their errors."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from airflow_provider_copass.emulator import api_routes, control_routes
from airflow_provider_copass.emulator.control import Control
from airflow_provider_copass.emulator.errors import ApiError, ControlError
from airflow_provider_copass.emulator.faults import Faults
from airflow_provider_copass.emulator.local_only import LocalOnly
from airflow_provider_copass.emulator.requests_log import RequestsLog
from airflow_provider_copass.emulator.witness import CONTROL, UNKNOWN, Witness

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from airflow_provider_copass.emulator.state import State


def build_app(state: State, token: str, report: Callable[[str], None] | None = None) -> tuple[LocalOnly, Control]:
    """Return the application, and the control surface for what runs in the same process.

    :param state: the emulated account.
    :param token: the bearer token that the API asks for.
    :param report: called with a line for each request that is over, or None.
    """
    app, api = _framework()
    operations = frozenset(route.name for route in api if hasattr(route, "name"))
    faults, log = Faults(operations | {UNKNOWN}), RequestsLog()
    control = Control(state, faults, log)

    async def of_this_emulator(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "account": state, "control": control}, receive, send)

    witness = Witness(of_this_emulator, routes=api, state=state, faults=faults, log=log, token=token, report=report)
    return LocalOnly(witness), control


@cache
def _framework() -> tuple[FastAPI, list[BaseRoute]]:
    """Return the application that all emulators of this process share, and the routes of the API.

    It takes as long to make as dozens of requests, and a test has an emulator of its own.
    """
    api = api_routes.routes()
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.include_router(api)
    app.include_router(control_routes.routes())
    app.add_exception_handler(ApiError, _refused_by_the_api)
    app.add_exception_handler(ControlError, _refused_by_the_control_surface)
    app.add_exception_handler(HTTPException, _refused_by_the_framework)
    app.add_exception_handler(RequestValidationError, _refused_by_the_schema)
    return app, api.routes


def _error(status: int, error: str, detail: Any, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": error, "detail": detail}, status, headers)


async def _refused_by_the_api(_: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, ApiError)  # noqa: S101 - what it is registered for
    return _error(refusal.status, refusal.error, refusal.detail)


async def _refused_by_the_control_surface(_: Request, refusal: Exception) -> JSONResponse:
    return _error(400, "bad_control_request", str(refusal))


async def _refused_by_the_framework(_: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, HTTPException)  # noqa: S101 - what it is registered for
    word = HTTPStatus(refusal.status_code).phrase.lower().replace(" ", "_")
    return _error(refusal.status_code, word, refusal.detail, refusal.headers)


async def _refused_by_the_schema(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, RequestValidationError)  # noqa: S101 - what it is registered for
    if request.url.path.startswith(CONTROL + "/"):
        return _error(400, "bad_control_request", "a query parameter has the wrong type")
    # The input is echoed, credentials and all, as servers of this make do: a client must cope with that.
    return JSONResponse({"detail": [_plain(dict(error)) for error in refusal.errors()]}, 422)


def _plain(error: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {key: error[key] for key in ("type", "loc", "msg", "input") if key in error}
    if "ctx" in error:
        plain["ctx"] = {
            key: str(value) if isinstance(value, Exception) else value for key, value in error["ctx"].items()
        }
    return plain
