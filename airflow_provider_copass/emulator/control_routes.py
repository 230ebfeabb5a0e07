"""The control surface over HTTP, below ``/_emulator``. Open to this machine alone, so without a token."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from airflow_provider_copass.emulator.control import Control
from airflow_provider_copass.emulator.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable


class ControlRoutes:
    """The endpoints of the control surface.

    :param control: what they do.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def router(self) -> APIRouter:
        """Return the table of control calls."""
        table: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("POST", "/reset", self.reset),
            ("POST", "/seed", self.seed),
            ("GET", "/sources", self.sources),
            ("POST", "/sources/{data_source_id}", self.set_source),
            ("GET", "/jobs", self.jobs),
            ("POST", "/jobs/{job_id}", self.set_job),
            ("POST", "/verify-secret", self.verify_secret),
            ("GET", "/requests", self.requests),
            ("GET", "/settings", self.get_settings),
            ("POST", "/settings", self.set_settings),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/faults/{fault_id}/release", self.release),
        )
        router = APIRouter(prefix="/_emulator")
        for method, path, endpoint in table:
            router.add_api_route(path, endpoint, methods=[method], response_model=None)
        return router

    async def reset(self) -> JSONResponse:
        """Go back to the start."""
        return JSONResponse(self._control.reset())

    async def seed(self, request: Request) -> JSONResponse:
        """Put sources and sandboxes there."""
        body = await _object(request, {"sources", "sandboxes"})
        return JSONResponse(self._control.seed(**body), 201)

    async def sources(self) -> JSONResponse:
        """Show every source there is or was."""
        rows = self._control.sources()
        return JSONResponse({"sources": rows, "count": len(rows)})

    async def set_source(self, data_source_id: str, request: Request) -> JSONResponse:
        """Change a source behind the API's back."""
        return JSONResponse(self._control.set_source(data_source_id, await _object(request)))

    async def jobs(self) -> JSONResponse:
        """Show every job."""
        rows = self._control.jobs()
        return JSONResponse({"jobs": rows, "count": len(rows)})

    async def set_job(self, job_id: str, request: Request) -> JSONResponse:
        """Change a job, which does not get on by itself from then on."""
        return JSONResponse(self._control.set_job(job_id, await _object(request)))

    async def verify_secret(self, request: Request) -> JSONResponse:
        """Tell whether a secret is valid."""
        body = await _object(request, {"data_source_id", "secret", "sha256"})
        data_source_id = body.pop("data_source_id", "")
        return JSONResponse(self._control.verify_secret(data_source_id, **body))

    async def requests(
        self, operation: str | None = None, after: int = 0, answered: bool = False, wait: float = 0
    ) -> JSONResponse:
        """Show the requests that came in."""
        rows = await self._control.log.read(operation=operation, after=after, answered=answered, wait=wait)
        return JSONResponse({"requests": rows, "count": len(rows)})

    async def get_settings(self) -> JSONResponse:
        """Show the settings."""
        return JSONResponse(self._control.settings({}))

    async def set_settings(self, request: Request) -> JSONResponse:
        """Change settings."""
        return JSONResponse(self._control.settings(await _object(request)))

    async def faults(
        self,
        fault_id: Annotated[int | None, Query(alias="id")] = None,
        hits: int = 1,
        waiting: int = 0,
        wait: float = 0,
    ) -> JSONResponse:
        """Show the faults and what they have met."""
        rows = await self._control.faults.read(fault_id=fault_id, hits=hits, waiting=waiting, wait=wait)
        return JSONResponse({"faults": rows, "count": len(rows)})

    async def add_fault(self, request: Request) -> JSONResponse:
        """Add a fault."""
        return JSONResponse(self._control.faults.add(await _object(request)), 201)

    async def clear_faults(self) -> JSONResponse:
        """Remove every fault."""
        return JSONResponse({"removed": self._control.faults.clear()})

    async def release(self, fault_id: int) -> JSONResponse:
        """Let go on what a fault holds back."""
        return JSONResponse({"released": self._control.faults.release(fault_id)})


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
