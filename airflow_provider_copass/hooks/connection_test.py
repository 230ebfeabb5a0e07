"""The connection test: one call, and one line on what it reached or what to change in the connection.

A person waits for it, so nothing is sent twice and no wait is long. The line consists of our own words, the API's
origin, the status and the sandbox; neither the token nor anything that the server wrote is in it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from airflow_provider_copass.api import (
    ClientSettings,
    ConnectFailure,
    CopassAnswerError,
    CopassAuthenticationError,
    CopassCallError,
    CopassClient,
    CopassConnectError,
    CopassConnectionLostError,
    CopassError,
    CopassInputError,
    CopassNotFoundError,
    CopassPermissionError,
    CopassRateLimitError,
    CopassRedirectError,
    CopassServerError,
    CopassStatusError,
    CopassTimeoutError,
    calls,
    environment_proxy,
)
from airflow_provider_copass.connection_fields import EXTRA_FIELDS, STANDARD_FIELDS

if TYPE_CHECKING:
    from airflow_provider_copass.api import SourceList
    from airflow_provider_copass.hooks.connection import CopassConnection

LONGEST_WAIT = 10.0
"""Seconds that each call of a test takes at most, even if a task waits longer."""

_LABELS = {field.name: field.label for field in (*STANDARD_FIELDS, *EXTRA_FIELDS)} | {"token": "API token"}
# An API key or a JWT, which would be shown if it was pasted into a wrong field.
_LIKE_A_TOKEN = re.compile(r"\b(olk_|eyJ)")

# Each message names the fields of the form to correct.
_CONNECT_FAILURES = {
    ConnectFailure.NO_ADDRESS: (
        "The host name of {place} is not known here. Check the spelling of Base URL (host); if it is right, the DNS of "
        "this machine cannot resolve it."
    ),
    ConnectFailure.REFUSED: "Nothing accepts connections at {place}. {check}.",
    ConnectFailure.UNTRUSTED: (
        "The certificate of {place} is not trusted here, or has expired. If its authority is your company's own, put "
        "the path of its PEM file into CA bundle (ca_bundle)."
    ),
    ConnectFailure.OTHER_HOST: (
        "The certificate of {place} is for another host. Put the name that it is for into Base URL (host)."
    ),
    ConnectFailure.NO_TLS: (
        "What listens at {place} does not speak TLS, or no version of it that is accepted. {check}."
    ),
    ConnectFailure.TOO_SLOW: (
        "No connection to {place} within {seconds:g} s. {check}, and whether a firewall is in between."
    ),
    ConnectFailure.PROXY: (
        "The proxy does not let a call to {place} through. Check {proxy}: its address, user name and password."
    ),
    ConnectFailure.UNKNOWN: "No connection to {place}. {check}, and the network of this machine.",
}
# With a proxy, only its name is looked up here, and only it is connected to.
_PROXY_CONNECT_FAILURES = {
    ConnectFailure.NO_ADDRESS: (
        "The host name of the proxy to {place} is not known here. Check the spelling of {proxy}; if it is right, the "
        "DNS of this machine cannot resolve it."
    ),
    ConnectFailure.REFUSED: "Nothing accepts connections at the proxy to {place}. Check {proxy}.",
}
_CALL_ERRORS: dict[type[CopassCallError], str] = {
    CopassAuthenticationError: (
        "Reached {place}, but it does not accept the token (401). Put another one into API token (password): whole, "
        "without the word Bearer, and not expired (a JWT lives about an hour)."
    ),
    CopassPermissionError: (
        "Reached {place}, but the token may not list {listed} (403). Put a token that may into API token "
        "(password){or_sandbox}."
    ),
    CopassNotFoundError: (
        "Reached {place}, but there is no Copass API (404). Check Base URL (host), its path included."
    ),
    CopassRateLimitError: (
        "Reached {place}, but it has had too many requests (429). Test again in a minute; as far as this shows, the "
        "connection is right."
    ),
    CopassServerError: (
        "Reached {place}, but it, or a proxy before it, fails ({status}). Test again later; if that does not help: "
        "{check}."
    ),
    CopassRedirectError: (
        "{place} redirects to another address ({status}), which is not followed, since it would get the token. Put the "
        "address of the API itself into Base URL (host)."
    ),
    CopassStatusError: "Reached {place}, but it refuses the call ({status}). {check}.",
    CopassAnswerError: (
        "What answers at {place} is not the Copass API, but for instance a proxy or a login page. {check}."
    ),
    CopassTimeoutError: (
        "{place} accepts connections, but did not answer within {seconds:g} s. Test again later; if that does not "
        "help: {check}."
    ),
    CopassConnectionLostError: (
        "{place} broke the connection off before it had answered. {check}, and whether it is http or https."
    ),
}


def run_connection_test(
    connection: CopassConnection, sandbox_id: str | None, *, longest_wait: float = LONGEST_WAIT
) -> tuple[bool, str]:
    """Make one call with a connection, and a second one if that is needed to tell what is missing.

    :param connection: the connection.
    :param sandbox_id: the sandbox whose sources are counted; None to count the token's sandboxes.
    :param longest_wait: seconds; the connection's own timeout if that is shorter.
    :return: whether it worked, and one line.
    """
    settings = dataclasses.replace(
        connection.settings, timeout=min(connection.settings.timeout, longest_wait), max_attempts=1
    )
    try:
        with CopassClient(settings) as client:
            return _test(client, sandbox_id)
    except CopassInputError as refused:
        return False, refusal_for_form(refused)
    except CopassError as error:
        return False, _advice(error, settings, sandbox_id)


def refusal_for_form(refused: CopassInputError, conn_id: str = "") -> str:
    """Return a line that names the field of the form and the rule that it breaks.

    :param refused: what was refused.
    :param conn_id: the connection's id, which is removed: the Connections page invents another one for each test.
    """
    labels = [_LABELS[name] for name in refused.fields if name in _LABELS]
    rule = str(refused).removeprefix(f"Airflow connection {conn_id!r}: ")
    return f"{', '.join(labels)}: {rule}" if labels else rule


def _test(client: CopassClient, sandbox_id: str | None) -> tuple[bool, str]:
    reached = f"Reached {_origin(client.settings)}"
    accepted = f"{reached}. The {_kind_of_token(client.settings)} is accepted"
    if sandbox_id is None:
        seen = len(client.send(calls.list_sandboxes()).sandboxes)
        return True, (
            f"{accepted} and sees {_number(seen, 'sandbox', 'sandboxes')}. There is no default sandbox: fill in "
            "Default sandbox (sandbox_id), or name one at each task."
        )
    sandbox = _sandbox(client.settings, sandbox_id)
    try:
        return True, f"{accepted}, and {sandbox} holds {_held(client.send(calls.list_sources(sandbox_id)))}."
    except CopassNotFoundError:
        pass
    # Does the sandbox not exist, or the API?
    try:
        seen_ids = [seen.sandbox_id for seen in client.send(calls.list_sandboxes()).sandboxes]
    except CopassCallError:
        return False, (
            f"{reached}, but it does not know {sandbox} (404). Check Default sandbox (sandbox_id); if that is right, "
            "Base URL (host), its path included."
        )
    if sandbox_id in seen_ids:
        return False, (
            f"{accepted} and sees {sandbox}, but its sources are not found (404). Check Base URL (host), its path "
            "included; if that is right, test again later."
        )
    advice = "Put the id of one of them into Default sandbox (sandbox_id)"
    if not seen_ids:
        advice = "Put a token that sees it into API token (password)"
    return False, (
        f"{accepted} and sees {_number(len(seen_ids), 'sandbox', 'sandboxes')}, but {sandbox} is not among them (404). "
        f"{advice}."
    )


def _advice(error: CopassError, settings: ClientSettings, sandbox_id: str | None) -> str:
    """Return what to change after a failed call."""
    proxy = _proxy(settings)
    if isinstance(error, CopassConnectError):
        template = (_CONNECT_FAILURES if proxy is None else {**_CONNECT_FAILURES, **_PROXY_CONNECT_FAILURES})[
            error.reason
        ]
    else:
        found = [_CALL_ERRORS[kind] for kind in type(error).__mro__ if kind in _CALL_ERRORS]
        if not found:
            return str(error)
        template = found[0]
    and_proxy = "" if proxy is None else f", and {proxy}"
    return template.format(
        place=_origin(settings),
        seconds=settings.timeout,
        status=getattr(error, "status", ""),
        proxy=proxy or "Proxy (proxy)",
        check=f"Check Base URL (host) and Port (port){and_proxy}",
        listed="its sandboxes" if sandbox_id is None else f"the sources of {_sandbox(settings, sandbox_id)}",
        or_sandbox="" if sandbox_id is None else ", or another id into Default sandbox (sandbox_id)",
    )


def _origin(settings: ClientSettings) -> str:
    """Return the API's origin, unless it seems to hold a token."""
    is_private = settings.is_token_in(settings.origin) or _LIKE_A_TOKEN.search(settings.origin)
    return "the base URL" if is_private else settings.origin


