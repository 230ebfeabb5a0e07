"""Connections for tests, in each form that Airflow knows."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_copass.pytest_plugin import connection_to as of

__all__ = ["ENVIRONMENT", "as_json", "as_uri", "of", "unusable"]

ENVIRONMENT = "AIRFLOW_CONN_COPASS_DEFAULT"


def as_json(**fields: Any) -> str:
    """Return a connection as JSON."""
    return json.dumps({"conn_type": "copass", **fields})


def as_uri(*, password: str, host: str, port: int | None = None, schema: str = "", extra: dict[str, str]) -> str:
    """Return a connection as a URI, every part of it encoded."""
    place = quote(host, safe="") + (f":{port}" if port else "")
    return f"copass://:{quote(password, safe='')}@{place}/{schema}?{urlencode(extra)}"


def unusable(*, password: str) -> dict[str, dict[str, Any]]:
    """Return connections that cannot work, as JSON; a member that is not given is as it should be.

    :param password: of the proxy.
    """
    return {
        "no such ca_bundle": {"extra": {"sandbox_id": "sb", "ca_bundle": "/no/such/file"}},
        "a ca_bundle without certificates": {"extra": {"sandbox_id": "sb", "ca_bundle": __file__}},
        "a proxy that is no URL": {
            "host": "https://api.example",
            "extra": {"sandbox_id": "sb", "proxy": f"user:{password}@proxy"},
        },
        "plain http": {"host": "http://api.example"},
        "an open bracket": {"host": "https://[::"},
        "credentials in the host": {"host": f"https://u:{password}@api.example"},
        "extra is a list": {"extra": [password]},
        "a timeout of words": {"extra": {"timeout": password}},
        "another type": {"conn_type": "http"},
    }
