"""How httpx is set up for a client: from the settings, and from what the environment of the process says.

httpx reads ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE`` and the like when a client is made, and
raises exceptions of many kinds if one of them cannot be used; here they become an error of ours.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from airflow_provider_copass.api.settings import address_refusal
from airflow_provider_copass.errors import CopassInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.api.settings import ClientSettings

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


def open_http(kind: Callable[..., C], settings: ClientSettings, *, transport: object | None) -> C:
    """Create an httpx client.

    :param kind: its class.
    :param settings: where the API is and how to talk to it.
    :param transport: httpx's transport; None for the usual one.
    :raises CopassInputError: if ``ca_bundle`` holds no certificate, httpx cannot read the base URL or the proxy,
        or the environment's proxy or certificates cannot be used.
    """
    _check_address(settings.base_url, address_refusal("host"))
    if settings.proxy is not None:
        _check_address(settings.proxy, address_refusal("proxy"))
    options = _options(settings)
    refusal = CopassInputError(
        "The environment's proxy cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY must be URLs such as "
        "http://proxy.example:3128 (socks5:// needs the package socksio), NO_PROXY a list of hosts. Correct the "
        "environment, or give a proxy in the connection.",
        fields=("proxy",),
    )
    try:
        return kind(transport=transport, **options)
    except OSError:  # ssl.SSLError is one
        refusal = CopassInputError(
            "The environment's certificates cannot be used: SSL_CERT_FILE must be a PEM file that may be read here. "
            "Correct the environment, or give a ca_bundle in the connection.",
            fields=("ca_bundle",),
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        # No support for a proxy's scheme; no known scheme; no URL at all. The text may hold the proxy's password.
        pass
    raise refusal


def environment_proxy(settings: ClientSettings) -> str | None:
    """Return the name of the environment variable whose proxy is used for the API; None if there is none.

    :param settings: of the client.
    """
    # Plain http is for this very machine alone, so the API's scheme is https here.
    if settings.proxy is not None or not _trusts_environment(settings):
        return None
    parts = urlsplit(settings.base_url)
    given = getproxies()
    found = [scheme for scheme in ("https", "all") if given.get(scheme)]
    if not found or proxy_bypass(parts.netloc):
        return None
    lower = f"{found[0]}_proxy"
    return lower if os.environ.get(lower) else lower.upper()


def _trusts_environment(settings: ClientSettings) -> bool:
    # If the API is on this very machine, the environment's proxy would get the token in the clear.
    return not settings.is_loopback


def _options(settings: ClientSettings) -> dict[str, Any]:
    """Return the options of both httpx clients."""
    headers = {
        "Authorization": f"Bearer {settings.token}",
        "Accept": "application/json",
        "User-Agent": settings.user_agent,
    }
    if settings.ca_bundle is not None:
        verify: ssl.SSLContext | bool = _trust(settings.ca_bundle)
    else:
        # A context takes tens of milliseconds to make, and plain http to this very machine has no use for one.
        verify = not settings.base_url.startswith("http:")
    return {
        "headers": headers,
        "timeout": settings.timeout,
        "verify": verify,
        "proxy": settings.proxy,
        "follow_redirects": False,
        "trust_env": _trusts_environment(settings),
    }


def _check_address(url: str, refusal: CopassInputError) -> None:
    """Refuse a URL that httpx cannot read, such as ``https://10.0.0.999``: each call would raise an exception of httpx.

    :raises CopassInputError: the refusal.
    """
    try:
        # Its host is decoded when it is read, by each request.
        usable = bool(httpx.URL(url).host)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise refusal


def _trust(ca_bundle: str) -> ssl.SSLContext:
    """Trust the authorities of a PEM file.

    :raises CopassInputError: if it holds none, or may not be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError:  # ssl.SSLError is one
        pass
    raise CopassInputError(
        "ca_bundle must be a PEM file with certificates ('-----BEGIN CERTIFICATE-----') that may be read here.",
        fields=("ca_bundle",),
    )