def _proxy(settings: ClientSettings) -> str | None:
    """Return where the proxy is set that a call goes through; None if there is no proxy."""
    if settings.proxy is not None:
        return "Proxy (proxy)"
    variable = environment_proxy(settings)
    return None if variable is None else f"the environment's proxy ({variable})"


def _sandbox(settings: ClientSettings, sandbox_id: str) -> str:
    """Return a sandbox's label, unless its id seems to be a token."""
    is_private = settings.is_token_in(sandbox_id) or _LIKE_A_TOKEN.search(sandbox_id)
    return "the sandbox given" if is_private else f"sandbox {sandbox_id!r}"


def _kind_of_token(settings: ClientSettings) -> str:
    """Return the kind of the token, by its beginning and without showing a part of it."""
    if settings.token.startswith("olk_"):
        return "API key"
    return "JWT" if settings.token.startswith("eyJ") else "token"


def _held(listed: SourceList) -> str:
    """Return the number of sources in a sandbox, and of the live ones if some are not."""
    if not listed.is_complete:
        return f"more than {_number(len(listed.sources), 'source', 'sources')} (the list was cut short)"
    held = len(listed.sources)
    live = sum(source.is_live for source in listed.sources)
    counted = _number(held, "source", "sources")
    return counted if live == held else f"{counted}, {live or 'none'} of them live"


def _number(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
