"""Why no connection could be made, read off the exceptions beneath an HTTP library's own.

By class and code alone: their texts may hold an address with a proxy's password, and differ between libraries.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import ConnectFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAME_MISMATCHES = {62, 64}


def connect_failure_of(error: BaseException) -> ConnectFailure:
    """Tell why a connection failed, from what caused the failure.

    :param error: the exception of an attempt to connect.
    """
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return ConnectFailure.NO_ADDRESS
        if isinstance(cause, ConnectionRefusedError):
            return ConnectFailure.REFUSED
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConnectFailure.OTHER_HOST if cause.verify_code in _NAME_MISMATCHES else ConnectFailure.UNTRUSTED
        if isinstance(cause, ssl.SSLError):
            return ConnectFailure.NO_TLS
        if isinstance(cause, TimeoutError):
            return ConnectFailure.TOO_SLOW
    return ConnectFailure.UNKNOWN


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Go down from an exception to the first cause; of several, as of several addresses, to the first."""
    while error is not None:
        yield error
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
