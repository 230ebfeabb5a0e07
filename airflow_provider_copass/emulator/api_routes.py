"""The calls of the emulated API: which path leads to which step of the state."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from airflow_provider_copass.emulator.operations import DISCONNECTED, Operations
from airflow_provider_copass.emulator.schemas import IngestBody, PullBody, PurgeBody, RegisterBody, UpdateBody
from airflow_provider_copass.emulator.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

SANDBOXES = "/api/v1/storage/sandboxes"
SANDBOX = SANDBOXES + "/{sandbox_id}"
SOURCES = SANDBOX + "/sources"
SOURCE = SOURCES + "/{data_source_id}"
INGEST = SANDBOX + "/ingest"


class ApiRoutes:
    """The endpoints of the emulated API.

    :param state: what they act on.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._operations = Operations(state)

    def router(self) -> APIRouter:
        """Return the table of calls. A route's name is the name of its operation."""
        table: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
            ("register", "POST", SOURCES, self.register),
            ("list", "GET", SOURCES, self.list_sources),
            ("get", "GET", SOURCE, self.get),
            ("update", "PATCH", SOURCE, self.update),
            ("delete", "DELETE", SOURCE, self.delete),
            ("rotate", "POST", SOURCE + "/rotate-webhook-secret", self.rotate),
            ("pause", "POST", SOURCE + "/pause", self.pause),
            ("resume", "POST", SOURCE + "/resume", self.resume),
            ("disconnect", "POST", SOURCE + "/disconnect", self.disconnect),
            ("pull", "POST", SOURCE + "/pull", self.pull),
            ("purge", "POST", SOURCE + "/purge", self.purge),
            ("ingest", "POST", INGEST, self.ingest),
            ("get_job", "GET", INGEST + "/{job_id}", self.get_job),
            ("list_sandboxes", "GET", SANDBOXES, self.list_sandboxes),
            ("get_sandbox", "GET", SANDBOX, self.get_sandbox),
            ("deliver", "POST", "/webhooks/{data_source_id}", self.deliver),
        )
        router = APIRouter()
        for operation, method, path, endpoint in table:
            router.add_api_route(path, endpoint, methods=[method], name=operation, response_model=None)
        return router

    async def register(self, sandbox_id: str, body: RegisterBody) -> JSONResponse:
        """Register a source."""
        row = self._operations.register(sandbox_id, body.model_dump())
        return JSONResponse(row, self._state.settings.register_status)

    async def list_sources(
        self, sandbox_id: str, provider: str | None = None, status: str | None = None
    ) -> JSONResponse:
        """List the sources of a sandbox."""
        return JSONResponse(self._operations.list_sources(sandbox_id, provider, status))

    async def get(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Get one source."""
        return JSONResponse(self._operations.get(sandbox_id, data_source_id))

    async def update(
        self, sandbox_id: str, data_source_id: str, body: UpdateBody, merge_adapter_config: bool = False
    ) -> JSONResponse:
        """Change a source."""
        fields = body.model_dump(exclude_unset=True)
        return JSONResponse(self._operations.update(sandbox_id, data_source_id, fields, merge=merge_adapter_config))

    async def delete(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Remove a registration."""
        return JSONResponse(self._operations.delete(sandbox_id, data_source_id))

    async def rotate(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Replace the secret of a realtime source."""
        return JSONResponse(self._operations.rotate(sandbox_id, data_source_id))

    async def pause(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Pause a source."""
        return JSONResponse(self._operations.set_status(sandbox_id, data_source_id, "paused"))

    async def resume(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Resume a source."""
        return JSONResponse(self._operations.set_status(sandbox_id, data_source_id, "active"))

    async def disconnect(self, sandbox_id: str, data_source_id: str) -> JSONResponse:
        """Disconnect a source for good."""
        return JSONResponse(self._operations.set_status(sandbox_id, data_source_id, DISCONNECTED))

    async def pull(self, sandbox_id: str, data_source_id: str, body: PullBody | None = None) -> JSONResponse:
        """Queue a pull."""
        vault_only = body is not None and body.vault_only
        return JSONResponse(self._operations.pull(sandbox_id, data_source_id, vault_only=vault_only), 202)

    async def purge(self, sandbox_id: str, data_source_id: str, body: PurgeBody | None = None) -> JSONResponse:
        """Remove what a source has brought in."""
        delete_source = body is not None and body.delete_source
        return JSONResponse(self._operations.purge(sandbox_id, data_source_id, delete_source=delete_source))

    async def ingest(self, sandbox_id: str, body: IngestBody) -> JSONResponse:
        """Take in a text."""
        queued = self._operations.ingest(
            sandbox_id,
            body.data_source_id,
            text=body.text,
            project_id=body.project_id,
            storage_only=body.storage_only,
        )
        return JSONResponse(queued, 202)

    async def get_job(self, sandbox_id: str, job_id: str) -> JSONResponse:
        """Look at a job."""
        return JSONResponse(self._operations.job(sandbox_id, job_id))

    async def list_sandboxes(self) -> JSONResponse:
        """List the sandboxes."""
        rows = [self._state.sandbox(sandbox_id) for sandbox_id in self._state.sandboxes]
        return JSONResponse({"sandboxes": rows, "count": len(rows)})

    async def get_sandbox(self, sandbox_id: str) -> JSONResponse:
        """Get one sandbox."""
        return JSONResponse(self._state.sandbox(sandbox_id))

    async def deliver(self, data_source_id: str, request: Request) -> JSONResponse:
        """Take in a webhook delivery, whose bearer token is the source's secret."""
        secret = bearer(request.headers.get("authorization", ""))
        text = (await request.body()).decode(errors="replace")
        return JSONResponse(self._operations.deliver(data_source_id, secret, text=text), 202)


def bearer(authorization: str) -> str:
    """Return the token of an ``Authorization`` header, or an empty text.

    :param authorization: the header's value.
    """
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
