"""Servers on the loopback interface that answer wrongly, or not at all, and certificates for those that speak TLS."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.harness.ports import LOOPBACK


def self_signed(folder: Path, *, for_host: str = LOOPBACK, days: int = 1) -> Path:
    """Write a certificate that vouches for itself, and its key, into one PEM file.

    :param for_host: an IP address or a name.
    :param days: for how long from now it is good; negative for one that has expired.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made up for a test")])
    now = dt.datetime.now(dt.UTC)
    alternative: x509.GeneralName
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(for_host))
    except ValueError:
        alternative = x509.DNSName(for_host)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def answering(answer: bytes, *, certificate: Path | None = None) -> Iterator[int]:
    """Serve on a free port for a ``with`` block: each connection gets the same bytes once it has sent some.

    :param answer: the bytes; empty to hang up silently.
    :param certificate: a PEM file with certificate and key, to speak TLS.
    """
    with ExitStack() as held:
        listener: socket.socket = held.enter_context(socket.create_server((LOOPBACK, 0)))
        port: int = listener.getsockname()[1]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is left to the first read, so that a client that refuses it does not end the server.
            listener = held.enter_context(
                context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
            )

        def serve() -> None:
            # Ends when the listener is shut down.
            with suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    with accepted, suppress(OSError):
                        accepted.settimeout(5)
                        accepted.recv(65536)
                        accepted.sendall(answer)

        thread = threading.Thread(target=serve, name=f"odd server on {port}")
        thread.start()
        try:
            yield port
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@contextmanager
def accepting_nobody(*hosts: str) -> Iterator[int]:
    """Listen on a free port whose queue is full for a ``with`` block, so that a connection neither comes nor fails.

    :param hosts: the addresses on which to listen; none for the usual one.
    """
    with ExitStack() as held:
        port = 0
        for host in hosts or (LOOPBACK,):
            listener = held.enter_context(socket.socket())
            listener.bind((host, port))
            listener.listen(0)
            port = listener.getsockname()[1]
            for _ in range(3):
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
        yield port
