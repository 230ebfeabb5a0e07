"""What is looked at: a source by its id, or by its provider and name, or a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceId:
    """A source by its id."""

    data_source_id: str

    def __str__(self) -> str:
        return f"source {self.data_source_id}"


@dataclass(frozen=True, slots=True)
class SourceName:
    """The live source of a provider and a name."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider} source {self.name!r}"


@dataclass(frozen=True, slots=True)
class JobId:
    """A job by its id."""

    job_id: str

    def __str__(self) -> str:
        return f"job {self.job_id}"


Target = SourceId | SourceName | JobId


def target_as_json(target: Target) -> dict[str, str]:
    """Return a target as JSON values.

    :param target: the target.
    """
    return asdict(target)


def target_from_json(given: dict[str, Any]) -> Target:
    """Return the target of :func:`target_as_json`.

    :param given: the JSON values.
    """
    if "job_id" in given:
        return JobId(**given)
    return SourceId(**given) if "data_source_id" in given else SourceName(**given)
