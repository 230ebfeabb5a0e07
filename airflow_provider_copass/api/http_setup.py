"""How httpx is set up for a client: from the settings, and from what the environment of the process says.

``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE`` and the like are read when a client is made; what cannot
be used becomes an error of ours, or is passed over with a warning.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from airflow_provider_copass.api.settings import address_refusal
from airflow_provider_copass.errors import CopassInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.api.settings import ClientSettings

_LOG = logging.getLogger(__name__)

_EVERY_HOST = "all://*"

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


def open_http(
    kind: Callable[..., C],
    make_transport: Callable[[ssl.SSLContext | None, str | None], object],
    settings: ClientSettings,
    *,
    transport: object | None,
) -> C:
    """Create an httpx client.

    :param kind: its class.
    :param make_transport: its usual transport, given whom to trust and a proxy.
    :param settings: where the API is and how to talk to it.
    :param transport: httpx's transport; None for the usual one.
    :raises CopassInputError: if ``ca_bundle`` holds no certificate, httpx cannot read the base URL or the proxy,
        or the environment's proxy or certificates cannot be used.
    """
    _check_address(settings.base_url, address_refusal("host"))
    if settings.proxy is not None:
        _check_address(settings.proxy, address_refusal("proxy"))
    options: dict[str, Any] = {
        "headers": {
            "Authorization": f"Bearer {settings.token}",
            "Accept": "application/json",
            # What comes compressed is refused: a few bytes could unpack to any number of them.
            "Accept-Encoding": "identity",
            "User-Agent": settings.user_agent,
        },
        "timeout": settings.timeout,
        "follow_redirects": False,
        # What the environment says is read here.
        "trust_env": False,
    }
    if transport is not None:
        return kind(transport=transport, **options)
    context = _context(settings)
    if settings.proxy is not None:
        return kind(transport=make_transport(context, settings.proxy), **options)
    proxy = _environment_proxy_url() if _trusts_environment(settings) else None
    spared = {} if proxy is None else _spared_hosts()
    if proxy is None or _EVERY_HOST in spared:
        return kind(transport=make_transport(context, None), **options)
    try:
        through_proxy = make_transport(context, proxy)
    except (ImportError, ValueError, httpx.InvalidURL):
        # No support for a proxy's scheme; no known scheme; no URL at all. The text may hold the proxy's password.
        pass
    else:
        return kind(transport=make_transport(context, None), mounts={"all://": through_proxy, **spared}, **options)
    raise _proxy_refusal()


def _proxy_refusal() -> CopassInputError:
    return CopassInputError(
        "The environment's proxy cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY must be URLs such as "
        "http://proxy.example:3128 (socks5:// needs the package socksio). Correct the environment, or give a proxy in "
        "the connection.",
        fields=("proxy",),
    )


def _environment_proxy_url() -> str | None:
    """Return the URL of the environment's proxy for https; None if there is none.

    :raises CopassInputError: if one that it names is no URL of a proxy, even if it is for plain http.
    """
    given = getproxies()
    urls = {}
    for scheme in ("http", "https", "all"):
        if value := given.get(scheme):
            urls[scheme] = value if "://" in value else f"http://{value}"
    usable = True
    for url in urls.values():
        try:
            httpx.Proxy(url)
        except (ValueError, httpx.InvalidURL):
            usable = False
    if not usable:
        raise _proxy_refusal()
    return urls.get("https") or urls.get("all")


def _spared_hosts() -> dict[str, None]:
    """Return the hosts of ``NO_PROXY`` as httpx's patterns; what httpx cannot read as one is passed over."""
    patterns: dict[str, None] = {}
    passed_over = 0
    for entry in (each.strip() for each in getproxies().get("no", "").split(",")):
        if not entry:
            continue
        pattern = _pattern(entry)
        try:
            httpx.URL(pattern)
        except httpx.InvalidURL:
            passed_over += 1
        else:
            patterns[pattern] = None
    if passed_over:
        _LOG.warning(
            "NO_PROXY: %d of its entries cannot be read as a host and were passed over. Write host names, such as "
            "copass.example, or IP addresses without brackets and without a network's length (/8).",
            passed_over,
        )
    return patterns


def _pattern(entry: str) -> str:
    """Return an entry of ``NO_PROXY`` as httpx's pattern, as httpx itself would."""
    if "://" in entry:
        return entry
    if entry == "*":
        return _EVERY_HOST
    if entry.lower() == "localhost" or _is_address(entry, ipaddress.IPv4Address):
        return f"all://{entry}"
    return f"all://[{entry}]" if _is_address(entry, ipaddress.IPv6Address) else f"all://*{entry}"


def _is_address(entry: str, kind: Callable[[str], object]) -> bool:
    try:
        kind(entry)
    except ValueError:
        return False
    return True


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


def _context(settings: ClientSettings) -> ssl.SSLContext | None:
    """Return whom to trust.

    :raises CopassInputError: if ``ca_bundle`` or the environment's certificates cannot be used.
    """
    if settings.ca_bundle is None and settings.base_url.startswith("http:"):
        # It takes tens of milliseconds to make, and plain http to this very machine has no use for one.
        return None
    try:
        if settings.ca_bundle is not None:
            return ssl.create_default_context(cafile=settings.ca_bundle)
        return httpx.create_ssl_context(trust_env=_trusts_environment(settings))
    except OSError:  # ssl.SSLError is one
        pass
    if _is_key_log_refused():
        raise CopassInputError(
            "The environment's SSLKEYLOGFILE cannot be used: it must be the path of a file that may be written here. "
            "Unset it, unless you want to record the keys of TLS connections."
        )
    if settings.ca_bundle is not None:
        raise CopassInputError(
            "ca_bundle must be a PEM file with certificates ('-----BEGIN CERTIFICATE-----') that may be read here.",
            fields=("ca_bundle",),
        )
    raise CopassInputError(
        "The environment's certificates cannot be used: SSL_CERT_FILE must be a PEM file that may be read here. "
        "Correct the environment, or give a ca_bundle in the connection.",
        fields=("ca_bundle",),
    )


def _is_key_log_refused() -> bool:
    """Tell whether the environment names a file for the keys of TLS connections that cannot be written."""
    path = os.environ.get("SSLKEYLOGFILE")
    if not path:
        return False
    try:
        with Path(path).open("ab"):
            return False
    except OSError:
        return True


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
