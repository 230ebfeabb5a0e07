"""The protocol over the real client, with a folder as journal and store, for many processes at once."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from airflow_provider_copass.api import ClientSettings, CopassClient, RetryPolicy
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.registration import Registered, Registration, Runtime, SourceSpec, Timing, register_many
from airflow_provider_copass.registration.journal import Completed, from_text
from airflow_provider_copass.registration.ports import SecretOwner
from tests.registration.acts import owner
from tests.registration.simulation.ports import MemoryLog

T = TypeVar("T")

SANDBOX = "sb_demo"
QUICK = Timing(settle_timeout=1.5, lease_pause=0.4, wait_timeout=60, takeover_after=20, poll_interval=0.1)


class Folder:
    """Texts under names, as a journal has them; each write is atomic, as a database's is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def get(self, name: str) -> str | None:
        """Return a text; a file that is not there is proof enough in a file system."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read texts."""
        return {name: self.get(name) for name in names}

    def write(self, name: str, text: str, *, within: float = 0.0) -> None:
        """Write at once or not at all."""
        half = self.path / f".{secrets.token_hex(8)}"
        half.write_text(text, encoding="utf-8")
        os.replace(half, self.path / name)  # noqa: PTH105 - atomic, and says so

    def remove(self, name: str) -> None:
        """Remove a text."""
        (self.path / name).unlink(missing_ok=True)

    def texts(self) -> dict[str, str]:
        """Return everything that is there."""
        return {file.name: file.read_text(encoding="utf-8") for file in self.path.iterdir() if file.name[0] != "."}


class FolderStore:
    """A secret store in a folder."""

    name = "test folder"

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)

    def check(self, key: str) -> None:
        """Take any key."""

    def check_write(self, key: str) -> None:
        """Take any key."""

    def location(self, key: str) -> str:
        """Tell where a key is."""
        return key

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        value = self.folder.get(key)
        return None if value is None else SecretStr(value)

    def owner_of(self, key: str) -> None:
        """Keep no notes."""

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        self.folder.write(key, secret.get_secret_value())

    def remove(self, key: str) -> None:
        """Remove."""
        self.folder.remove(key)


class Clock:
    """The clocks of this machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


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


def runtime(
    client: CopassClient, folder: Path, *, task: str = "dag/run/task/-1", attempt: int = 1, **more: Any
) -> Runtime:
    """Return what one try of a task works with."""
    return Runtime(
        **{
            "client": client,
            "sandbox_id": SANDBOX,
            "secrets": FolderStore(folder / "secrets"),
            "journal": Folder(folder / "journal"),
            "log": MemoryLog(),
            "clock": Clock(),
            "owner": owner(task, attempt),
            "token": secrets.token_hex(16),
            "timing": QUICK,
            **more,
        }
    )


def realtime(name: str = "n", on_missing_secret: str = "fail") -> SourceSpec:
    """Declare a realtime source."""
    source = read_register(provider="slack", name=name, ingestion_mode="realtime")
    return SourceSpec(SANDBOX, source, on_missing_secret=on_missing_secret)


def register_one(client: CopassClient, folder: Path, name: str = "n", **how: Any) -> Registered:
    """Run one try of a registration of a realtime source to its end."""
    return Registration(realtime(name), runtime(client, folder, **how)).run()


def register_list(client: CopassClient, folder: Path, names: Sequence[str], **how: Any) -> list[Registered]:
    """Run one try of a registration of a list of realtime sources; raises the first of their errors.

    :param how: as of :func:`runtime`, a ``pool`` among them.
    """
    outcomes = register_many([realtime(name) for name in names], runtime(client, folder, **how))
    for outcome in outcomes:
        if outcome.registered is None:
            raise outcome.error or CopassError("skipped")
    return [outcome.registered for outcome in outcomes if outcome.registered is not None]


def until_it_works(attempt: Callable[[int], T], *, tries: int = 4) -> T:
    """Try a task as often as Airflow would; raises what the last try raises."""
    for number in range(1, tries):
        with suppress(CopassError):
            return attempt(number)
    return attempt(tries)


def assert_kept(folder: Path, told: Mapping[str, str | None]) -> dict[str, str]:
    """Each source has a completed entry, and the store holds one secret for each; nothing else is left in either.

    :param told: the keys of the secrets, by the ids of the sources.
    :return: the secrets, by the ids.
    """
    texts, stored = Folder(folder / "journal").texts(), Folder(folder / "secrets").texts()
    entries = [from_text(text, name=name) for name, text in texts.items()]
    assert sorted(entry.source_id for entry in entries if isinstance(entry, Completed)) == sorted(told)
    assert len(entries) == len(told)
    assert sorted(stored) == sorted(str(key) for key in told.values())
    assert not [secret for secret in stored.values() if secret in str(texts)]
    return {source_id: stored[str(key)] for source_id, key in told.items()}
