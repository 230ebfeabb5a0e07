"""The settings of a client, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from airflow_provider_copass._tracebacks import fresh_tracebacks
from airflow_provider_copass.errors import CopassInputError

DEFAULT_BASE_URL = "https://api.copass.id"
"""The base URL on the vendor's register page; its public clients default to ``https://ai.copass.id``."""

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
# A name in the DNS, or an IPv6 address. An API key in its place is neither, for its underscore, nor is a JWT, for its
# length; looking one up in the DNS would show it to the network and to the resolver's log.
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_IPV6 = r"(?=[^%]*:)[0-9A-Fa-f:.]+(?:%[\w.~-]+)?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|{_IPV6}")
# A proxy may be a container, whose name may have an underscore.
_PROXY_LABEL = r"[\w-]{1,63}"
_PROXY_HOST = re.compile(rf"{_PROXY_LABEL}(?:\.{_PROXY_LABEL})*\.?|{_IPV6}", re.ASCII)
_NO_ADDRESS = {
    "host": f"host must be a host name or a URL such as {DEFAULT_BASE_URL}, with a port from 1 to 65535 if any.",
    "proxy": "proxy must be a URL such as http://proxy.example:3128. Leave it out to use the environment's proxy.",
}
_MOST_ATTEMPTS = 20
_MOST_SECONDS = 3600.0


@fresh_tracebacks
@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Where the API is and how to talk to it.

    Neither the token nor the proxy, which may hold a password, is in the repr.

    :param token: the bearer token, sent with every call.
    :param base_url: where the API is; a path in it is kept as a prefix.
    :param timeout: seconds for one attempt, from connecting to the last byte of the answer, however the server sends
        it. Looking up a host name cannot be cut short by the synchronous client, and comes on top there.
    :param max_attempts: how often a call is sent at most; 1 means no retry.
    :param ca_bundle: path of a PEM file with the certificate authorities to trust instead of the usual ones.
    :param proxy: URL of a proxy for every call.
    :param user_agent: the ``User-Agent`` header.
    :raises CopassInputError: if one of them breaks its rule; ``fields`` names it.
    """

    token: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    timeout: float = 30.0
    max_attempts: int = 4
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)
    user_agent: str = "airflow-provider-copass"

    def __post_init__(self) -> None:
        """Check every field: a client that cannot work is refused before it is used."""
        _check_token(self.token)
        url = _check_base_url(self.base_url)
        if not _is_number(self.timeout) or not 0 < self.timeout <= _MOST_SECONDS:
            raise CopassInputError(
                f"timeout must be a number of seconds above 0 and at most {_MOST_SECONDS:.0f}. Leave it out for 30.",
                fields=("timeout",),
            )
        if not _is_number(self.max_attempts, whole=True) or not 1 <= self.max_attempts <= _MOST_ATTEMPTS:
            raise CopassInputError(
                f"max_attempts must be a whole number from 1 (no retry) to {_MOST_ATTEMPTS}. Leave it out for 4.",
                fields=("max_attempts",),
            )
        if self.ca_bundle is not None and not _is_file(self.ca_bundle):
            raise CopassInputError(
                "ca_bundle must be the path of a PEM file on the machine that runs the task, not the certificate "
                "itself, and there is no such file there, or its folder may not be entered. Correct the path, or leave "
                "it out to trust the usual authorities.",
                fields=("ca_bundle",),
            )
        if self.proxy is not None:
            _check_proxy(self.proxy, url)

    def is_token_in(self, text: str) -> bool:
        """Tell whether a text holds the token, so that it must not be shown."""
        return self.token in text

    @property
    def is_loopback(self) -> bool:
        """Whether the API is on this machine, as the emulator is."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def origin(self) -> str:
        """Scheme, host and port, which a message may show."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"


def address_refusal(name: str) -> CopassInputError:
    """Return the refusal of an address that cannot be read; it shows nothing of it.

    :param name: ``host`` or ``proxy``.
    """
    return CopassInputError(_NO_ADDRESS[name], fields=(name,))


def _is_number(value: object, *, whole: bool = False) -> bool:
    """Tell whether a setting, which may come from JSON, is a number; True and False are not."""
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


def _is_file(path: str) -> bool:
    """Tell whether a file exists; for a folder that may not be entered, or a whole certificate, Python raises."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def _check_token(token: object) -> None:
    """Refuse a token that cannot stand in an Authorization header, without showing it."""
    if not isinstance(token, str) or not token:
        raise CopassInputError(
            "token is missing. Put the Copass API token (an API key starts with 'olk_') into the password field.",
            fields=("token",),
        )
    if not _VISIBLE_ASCII.fullmatch(token):
        raise CopassInputError(
            "token holds a space, a line break or another character that cannot stand in a header. Paste it again "
            "without the word 'Bearer' and without a trailing newline.",
            fields=("token",),
        )


def _check_base_url(base_url: str) -> SplitResult:
    """Refuse a base URL that cannot be read, has credentials or a query, or would send the token in the clear."""
    parts = None
    try:
        parts = urlsplit(base_url)
        named = _HOST.fullmatch(parts.hostname or "") is not None
        usable = parts.scheme in {"http", "https"} and named and parts.port != 0
    except ValueError:  # a port that is not a number, a bracket that is not closed
        usable = False
    if parts is None or not usable or not _VISIBLE_ASCII.fullmatch(base_url):
        raise address_refusal("host")
    if "@" in parts.netloc or parts.query or parts.fragment or base_url.endswith(("?", "#")):
        raise CopassInputError(
            "host must hold no user name, password, query or fragment. The token belongs in the password field.",
            fields=("host",),
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise CopassInputError(
            "host is plain http and not a loopback address, so the token would cross the network in the clear. "
            "Use https.",
            fields=("host",),
        )
    return parts


def _check_proxy(proxy: str, base_url: SplitResult) -> None:
    """Refuse a proxy that cannot be read, without showing it: it may hold a password."""
    try:
        parts = urlsplit(proxy)
        named = _PROXY_HOST.fullmatch(parts.hostname or "") is not None
        usable = parts.scheme in {"http", "https"} and named and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not _VISIBLE_ASCII.fullmatch(proxy):
        raise address_refusal("proxy")
    if base_url.scheme == "http":
        raise CopassInputError(
            "proxy cannot go with a plain http host: the token would reach the proxy in the clear. Leave one out.",
            fields=("proxy",),
        )


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address only: a look-up could be made to lie."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
