"""From an Airflow connection to the settings of a client, however the connection is stored.

A connection may be JSON, a URI or filled in by the form; in a URI every value of ``extra`` is a text, so numbers are
read from texts here. A refusal names the field and the rule, and shows no value: the token may have been pasted
into any of them.
"""

from __future__ import annotations

import ipaddress
import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_copass.api.settings import DEFAULT_BASE_URL, ClientSettings
from airflow_provider_copass.errors import CopassInputError

_HTTPS_PORT = 443
_LAST_PORT = 65535
_PORT_DIGITS = 5


class AirflowConnection(Protocol):
    """The attributes of an Airflow connection that are read; they are the same in every version."""

    conn_type: str | None
    host: str | None
    schema: str | None
    password: str | None
    extra: str | None

    @property
    def port(self) -> int | str | None:
        """The port."""

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The JSON object in ``extra``."""


@dataclass(frozen=True, slots=True)
class CopassConnection:
    """The contents of an Airflow connection of type ``copass``.

    :param settings: the client's settings.
    :param sandbox_id: the default sandbox; None if there is none.
    """

    settings: ClientSettings
    sandbox_id: str | None


def read_connection(
    conn_id: str, connection: AirflowConnection, *, conn_type: str, user_agent: str
) -> CopassConnection:
    """Read a connection.

    :param conn_id: its id, for messages.
    :param connection: the connection.
    :param conn_type: the type that it must have, if it has any.
    :param user_agent: the ``User-Agent`` header.
    :raises CopassInputError: if a field is missing or breaks its rule.
    """
    refusal: CopassInputError
    try:
        _check_content(conn_id, connection)
        _check_type(connection, conn_type)
        return _read(connection, user_agent)
    except CopassInputError as refused:
        refusal = refused
    raise CopassInputError(f"Airflow connection {conn_id!r}: {refusal}", fields=refusal.fields)


def _check_content(conn_id: str, connection: AirflowConnection) -> None:
    """Refuse what Airflow made of a text that is neither JSON nor a URI, such as one with literal quotes round it.

    Airflow takes such a text for a URI without a scheme, and almost all of it for the schema.
    """
    given = (connection.schema or "").strip().lower()
    if connection.conn_type or connection.password or connection.host or given in {"", "http", "https"}:
        return
    raise CopassInputError(
        "its value is no connection: it is neither a JSON object nor a URI that begins with copass://. Look for quotes "
        "round it, base64 or a byte-order mark. To find out more: python -m airflow_provider_copass check --conn-id "
        f"{shlex.quote(conn_id)}"
    )


def _check_type(connection: AirflowConnection, conn_type: str) -> None:
    """Refuse another service's connection; one from the environment or a secrets backend may have no type."""
    if (connection.conn_type or conn_type).lower() != conn_type:
        raise CopassInputError(
            f"conn_type must be {conn_type}, or empty: the password of another service would be sent to Copass. Name "
            "another connection, or correct the type of this one.",
            fields=("conn_type",),
        )


def _read(connection: AirflowConnection, user_agent: str) -> CopassConnection:
    extra = _extra(connection)
    options: dict[str, Any] = {}
    if (timeout := _given(extra, "timeout")) is not None:
        options["timeout"] = _number(timeout, "timeout", float)
    if (max_attempts := _given(extra, "max_attempts")) is not None:
        options["max_attempts"] = _number(max_attempts, "max_attempts", int)
    for name in ("ca_bundle", "proxy"):
        if (value := _given(extra, name)) is not None:
            options[name] = _text(value, name)
    sandbox_id = _given(extra, "sandbox_id")
    settings = ClientSettings(
        token=connection.password or "", base_url=_base_url(connection), user_agent=user_agent, **options
    )
    return CopassConnection(settings, None if sandbox_id is None else _text(sandbox_id, "sandbox_id"))


def _extra(connection: AirflowConnection) -> dict[str, Any]:
    """Return the members of ``extra``; Airflow itself would ignore, and log, a text that is not JSON."""
    written = connection.extra
    members: object = ""
    with suppress(ValueError):
        members = json.loads((written or "").strip() or "null")
    if members is None:
        return {}
    if not isinstance(members, dict):
        raise CopassInputError('extra must be a JSON object such as {"sandbox_id": "..."}.', fields=("extra",))
    # Read through Airflow, which masks the values of names that look like a credential's.
    return connection.extra_dejson


def _base_url(connection: AirflowConnection) -> str:
    """Build the base URL: the scheme is in the host, else in the schema field, else https."""
    host = (connection.host or "").strip()
    port = _port(connection.port)
    schema = (connection.schema or "").strip().lower() or "https"
    if not host:
        # Port 443 is the default's own; 3.3's Test button works only if a port is stored.
        if port not in {None, _HTTPS_PORT} or schema != "https":
            raise CopassInputError("host is missing, though a port or a schema is given.", fields=("host",))
        return DEFAULT_BASE_URL
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = schema, host
        if scheme not in {"http", "https"}:
            raise CopassInputError("schema must be https, http or empty.", fields=("schema",))
    place, slash, path = rest.partition("/")
    if not separator and _is_ipv6(place):
        # Airflow removes the brackets from a URI's host.
        place = f"[{place}]"
    if port:
        # An IPv6 address holds colons of its own, inside its brackets.
        _, colon, own_port = place.rpartition("]")[2].rpartition(":")
        if colon and own_port != str(port):
            raise CopassInputError("port is given twice: in the host and in the port field.", fields=("port",))
        if not colon:
            place = f"{place}:{port}"
    return f"{scheme.lower()}://{place}{slash}{path}".rstrip("/")


def _port(given: object) -> int | None:
    """Read a port, a number or its digits; Airflow 2.11 gives a text if each field is a secret of its own."""
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    digits = str(given).strip() if isinstance(given, (int, str)) and not isinstance(given, bool) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _PORT_DIGITS and int(digits) <= _LAST_PORT):
        raise CopassInputError("port must be a number from 1 to 65535, or empty.", fields=("port",))
    # 3.3's Test button sends 0 for a port that is not set.
    return int(digits) or None


def _is_ipv6(place: str) -> bool:
    try:
        ipaddress.IPv6Address(place)
    except ValueError:
        return False
    return True


def _given(extra: dict[str, Any], name: str) -> object | None:
    """Return a value of ``extra``; None for an empty text, which an untouched form field sends."""
    value: object | None = extra.get(name)
    return None if isinstance(value, str) and not value.strip() else value


def _number(value: object, name: str, kind: type[float]) -> float:
    """Read a number, or a text that holds one; True, which equals 1 in Python, is refused."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return kind(value) if isinstance(value, str) or kind(value) == value else value
        except (ValueError, OverflowError):
            pass
    raise CopassInputError(f"{name} in extra must be a number. Leave it out for the default.", fields=(name,))


def _text(value: object, name: str) -> str:
    """Refuse anything but a text."""
    if not isinstance(value, str):
        raise CopassInputError(f"{name} in extra must be a string.", fields=(name,))
    return value
