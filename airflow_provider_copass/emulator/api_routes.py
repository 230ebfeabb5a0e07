"""The calls of the emulated API: which path leads to which step of the state."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from airflow_provider_copass.emulator.operations import DISCONNECTED, Operations
from airflow_provider_copass.emulator.schemas import IngestBody, PullBody, PurgeBody, RegisterBody, UpdateBody
from airflow_provider_copass.emulator.state import State

SANDBOXES = "/api/v1/storage/sandboxes"
SANDBOX = SANDBOXES + "/{sandbox_id}"
SOURCES = SANDBOX + "/sources"
SOURCE = SOURCES + "/{data_source_id}"
INGEST = SANDBOX + "/ingest"


async def _the_state(request: Request) -> State:
    """Return the account that this request is about: the routes are the same for every emulator of a process."""
    state: State = request.scope["account"]
    return state


TheState = Annotated[State, Depends(_the_state)]


async def _the_operations(state: TheState) -> Operations:
    return Operations(state)


TheOperations = Annotated[Operations, Depends(_the_operations)]


async def _register(operations: TheOperations, state: TheState, sandbox_id: str, body: RegisterBody) -> JSONResponse:
    """Register a source."""
    row = operations.register(sandbox_id, body.model_dump())
    return JSONResponse(row, state.settings.register_status)


async def _list_sources(
    operations: TheOperations, sandbox_id: str, provider: str | None = None, status: str | None = None
) -> JSONResponse:
    """List the sources of a sandbox."""
    return JSONResponse(operations.list_sources(sandbox_id, provider, status))


async def _get(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Get one source."""
    return JSONResponse(operations.get(sandbox_id, data_source_id))


async def _update(
    operations: TheOperations,
    sandbox_id: str,
    data_source_id: str,
    body: UpdateBody,
    merge_adapter_config: bool = False,
) -> JSONResponse:
    """Change a source."""
    fields = body.model_dump(exclude_unset=True)
    return JSONResponse(operations.update(sandbox_id, data_source_id, fields, merge=merge_adapter_config))


async def _delete(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Remove a registration."""
    return JSONResponse(operations.delete(sandbox_id, data_source_id))


async def _rotate(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Replace the secret of a realtime source."""
    return JSONResponse(operations.rotate(sandbox_id, data_source_id))


async def _pause(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Pause a source."""
    return JSONResponse(operations.set_status(sandbox_id, data_source_id, "paused"))


async def _resume(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Resume a source."""
    return JSONResponse(operations.set_status(sandbox_id, data_source_id, "active"))


async def _disconnect(operations: TheOperations, sandbox_id: str, data_source_id: str) -> JSONResponse:
    """Disconnect a source for good."""
    return JSONResponse(operations.set_status(sandbox_id, data_source_id, DISCONNECTED))


async def _pull(
    operations: TheOperations, sandbox_id: str, data_source_id: str, body: PullBody | None = None
) -> JSONResponse:
    """Queue a pull."""
    vault_only = body is not None and body.vault_only
    return JSONResponse(operations.pull(sandbox_id, data_source_id, vault_only=vault_only), 202)


async def _purge(
    operations: TheOperations, sandbox_id: str, data_source_id: str, body: PurgeBody | None = None
) -> JSONResponse:
    """Remove what a source has brought in."""
    delete_source = body is not None and body.delete_source
    return JSONResponse(operations.purge(sandbox_id, data_source_id, delete_source=delete_source))


async def _ingest(operations: TheOperations, sandbox_id: str, body: IngestBody) -> JSONResponse:
    """Take in a text."""
    queued = operations.ingest(
        sandbox_id,
        body.data_source_id,
        text=body.text,
        project_id=body.project_id,
        storage_only=body.storage_only,
    )
    return JSONResponse(queued, 202)


async def _get_job(operations: TheOperations, sandbox_id: str, job_id: str) -> JSONResponse:
    """Look at a job."""
    return JSONResponse(operations.job(sandbox_id, job_id))


async def _list_sandboxes(state: TheState) -> JSONResponse:
    """List the sandboxes."""
    rows = [state.sandbox(sandbox_id) for sandbox_id in state.sandboxes]
    return JSONResponse({"sandboxes": rows, "count": len(rows)})


async def _get_sandbox(state: TheState, sandbox_id: str) -> JSONResponse:
    """Get one sandbox."""
    return JSONResponse(state.sandbox(sandbox_id))


async def _deliver(operations: TheOperations, data_source_id: str, request: Request) -> JSONResponse:
    """Take in a webhook delivery, whose bearer token is the source's secret."""
    secret = bearer(request.headers.get("authorization", ""))
    text = (await request.body()).decode(errors="replace")
    return JSONResponse(operations.deliver(data_source_id, secret, text=text), 202)


def routes() -> APIRouter:
    """Return the table of calls. A route's name is the name of its operation."""
    router = APIRouter()
    for operation, method, path, endpoint in (
        ("register", "POST", SOURCES, _register),
        ("list", "GET", SOURCES, _list_sources),
        ("get", "GET", SOURCE, _get),
        ("update", "PATCH", SOURCE, _update),
        ("delete", "DELETE", SOURCE, _delete),
        ("rotate", "POST", SOURCE + "/rotate-webhook-secret", _rotate),
        ("pause", "POST", SOURCE + "/pause", _pause),
        ("resume", "POST", SOURCE + "/resume", _resume),
        ("disconnect", "POST", SOURCE + "/disconnect", _disconnect),
        ("pull", "POST", SOURCE + "/pull", _pull),
        ("purge", "POST", SOURCE + "/purge", _purge),
        ("ingest", "POST", INGEST, _ingest),
        ("get_job", "GET", INGEST + "/{job_id}", _get_job),
        ("list_sandboxes", "GET", SANDBOXES, _list_sandboxes),
        ("get_sandbox", "GET", SANDBOX, _get_sandbox),
        ("deliver", "POST", "/webhooks/{data_source_id}", _deliver),
    ):
        router.add_api_route(path, endpoint, methods=[method], name=operation, response_model=None)
    return router


def bearer(authorization: str) -> str:
    """Return the token of an ``Authorization`` header, or an empty text.

    :param authorization: the header's value.
    """
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
