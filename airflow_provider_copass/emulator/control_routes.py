"""The control surface over HTTP, below ``/_emulator``. Open to this machine alone, so without a token."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from airflow_provider_copass.emulator.control import Control
from airflow_provider_copass.emulator.errors import ControlError


async def _the_control(request: Request) -> Control:
    """Return the control surface of the emulator that this request came to."""
    control: Control = request.scope["control"]
    return control


TheControl = Annotated[Control, Depends(_the_control)]


async def _reset(control: TheControl) -> JSONResponse:
    """Go back to the start."""
    return JSONResponse(control.reset())


async def _seed(control: TheControl, request: Request) -> JSONResponse:
    """Put sources and sandboxes there."""
    body = await _object(request, {"sources", "sandboxes"})
    return JSONResponse(control.seed(**body), 201)


async def _sources(control: TheControl) -> JSONResponse:
    """Show every source there is or was."""
    rows = control.sources()
    return JSONResponse({"sources": rows, "count": len(rows)})


async def _set_source(control: TheControl, data_source_id: str, request: Request) -> JSONResponse:
    """Change a source behind the API's back."""
    return JSONResponse(control.set_source(data_source_id, await _object(request)))


async def _jobs(control: TheControl) -> JSONResponse:
    """Show every job."""
    rows = control.jobs()
    return JSONResponse({"jobs": rows, "count": len(rows)})


async def _set_job(control: TheControl, job_id: str, request: Request) -> JSONResponse:
    """Change a job, which does not get on by itself from then on."""
    return JSONResponse(control.set_job(job_id, await _object(request)))


async def _verify_secret(control: TheControl, request: Request) -> JSONResponse:
    """Tell whether a secret is valid."""
    body = await _object(request, {"data_source_id", "secret", "sha256"})
    data_source_id = body.pop("data_source_id", "")
    return JSONResponse(control.verify_secret(data_source_id, **body))


async def _requests(
    control: TheControl, operation: str | None = None, after: int = 0, answered: bool = False, wait: float = 0
) -> JSONResponse:
    """Show the requests that came in."""
    rows = await control.log.read(operation=operation, after=after, answered=answered, wait=wait)
    return JSONResponse({"requests": rows, "count": len(rows)})


async def _get_settings(control: TheControl) -> JSONResponse:
    """Show the settings."""
    return JSONResponse(control.settings({}))


async def _set_settings(control: TheControl, request: Request) -> JSONResponse:
    """Change settings."""
    return JSONResponse(control.settings(await _object(request)))


async def _faults(
    control: TheControl,
    fault_id: Annotated[int | None, Query(alias="id")] = None,
    hits: int = 1,
    waiting: int = 0,
    wait: float = 0,
) -> JSONResponse:
    """Show the faults and what they have met."""
    rows = await control.faults.read(fault_id=fault_id, hits=hits, waiting=waiting, wait=wait)
    return JSONResponse({"faults": rows, "count": len(rows)})


async def _add_fault(control: TheControl, request: Request) -> JSONResponse:
    """Add a fault."""
    return JSONResponse(control.faults.add(await _object(request)), 201)


async def _clear_faults(control: TheControl) -> JSONResponse:
    """Remove every fault."""
    return JSONResponse({"removed": control.faults.clear()})


async def _release(control: TheControl, fault_id: int) -> JSONResponse:
    """Let go on what a fault holds back."""
    return JSONResponse({"released": control.faults.release(fault_id)})


def routes() -> APIRouter:
    """Return the table of control calls."""
    router = APIRouter(prefix="/_emulator")
    for method, path, endpoint in (
        ("POST", "/reset", _reset),
        ("POST", "/seed", _seed),
        ("GET", "/sources", _sources),
        ("POST", "/sources/{data_source_id}", _set_source),
        ("GET", "/jobs", _jobs),
        ("POST", "/jobs/{job_id}", _set_job),
        ("POST", "/verify-secret", _verify_secret),
        ("GET", "/requests", _requests),
        ("GET", "/settings", _get_settings),
        ("POST", "/settings", _set_settings),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/faults/{fault_id}/release", _release),
    ):
        router.add_api_route(path, endpoint, methods=[method], response_model=None)
    return router


async def _object(request: Request, known: set[str] | None = None) -> dict[str, Any]:
    """Return the JSON object of a request's body."""
    try:
        body = await request.json()
    except ValueError:
        # Not chained: the parser's error holds the whole text, in which a seeded secret may stand.
        raise ControlError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ControlError("the body is not a JSON object")
    if known is not None and (unknown := set(body) - known):
        raise ControlError(f"unknown: {', '.join(sorted(unknown))}")
    return body
