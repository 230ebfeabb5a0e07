"""Airflow's secrets backend for Google's Secret Manager, over the stand-in of that service."""

from __future__ import annotations

from airflow.providers.google.cloud._internal_client.secret_manager_client import _SecretManagerClient
from airflow.providers.google.cloud.secrets.secret_manager import CloudSecretManagerBackend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.backends.google_stand_in import StandIn


def keyfile() -> dict[str, str]:
    """Make up the key of a service account, which no server checks."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "client_email": "tests@project.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",
        "private_key": pem.decode(),
    }


KEYFILE = keyfile()


def backend(google: StandIn, **kwargs: str | None) -> CloudSecretManagerBackend:
    """Make Airflow's backend; it has no option for another address, so a subclass gives it the client."""

    class AtLoopback(CloudSecretManagerBackend):
        @property
        def client(self) -> _SecretManagerClient:
            made = _SecretManagerClient(credentials=self.credentials)
            made.__dict__["client"] = google.client()
            return made

    return AtLoopback(gcp_keyfile_dict=dict(KEYFILE), project_id="project", **kwargs)
