"""The request bodies of the emulated API.

The rules are those of the vendor's page and no more lenient: types are strict, so that a number sent as text is
refused here even where the real server might take it. Fields that no page names are ignored.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import core_schema

Name = Annotated[str, Field(min_length=1, max_length=255)]
IngestionMode = Literal["realtime", "polling", "batch", "manual"]
# ISO 8601 text, which strict mode would only take as a Python object. By its schema and not by its class, for which a
# test that stops the clock may put another one.
Moment = Annotated[Any, GetPydanticSchema(lambda _source, _handler: core_schema.datetime_schema(strict=False))]
PollInterval = Annotated[int, Field(ge=60)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class RegisterBody(_Body):
    """What ``POST …/sources`` takes."""

    provider: str
    name: Name
    ingestion_mode: IngestionMode = "manual"
    kind: Literal["durable", "ephemeral"] = "durable"
    external_account_id: str | None = None
    adapter_config: dict[str, Any] = Field(default_factory=dict)
    poll_interval_seconds: PollInterval | None = None


class UpdateBody(_Body):
    """What ``PATCH …/sources/{id}`` takes; only the fields that were sent count, so no default is ever used."""

    name: Name = ""
    ingestion_mode: IngestionMode = "manual"
    external_account_id: str | None = None
    adapter_config: dict[str, Any] = Field(default_factory=dict)
    poll_interval_seconds: PollInterval | None = None


class PullBody(_Body):
    """What ``POST …/sources/{id}/pull`` takes."""

    since: Moment | None = None
    vault_only: bool = False


class PurgeBody(_Body):
    """What ``POST …/sources/{id}/purge`` takes."""

    delete_source: bool = False


class IngestBody(_Body):
    """What ``POST …/ingest`` takes."""

    text: str
    data_source_id: str | None = None
    source_type: str | None = None
    occurred_at: Moment | None = None
    speaker: str | None = None
    participants: list[str] | None = None
    project_id: str | None = None
    storage_only: bool = False
    origin: dict[str, Any] | None = None
