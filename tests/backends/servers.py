"""The real servers behind secrets backends: OpenBao, which speaks Vault's API, and moto's for AWS."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.harness.environment import clean_environment
from tests.harness.ports import LOOPBACK, free_port, is_free
from tests.harness.processes import Process, wait_for

AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Vault:
    """A running OpenBao, in whose account anything may be done with the root token."""

    url: str
    root_token: str
    process: Process

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Send a request as root and return its JSON."""
        answer = httpx.request(
            method,
            f"{self.url}/v1/{path}",
            headers={"X-Vault-Token": self.root_token},
            json=body or None,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def mount(self, version: int, *, cas_required: bool = False) -> str:
        """Mount a KV engine of a version and return its mount point."""
        name = f"kv{version}_{secrets.token_hex(3)}"
        self.ask("POST", f"sys/mounts/{name}", type="kv", options={"version": str(version)})
        if version == 2:
            # A new mount is upgraded in the background, and refuses requests until that is done.
            wait_for(lambda: self._is_ready(name), f"the mount {name}", seconds=10)
            self.ask("POST", f"{name}/config", cas_required=cas_required)
        return name

    def _is_ready(self, mount: str) -> bool:
        try:
            self.ask("GET", f"{mount}/config")
        except httpx.HTTPStatusError:
            return False
        return True

    def token(self, policy: str) -> str:
        """Make a token to which this policy applies, in HCL, and no other but the default one."""
        name = f"policy_{secrets.token_hex(3)}"
        self.ask("PUT", f"sys/policies/acl/{name}", policy=policy)
        made: str = self.ask("POST", "auth/token/create", policies=[name])["auth"]["client_token"]
        return made

    def app_role(self, policy: str, mount: str) -> Any:
        """Return Airflow's backend, which logs in by a role to which this policy applies, and can do so again."""
        from airflow.providers.hashicorp.secrets.vault import VaultBackend

        name = f"role_{secrets.token_hex(3)}"
        self.ask("PUT", f"sys/policies/acl/{name}", policy=policy)
        if "approle/" not in self.ask("GET", "sys/auth")["data"]:
            self.ask("POST", "sys/auth/approle", type="approle")
        self.ask("POST", f"auth/approle/role/{name}", token_policies=[name])
        role_id = self.ask("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        # A body, so that it is sent as JSON.
        secret_id = self.ask("POST", f"auth/approle/role/{name}/secret-id", metadata="{}")["data"]["secret_id"]
        return VaultBackend(url=self.url, auth_type="approle", role_id=role_id, secret_id=secret_id, mount_point=mount)


def _port_with_a_neighbour() -> int:
    """Return a free port whose next one is free too: OpenBao listens on both."""
    while True:
        port = free_port()
        if port < 65_535 and is_free(port + 1):
            return port


@contextmanager
def vault(folder: Path) -> Iterator[Vault]:
    """Run an OpenBao that keeps everything in memory.

    :param folder: for its output and its home.
    """
    port, token = _port_with_a_neighbour(), f"root-{secrets.token_hex(8)}"
    home = folder / "openbao"
    home.mkdir()
    command = [
        str(Path(sys.executable).with_name("bao")),
        *("server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={token}"),
        f"-dev-listen-address={LOOPBACK}:{port}",
    ]
    environment = {**clean_environment(), "HOME": str(home)}
    with Process("openbao", command, environment=environment, folder=folder) as process:
        server = Vault(f"http://{LOOPBACK}:{port}", token, process)
        wait_for(lambda: _answers(f"{server.url}/v1/sys/health"), "OpenBao", seconds=120, alive=[process])
        yield server


@contextmanager
def aws(folder: Path) -> Iterator[str]:
    """Run moto's server and yield its URL.

    :param folder: for its output.
    """
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", LOOPBACK, "-p", str(port)]
    with Process("moto", command, environment={**clean_environment(), **AWS}, folder=folder) as process:
        url = f"http://{LOOPBACK}:{port}"
        wait_for(lambda: _answers(f"{url}/moto-api/data.json"), "moto's server", seconds=180, alive=[process])
        yield url


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def denying(backend: Any, operations: set[str], *, tagged: bool = False) -> Any:
    """Have an AWS backend's client be refused, as by a role that lacks rights; moto asks for none.

    :param operations: what it may not do, by AWS's names.
    :param tagged: nor anything else that carries tags, which takes the right to tag as well.
    """
    from botocore.exceptions import ClientError

    def refuse(model: Any, params: dict[str, Any], **_: Any) -> None:
        carries = tagged and '"Tags"' in str(params["body"])
        if model.name in operations or carries:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, model.name)

    backend.client.meta.events.register("before-call", refuse)
    return backend
