"""Connections for tests, in each form that Airflow knows."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_copass.pytest_plugin import connection_to as of

__all__ = ["ENVIRONMENT", "as_json", "as_uri", "of"]

ENVIRONMENT = "AIRFLOW_CONN_COPASS_DEFAULT"


def as_json(**fields: Any) -> str:
    """Return a connection as JSON."""
    return json.dumps({"conn_type": "copass", **fields})


def as_uri(*, password: str, host: str, port: int | None = None, schema: str = "", extra: dict[str, str]) -> str:
    """Return a connection as a URI, every part of it encoded."""
    place = quote(host, safe="") + (f":{port}" if port else "")
    return f"copass://:{quote(password, safe='')}@{place}/{schema}?{urlencode(extra)}"
