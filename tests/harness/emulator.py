"""The Copass emulator as a process of its own, and a client for its control surface."""

import hashlib
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.harness.environment import clean_environment
from tests.harness.processes import Process, wait_for

SANDBOX = "sb_demo"


def made_up_token() -> str:
    """Return a bearer token that nobody has seen before, in the shape of a Copass API key."""
    return f"olk_{secrets.token_urlsafe(24)}"


def fingerprint(value: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal: all that leaves the place where the secret is read."""
    return hashlib.sha256(value.encode()).hexdigest()


class Emulator:
    """``python -m airflow_provider_copass.emulator`` on a free loopback port, for a ``with`` block.

    :param folder: where its output goes.
    :param token: the token that it accepts; made up by default.
    :param port: 0 for a free one.
    """

    def __init__(self, folder: Path, *, token: str | None = None, port: int = 0) -> None:
        self.token = token or made_up_token()
        self.process = Process(
            "emulator",
            [sys.executable, "-m", "airflow_provider_copass.emulator", "--port", str(port)],
            environment={**clean_environment(), "COPASS_EMULATOR_TOKEN": self.token},
            folder=folder,
        )
        try:
            announced = wait_for(self._announced, "the emulator's first line", seconds=120, alive=[self.process])
        except BaseException:
            self.process.end()
            raise
        self.url: str = announced["url"]
        # A proxy of the surroundings has no business between two processes of one machine.
        self._control = httpx.Client(base_url=announced["control"], timeout=10, trust_env=False)

    def _announced(self) -> dict[str, Any] | None:
        for line in self.process.text().splitlines(keepends=True):
            # A line without its end is still being written.
            if line.startswith("{") and line.endswith("\n"):
                announced: dict[str, Any] = json.loads(line)
                return announced
        return None

    def connection(self, *, token: str | None = None, **extra: Any) -> dict[str, Any]:
        """Return an Airflow connection to this emulator, in the form that Airflow reads as JSON.

        :param token: another token than the right one.
        :param extra: members of the connection's extra, beside ``sandbox_id``.
        """
        url = httpx.URL(self.url)
        return {
            "conn_type": "copass",
            "schema": url.scheme,
            "host": url.host,
            "port": url.port,
            "password": token or self.token,
            "extra": {"sandbox_id": SANDBOX, **extra},
        }

    def reset(self) -> None:
        """Forget every source, request and fault."""
        self._post("reset")

    def seed(self, *sources: Mapping[str, Any]) -> list[str]:
        """Put sources in place without a request of the API, and return their ids."""
        ids: list[str] = self._post("seed", {"sources": [dict(source) for source in sources]})["data_source_ids"]
        return ids

    def sources(self) -> list[dict[str, Any]]:
        """Return every source that there is, without secrets."""
        found: list[dict[str, Any]] = self._get("sources")["sources"]
        return found

    def change_source(self, data_source_id: str, **fields: Any) -> None:
        """Change a source behind the API's back, e.g. ``deleted=True`` or ``status="paused"``."""
        self._post(f"sources/{data_source_id}", fields)

    def requests(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the requests that the API got, oldest first; all of them, or those of one operation."""
        params = {"operation": operation} if operation else {}
        found: list[dict[str, Any]] = self._get("requests", params)["requests"]
        return found

    def secret_is_valid(self, data_source_id: str, *, sha256: str) -> bool:
        """Ask whether a secret with that SHA-256 is the one that the source's webhook accepts now."""
        answer = self._post("verify-secret", {"data_source_id": data_source_id, "sha256": sha256})
        valid: bool = answer["valid"]
        return valid

    def fault(self, operation: str, action: Mapping[str, Any], *, when: str = "before", times: int = 1) -> None:
        """Make the next calls of an operation go wrong.

        :param operation: e.g. ``register``.
        :param action: what happens instead, in the emulator's own words (see ``docs/emulator.md``).
        :param when: ``before`` (not applied) or ``after`` (applied, the answer is lost).
        :param times: how often.
        """
        self._post("faults", {"operation": operation, "when": when, "action": dict(action), "times": times})

    def settings(self, **changes: Any) -> None:
        """Change how the emulator behaves, e.g. ``job_states=["completed"]`` (see ``docs/emulator.md``)."""
        self._post("settings", changes)

    def clear_faults(self) -> None:
        """Forget every fault."""
        self._read(self._control.delete("faults"))

    def _post(self, name: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._read(self._control.post(name, json=body))

    def _get(self, name: str, params: Mapping[str, str] | None = None) -> Any:
        return self._read(self._control.get(name, params=params))

    @staticmethod
    def _read(response: httpx.Response) -> Any:
        response.raise_for_status()
        return response.json() if response.content else None

    def close(self) -> None:
        """End the process."""
        self._control.close()
        self.process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
