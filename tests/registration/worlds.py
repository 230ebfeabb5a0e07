"""An account and a store in memory, as ports of the protocol."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from airflow_provider_copass.api import Source, SourceList
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.registration import Wish


class Account:
    """Sources of one sandbox; names are not unique, and a secret is shown once."""

    def __init__(self) -> None:
        self.rows: dict[str, Source] = {}
        self.asked: list[str] = []
        self.count: int | None = None
        self.issues_secrets = True
        self._minted = 0

    def seed(self, **fields: Any) -> str:
        """Put a source there as if it had always been."""
        source_id = f"ds-{len(self.rows) + 1}"
        known = {
            "provider": "slack",
            "name": "n",
            "status": "active",
            "ingestion_mode": "manual",
            "kind": None,
            "external_account_id": None,
            "poll_interval_seconds": None,
            **fields,
        }
        self.rows[source_id] = Source(data_source_id=source_id, sandbox_id="sb", user_id="u", **known)
        return source_id

    def list_sources(self, provider: str | None = None, status: str | None = None) -> SourceList:
        """List what is there."""
        self.asked.append("list")
        rows = [row for row in self.rows.values() if provider in (None, row.provider)]
        return SourceList(sources=rows, count=self.count)

    def register_source(self, **fields: Any) -> Source:
        """Make a source, and another at each further call."""
        self.asked.append("register")
        return self._with_secret(self.rows[self.seed(**fields)])

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Mint a fresh secret."""
        self.asked.append("rotate")
        return self._with_secret(self.rows[data_source_id])

    def _with_secret(self, source: Source) -> Source:
        if source.ingestion_mode != "realtime" or not self.issues_secrets:
            return source
        self._minted += 1
        return source.model_copy(update={"webhook_signing_secret": SecretStr(f"canary-{self._minted}")})


class Store:
    """Secrets in a dict."""

    name = "test store"

    def __init__(self, **held: str) -> None:
        self.held = held
        self.shadow: dict[str, str] = {}

    def check(self, key: str) -> None:
        """Take any key."""

    def read(self, key: str) -> SecretStr | None:
        """Read, a shadowing value first."""
        value = self.shadow.get(key, self.held.get(key))
        return None if value is None else SecretStr(value)

    def write(self, key: str, secret: SecretStr) -> None:
        """Write."""
        self.held[key] = secret.get_secret_value()


class Log:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []

    def info(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.infos.append(msg % args)

    def warning(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.warnings.append(msg % args)


def wish(**fields: Any) -> Wish:
    """Ask for a source."""
    of_wish = {name: fields.pop(name) for name in ("if_exists", "on_missing_secret", "key") if name in fields}
    source = read_register(**{"provider": "slack", "name": "n", "ingestion_mode": "manual", **fields})
    return Wish(sandbox_id="sb", source=source, **of_wish)
