"""One data source: the row that the API answers, and what the server knows beside it."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

# The plain secret is an API key of the vendor's own form.
_SECRET_PREFIX = "olk_"
_LOOKS_SECRET = re.compile("token|secret|password|passwd|credential|api_?key|private_?key|authorization", re.IGNORECASE)


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a secret, in hex: all that is ever kept of one.

    :param secret: the plain secret.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass
class Source:
    """A registered data source.

    :param row: what the API answers, without the secret.
    :param registered_at: the monotonic time of the POST, in seconds; None for a seeded source, which any
        list shows at once.
    :param deleted: a DELETE removed the registration. It is kept for the control surface.
    :param secret_sha256: the fingerprint of the secret that is valid now.
    :param previous: fingerprints of rotated secrets, each with the monotonic second at which it ends.
    :param secrets_issued: how many secrets were made for this source.
    :param ingested: how many pieces of knowledge came in, by plane.
    """

    row: dict[str, Any]
    registered_at: float | None = None
    deleted: bool = False
    secret_sha256: str | None = None
    previous: list[tuple[str, float]] = field(default_factory=list)
    secrets_issued: int = 0
    ingested: dict[str, int] = field(default_factory=lambda: {"vault": 0, "graph": 0})

    def issue_secret(self, *, now: float, grace: float) -> str:
        """Make a secret, keep its fingerprint and return its plain form, which is then forgotten.

        :param now: the monotonic time, in seconds.
        :param grace: how long the secret before it stays valid, in seconds.
        """
        secret = _SECRET_PREFIX + secrets.token_hex(24)
        if self.secret_sha256 is not None:
            self.previous.append((self.secret_sha256, now + grace))
        self.secret_sha256 = fingerprint(secret)
        self.secrets_issued += 1
        return secret

    def took_in(self, *, storage_only: bool) -> None:
        """Count a piece of knowledge that came in.

        :param storage_only: it was kept, but the graph was left alone.
        """
        self.ingested["vault"] += 1
        self.ingested["graph"] += not storage_only

    def accepts(self, sha256: str, *, now: float) -> bool:
        """Tell whether a secret opens the source's webhook.

        :param sha256: the fingerprint of the secret, in hex.
        :param now: the monotonic time, in seconds.
        """
        valid = [self.secret_sha256] + [old for old, ends in self.previous if now < ends]
        return not self.deleted and any(
            secrets.compare_digest(sha256.lower(), known) for known in valid if known is not None
        )

    def listed(self, *, now: float, lag: float) -> bool:
        """Tell whether a list shows this source yet.

        :param now: the monotonic time, in seconds.
        :param lag: how long a list lags behind a register, in seconds.
        """
        return self.registered_at is None or now - self.registered_at >= lag

    def answer(self, *, mask: bool) -> dict[str, Any]:
        """Return the row as the API answers it.

        :param mask: show ``***`` for what looks secret in ``adapter_config``.
        """
        if not mask:
            return dict(self.row)
        return {**self.row, "adapter_config": _masked(self.row.get("adapter_config"))}

    def as_json(self) -> dict[str, Any]:
        """Return everything that the control surface shows of this source; no secret and no fingerprint."""
        return {
            **self.row,
            "deleted": self.deleted,
            "seeded": self.registered_at is None,
            "has_secret": self.secret_sha256 is not None,
            "secrets_issued": self.secrets_issued,
        }


def deep_merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return one object laid over another: objects inside both are merged, anything else is replaced.

    :param base: what is there.
    :param patch: what is laid over it.
    """
    merged = dict(base)
    for key, value in patch.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = deep_merged(below, value)
        else:
            merged[key] = value
    return merged


def _masked(value: Any, *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner, secret=bool(_LOOKS_SECRET.search(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, secret=secret) for inner in value]
    return "***" if secret and isinstance(value, str) else value
