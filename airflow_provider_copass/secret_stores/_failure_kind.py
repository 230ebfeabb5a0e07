"""What kind of failure a store's client tells of: the name of its class and a code, and no text that a server wrote."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_copass.errors import SecretStoreError

# AWS's own words, such as ``AccessDeniedException``. A code of any other form might be anything.
_WORD = re.compile(r"[A-Za-z]{1,60}")
_STATUSES = range(100, 600)


def kind_of(error: Exception) -> str:
    """Return what kind of failure it is, such as ``ClientError: AccessDeniedException``.

    :param error: whatever a store, or a client of it, has raised; it may hold the secret, so its text is not looked at.
    """
    if isinstance(error, SecretStoreError) and error.kind:
        return error.kind
    name = type(error).__name__
    try:
        code = _code_of(error)
    except Exception:  # noqa: BLE001 - an exception of the user's own, whose attributes may do anything
        return name
    return f"{name}: {code}" if code not in {"", name} else name


def _code_of(error: Any) -> str:
    """Return the code where the clients of AWS, Azure and Google have it; empty where there is none."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        word = response["Error"]["Code"]
        return word if _WORD.fullmatch(word) else ""
    for name in ("status_code", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int) and status in _STATUSES:
            return str(int(status))
    return ""
