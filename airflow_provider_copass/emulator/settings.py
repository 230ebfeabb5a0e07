"""What a test may change about how the emulated API behaves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Settings:
    """The switches of one emulator.

    :param max_data_sources: quota of sources: one figure for every sandbox, or one by sandbox id.
    :param providers_without_secret: realtime sources of these providers are answered without a secret.
    :param grace_seconds: how long the predecessor of a rotated secret stays valid, in seconds.
    :param list_lag_seconds: how long a registered source is missing from ``list``, in seconds.
    :param mask_adapter_config: answers show ``***`` for text in ``adapter_config`` whose key looks secret.
    :param clock_offset_seconds: by how much the server's clock (``Date``, ``created_at``) is ahead of ours.
    :param register_status: the status of a successful register; no public page says which it is.
    :param job_states: the words that a job goes through, and stays at the last.
    :param job_seconds: how long each of those words lasts, in seconds; 0 for one word further at each look.
    :param pull_jobs_at_ingest: the job of a pull is found where those of ingest are; no public page says so.
    """

    max_data_sources: int | dict[str, int] = 10_000
    providers_without_secret: list[str] = field(default_factory=list)
    grace_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    mask_adapter_config: bool = False
    clock_offset_seconds: float = 0.0
    register_status: int = 201
    job_states: list[str] = field(default_factory=lambda: ["queued", "processing", "completed"])
    job_seconds: float = 0.0
    pull_jobs_at_ingest: bool = True

    def change(self, changes: dict[str, Any]) -> None:
        """Set some of the switches, all of them or none.

        :param changes: new values by name.
        :raises ControlError: for an unknown name or a value that its switch cannot take.
        """
        for name, value in changes.items():
            rule = _RULES.get(name)
            if rule is None:
                raise ControlError(f"no such setting: {name}; there are {', '.join(_RULES)}")
            takes, meaning = rule
            if not takes(value):
                raise ControlError(f"the setting {name} takes {meaning}")
        for name, value in changes.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        """Return every switch and its value."""
        return dataclasses.asdict(self)

    def quota(self, sandbox_id: str) -> int:
        """Return how many sources a sandbox may hold.

        :param sandbox_id: the sandbox.
        """
        if isinstance(self.max_data_sources, dict):
            return self.max_data_sources.get(sandbox_id, Settings().quota(sandbox_id))
        return self.max_data_sources


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and value >= 0


def _is_quota(value: object) -> bool:
    return _is_count(value) or (isinstance(value, dict) and all(map(_is_count, value.values())))


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "max_data_sources": (_is_quota, "a count, or an object of counts by sandbox id"),
    "providers_without_secret": (_is_words, "a list of providers"),
    "grace_seconds": (_is_duration, "seconds, 0 or more"),
    "list_lag_seconds": (_is_duration, "seconds, 0 or more"),
    "mask_adapter_config": (_is_flag, "true or false"),
    "clock_offset_seconds": (_is_number, "seconds"),
    "register_status": (lambda value: value in (200, 201), "200 or 201"),
    "job_states": (lambda value: _is_words(value) and value != [], "a list of at least one word"),
    "job_seconds": (_is_duration, "seconds, 0 or more"),
    "pull_jobs_at_ingest": (_is_flag, "true or false"),
}
