"""What a registration ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source

SHOWN = frozenset(
    {
        "data_source_id",
        "user_id",
        "sandbox_id",
        "provider",
        "name",
        "ingestion_mode",
        "status",
        "kind",
        "external_account_id",
        "poll_interval_seconds",
        "webhook_url",
        "last_sync_at",
        "created_at",
    }
)
"""The documented fields that can hold no credential: not the secret, not ``adapter_config``, nothing unknown."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A source that is there.

    :param source: the source, without its secret.
    :param is_new: whether this registration made it.
    :param stored_as: the key of its secret; None where it has none or it is not stored.
    :param is_changed: whether a source that was there was brought up to date.
    """

    source: Source
    is_new: bool
    stored_as: str | None = None
    is_changed: bool = False

    def shown(self) -> dict[str, Any]:
        """Return the source as JSON, for others to see."""
        return shown(self.source)


def shown(source: Source) -> dict[str, Any]:
    """Return a source as JSON, for others to see: what can hold a credential is left out.

    :param source: the source.
    """
    return source.model_dump(mode="json", include=set(SHOWN))


def without_secret(source: Source) -> Source:
    """Return a source that can be kept: its secret has no business beyond the store."""
    return source.model_copy(update={"webhook_signing_secret": None})
