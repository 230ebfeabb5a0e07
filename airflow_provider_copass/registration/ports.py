"""What the protocol needs of the world. Tests put worlds here that fail wherever they are told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.api import Source, SourceList


class Sources(Protocol):
    """The API's calls on the sources of one sandbox; :class:`~airflow_provider_copass.hooks.CopassHook` is one."""

    def list_sources(self, provider: str | None = None, status: str | None = None) -> SourceList:
        """List the sources."""

    def register_source(
        self,
        *,
        provider: str,
        name: str,
        ingestion_mode: str | None = None,
        kind: str | None = None,
        external_account_id: str | None = None,
        adapter_config: dict[str, Any] | None = None,
        poll_interval_seconds: int | None = None,
    ) -> Source:
        """Register a source, with one POST."""

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Mint a fresh secret, with one POST."""


class Secrets(Protocol):
    """Where secrets are kept."""

    name: str
    """What to call the store in a message, such as ``Airflow Variable``."""

    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold.

        :raises CopassInputError: naming the rule.
        """

    def read(self, key: str) -> SecretStr | None:
        """Return what the key holds; None where it holds nothing."""

    def write(self, key: str, secret: SecretStr) -> None:
        """Let the key hold this secret."""


class Report(Protocol):
    """Where to say what was seen; a ``logging.Logger`` is one. Never a secret, nor a value of ``adapter_config``."""

    def info(self, msg: str, /, *args: object) -> object:
        """Say something that is as it should be."""

    def warning(self, msg: str, /, *args: object) -> object:
        """Say something that a person should know."""
