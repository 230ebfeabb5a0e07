"""Why no connection could be made, read off the exceptions beneath an HTTP library's own.

By class and code alone: their texts may hold an address with a proxy's password, and differ between libraries.
"""

from __future__ import annotations

import socket
import ssl
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAME_MISMATCHES = {62, 64}


class Unreached(Enum):
    """Why no connection could be made, so that nothing was sent."""

    NO_ADDRESS = "the host's name is not known here"
    REFUSED = "it was refused"
    UNTRUSTED = "the server's certificate is not trusted, or has expired"
    OTHER_HOST = "the server's certificate is for another host"
    NO_TLS = "what listens there does not speak TLS, or no version of it that is accepted"
    TOO_SLOW = "it took too long"
    PROXY = "the proxy does not let it through"
    UNKNOWN = "the network does not say why"


def why_unreached(error: BaseException) -> Unreached:
    """Judge the failure of a connection by what caused it.

    :param error: the exception of an attempt to connect.
    """
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return Unreached.NO_ADDRESS
        if isinstance(cause, ConnectionRefusedError):
            return Unreached.REFUSED
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreached.OTHER_HOST if cause.verify_code in _NAME_MISMATCHES else Unreached.UNTRUSTED
        if isinstance(cause, ssl.SSLError):
            return Unreached.NO_TLS
        if isinstance(cause, TimeoutError):
            return Unreached.TOO_SLOW
    return Unreached.UNKNOWN


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Go down from an exception to the first cause; where there are several, as of several addresses, to the first."""
    while error is not None:
        yield error
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
