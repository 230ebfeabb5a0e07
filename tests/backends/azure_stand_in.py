"""Azure's Key Vault, as far as secrets are written and read: an HTTPS server that its official client talks to."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness.ports import LOOPBACK

_SECRET = re.compile(r"/(secrets|deletedsecrets)/([0-9a-zA-Z-]{1,127})(/.*)?")


@dataclass
class StandIn:
    """What the vault holds.

    :param secrets: value and tags, by name.
    :param deleted: what was deleted and can be recovered, as it is in every vault of today.
    :param disabled: names whose newest version is switched off.
    :param denied: methods and paths' first parts that are not allowed, such as ``GET deletedsecrets``.
    :param slow: to how many further looks a deletion or a recovery is not done yet.
    """

    url: str = ""
    certificate: str = ""
    identity_url: str = ""
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    slow: int = 0
    asked: list[str] = field(default_factory=list)
    _pending: int = 0

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request that is logged in."""
        found = _SECRET.fullmatch(urlsplit(path).path)
        if found is None:
            return 404, _error("NotFound")
        kind, name, rest = found[1], found[2], (found[3] or "").strip("/")
        act = f"{method} {kind}"
        self.asked.append(f"{act} {rest}".strip())
        if self._pending and method == "GET":
            self._pending -= 1
            return 404, _error("SecretNotFound")
        refused = self._refusal(act, name)
        if refused is not None:
            return refused
        if act == "PUT secrets":
            self.secrets[name] = {"value": body["value"], "tags": body.get("tags") or {}}
            self.disabled.discard(name)
        return self._act(act, name, rest)

    def _refusal(self, act: str, name: str) -> tuple[int, dict[str, Any]] | None:
        there = name in (self.secrets if act.endswith(" secrets") else self.deleted)
        refusals = (
            (act in self.denied, 403, _error("Forbidden", "ForbiddenByRbac")),
            (act == "PUT secrets" and self._pending, 409, _error("Conflict", "ObjectIsBeingRecovered")),
            (act == "PUT secrets" and name in self.deleted, 409, _error("Conflict", "ObjectIsDeletedButRecoverable")),
            (act != "PUT secrets" and not there, 404, _error("SecretNotFound")),
            (act == "GET secrets" and name in self.disabled, 403, _error("Forbidden", "SecretDisabled")),
        )
        return next(((status, error) for applies, status, error in refusals if applies), None)

    def _act(self, act: str, name: str, rest: str) -> tuple[int, dict[str, Any]]:
        """Do what is asked for to a secret that is there."""
        if act == "DELETE secrets":
            self.deleted[name] = self.secrets.pop(name)
            self._pending = self.slow
            return 200, self._deleted(name)
        if act == "POST deletedsecrets" and rest == "recover":
            self.secrets[name] = self.deleted.pop(name)
            self._pending = self.slow
        if act == "GET deletedsecrets":
            return 200, self._deleted(name)
        return 200, self._bundle(name, self.secrets[name])

    def _bundle(self, name: str, secret: dict[str, Any]) -> dict[str, Any]:
        return {**secret, "id": f"{self.url}/secrets/{name}/0123456789abcdef", "attributes": {"enabled": True}}

    def _deleted(self, name: str) -> dict[str, Any]:
        """Return what the service says of a deleted secret: all but its value."""
        bundle = self._bundle(name, self.deleted[name])
        del bundle["value"]
        return {**bundle, "recoveryId": f"{self.url}/deletedsecrets/{name}", "deletedDate": 1_700_000_000}


def _error(code: str, inner: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": "see the code", "innererror": {"code": inner}}}


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback address, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@contextmanager
def stand_in(folder: Path) -> Iterator[StandIn]:
    """Serve a vault over HTTPS, and tokens for it over HTTP, on free loopback ports.

    :param folder: for the certificate.
    """
    held = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _vault(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if not self.headers.get("authorization"):
                challenge = 'Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://vault.azure.net"'
                return self._send(401, _error("Unauthorized"), {"WWW-Authenticate": challenge})
            return self._send(*held.answer(self.command, self.path, body), {})

        do_GET = do_PUT = do_POST = do_DELETE = _vault  # noqa: N815 - the names that http.server asks for

        def _send(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Identity(Handler):
        def do_GET(self) -> None:
            """Hand out a token, as a machine's identity endpoint does."""
            self._send(200, {"access_token": "made-up", "expires_on": "4102444800", "token_type": "Bearer"}, {})

    certificate, private = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    with (
        ThreadingHTTPServer((LOOPBACK, 0), Handler) as vault,
        ThreadingHTTPServer((LOOPBACK, 0), Identity) as identity,
    ):
        vault.socket = context.wrap_socket(vault.socket, server_side=True)
        held.url = f"https://{LOOPBACK}:{vault.server_port}"
        held.certificate = str(certificate)
        held.identity_url = f"http://{LOOPBACK}:{identity.server_port}/token"
        threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in (vault, identity)]
        for thread in threads:
            thread.start()
        try:
            yield held
        finally:
            for each in (vault, identity):
                each.shutdown()
            for thread in threads:
                thread.join()
