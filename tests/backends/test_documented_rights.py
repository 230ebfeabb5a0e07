"""The rights that docs/secrets.md asks for: no more than is used, and enough."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytest.importorskip("boto3", reason="the secrets backends have an environment of their own: make test-backends")

from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.providers.amazon.aws.secrets.systems_manager import SystemsManagerParameterStoreBackend
from airflow.providers.hashicorp.secrets.vault import VaultBackend
from pydantic import SecretStr

from airflow_provider_copass.secret_stores import BackendStore, SecretOwner
from tests.backends import servers
from tests.docs import pages

PAGE = pages.CHECKOUT / "docs" / "secrets.md"
OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"


def whole_life(store: BackendStore) -> None:
    """Do everything with a key that a store can do."""
    store.check(KEY)
    for value in ("first", "second"):
        store.check_write(KEY)
        store.write(KEY, SecretStr(value), OWNER)
        assert store.read(KEY) == SecretStr(value)
        assert store.owner_of(KEY) == "ds_1"
    store.remove(KEY)
    assert store.read(KEY) is None


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("service", "kind"),
    [("secretsmanager", SecretsManagerBackend), ("ssm", SystemsManagerParameterStoreBackend)],
)
def test_the_policy_for_aws_allows_what_is_asked_for(service: str, kind: type[Any]) -> None:
    """Every operation that the store asks for, and none besides, is an action of the policy."""
    backend = kind()
    asked: set[str] = set()
    backend.client.meta.events.register("before-call", lambda model, **_: asked.add(f"{service}:{model.name}"))
    whole_life(BackendStore(backend))
    policies = [json.loads(each.text) for each in pages.snippets(PAGE) if each.language == "json"]
    [actions] = [
        set(statement["Action"])
        for policy in policies
        for statement in policy.get("Statement", [])
        if statement["Action"][0].startswith(f"{service}:")
    ]
    assert actions == asked


def test_the_policy_for_vault_is_enough(vault: servers.Vault) -> None:
    """A token with the policy of the page, and the options of its backend, can do all of it."""
    [policy] = [each.text for each in pages.snippets(PAGE) if each.language == "hcl"]
    [options] = [
        json.loads(each.text) for each in pages.snippets(PAGE) if each.language == "json" and "mount_point" in each.text
    ]
    mount = vault.mount(2)
    kept = {name: value for name, value in options.items() if name in {"variables_path", "kv_engine_version"}}
    token = vault.token(re.sub(r'"airflow/', f'"{mount}/', policy))
    whole_life(BackendStore(VaultBackend(url=vault.url, token=token, mount_point=mount, **kept)))


def test_the_policy_for_vault_is_needed(vault: servers.Vault) -> None:
    """Without its first path the store refuses before anything is written."""
    mount = vault.mount(2)
    token = vault.token(f'path "{mount}/metadata/*" {{ capabilities = ["create", "update", "read"] }}')
    store = BackendStore(VaultBackend(url=vault.url, token=token, mount_point=mount))
    with pytest.raises(Exception, match="does not allow create, update, read"):
        store.check_write(KEY)
