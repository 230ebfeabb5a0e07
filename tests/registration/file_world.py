"""Records and secrets as files in a folder, for many processes at once; each write is atomic, as a database's is."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from airflow_provider_copass.api import ClientSettings, CopassClient, RetryPolicy, Source, SourceList, calls
from airflow_provider_copass.registration import Owner, Registered, Registration, Timing
from airflow_provider_copass.registration.ports import SecretOwner
from tests.registration.worlds import wish

QUICK = Timing(settle=1.5, claim=0.4, take_over=0.8, takeover_after=20, patience=60, poll=0.1)


class Folder:
    """Texts under names: a port for records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> str | None:
        """Read; a file that is not there is proof enough in a file system."""
        try:
            return (self.path / key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write(self, key: str, value: str) -> None:
        """Write at once or not at all."""
        half = self.path / f".{secrets.token_hex(8)}"
        half.write_text(value, encoding="utf-8")
        os.replace(half, self.path / key)  # noqa: PTH105 - atomic, and says so

    def remove(self, key: str) -> None:
        """Remove."""
        (self.path / key).unlink(missing_ok=True)

    def texts(self) -> dict[str, str]:
        """Return everything that is there, but for the sign that sources are being registered, which is no record."""
        return {
            file.name: file.read_text(encoding="utf-8")
            for file in self.path.iterdir()
            if file.name[0] != "." and not file.name.startswith("copass_record_singles_")
        }


class FolderStore:
    """Secrets in a folder: a port for the store."""

    name = "test folder"

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)

    def check(self, key: str) -> None:
        """Take any key."""

    def check_write(self, key: str) -> None:
        """Take any key."""

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        value = self.folder.read(key)
        return None if value is None else SecretStr(value)

    def owner_of(self, key: str) -> None:
        """Keep no notes."""

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        self.folder.write(key, secret.get_secret_value())


class Api:
    """The real client, as a port for the sources of one sandbox."""

    def __init__(self, client: CopassClient, sandbox_id: str = "sb_demo") -> None:
        self._client = client
        self._sandbox_id = sandbox_id

    def list_sources(self, provider: str | None = None, status: str | None = None) -> SourceList:
        """List."""
        return self._client.send(calls.list_sources(self._sandbox_id, provider=provider, status=status))

    def get_source(self, data_source_id: str) -> Source:
        """Read one."""
        return self._client.send(calls.get_source(self._sandbox_id, data_source_id))

    def register_source(self, **fields: Any) -> Source:
        """Register."""
        return self._client.send(calls.register_source(self._sandbox_id, **fields))

    def update_source(self, data_source_id: str, *, merge_adapter_config: bool = False, **changes: Any) -> Source:
        """Change."""
        call = calls.update_source(
            self._sandbox_id,
            data_source_id,
            changes,  # type: ignore[arg-type]
            merge_adapter_config=merge_adapter_config,
        )
        return self._client.send(call)

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Rotate."""
        return self._client.send(calls.rotate_webhook_secret(self._sandbox_id, data_source_id))

    def delete_source(self, data_source_id: str) -> None:
        """Delete."""
        self._client.send(calls.delete_source(self._sandbox_id, data_source_id))


class Clock:
    """The time of this machine."""

    now = staticmethod(time.time)
    sleep = staticmethod(time.sleep)


class Log:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.said.append(msg % args)

    warning = info


def client_for(
    url: str,
    token: str,
    *,
    timeout: float = 5.0,
    max_attempts: int = 2,
    transport: httpx.BaseTransport | None = None,
) -> CopassClient:
    """Make a client that retries at once."""
    settings = ClientSettings(token=token, base_url=url, timeout=timeout, max_attempts=max_attempts)
    policy = RetryPolicy(max_attempts=max_attempts, draw=lambda: 0.0)
    return CopassClient(settings, policy=policy, transport=transport)


def registration(
    client: CopassClient,
    folder: Path,
    *,
    task: str = "dag/run/task/-1",
    attempt: int = 1,
    timing: Timing = QUICK,
    report: Log | None = None,
    **fields: Any,
) -> Registration:
    """Make one try of a task."""
    return Registration(
        wish(**{"ingestion_mode": "realtime", **fields}),
        sources=Api(client),
        secrets=FolderStore(folder / "secrets"),
        records=Folder(folder / "records"),
        report=report or Log(),
        clock=Clock(),
        owner=Owner(task, attempt),
        mark=secrets.token_hex(16),
        timing=timing,
    )


def register(client: CopassClient, folder: Path, **options: Any) -> Registered:
    """Run one try of a task to its end."""
    return registration(client, folder, **options).run()
