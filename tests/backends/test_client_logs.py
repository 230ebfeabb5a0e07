"""What is logged at DEBUG while a secret is written and read: nothing of it, and all loggers are as before."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

pytest.importorskip("boto3", reason="the secrets backends have an environment of their own: make test-backends")

import boto3
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.providers.amazon.aws.secrets.systems_manager import SystemsManagerParameterStoreBackend
from airflow.providers.hashicorp.secrets.vault import VaultBackend
from pydantic import SecretStr

from airflow_provider_copass.client_logs import suppress_client_logs
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner, VariableStore
from tests.backends import servers
from tests.harness.secrets_backends import forget_secrets_backends

OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"
SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
CANARY = "olk_canary_of_the_debug_log"


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every logger that has a level of its own at DEBUG, and the root as well."""
    for name in ("", "botocore", "botocore.endpoint", "botocore.parsers", "urllib3", "hvac"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
def test_aws_s_client_logs_no_secret(kind: type, debug: pytest.LogCaptureFixture) -> None:
    """At DEBUG it logs bodies of requests and answers; around a secret it does not, and afterwards it does again."""
    store = BackendStore(kind())
    for _ in range(2):
        store.write(KEY, SecretStr(CANARY), OWNER)
        assert store.read(KEY) == SecretStr(CANARY)
    store.remove(KEY)
    assert CANARY not in debug.text
    boto3.client("ssm").describe_parameters()
    assert "botocore" in {record.name.partition(".")[0] for record in debug.records}


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS's Secrets Manager is what this Airflow reads from."""
    forget_secrets_backends()
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", SECRETS_MANAGER)
    yield
    forget_secrets_backends()


@pytest.mark.usefixtures("aws", "configured")
def test_a_connection_that_lies_in_aws_is_read_without_its_token_being_logged(
    debug: pytest.LogCaptureFixture,
) -> None:
    """Airflow reads it; the hook suppresses what Airflow's client logs."""
    with suppress_client_logs():
        boto3.client("secretsmanager").create_secret(
            Name="airflow/connections/copass_default",
            SecretString=json.dumps({"conn_type": "copass", "password": CANARY, "extra": '{"sandbox_id": "sb"}'}),
        )
    assert CopassHook().connection.settings.token == CANARY
    assert CANARY not in debug.text


@pytest.mark.usefixtures("aws", "configured")
def test_a_variable_that_lies_in_aws_is_read_without_being_logged(debug: pytest.LogCaptureFixture) -> None:
    """Also where secrets go to Airflow's Variables, and a backend stands before them."""
    with suppress_client_logs():
        boto3.client("secretsmanager").create_secret(Name="airflow/variables/copass_secret", SecretString=CANARY)
    assert VariableStore().read("copass_secret") == SecretStr(CANARY)
    assert CANARY not in debug.text


def test_vault_s_client_logs_no_secret(vault: servers.Vault, debug: pytest.LogCaptureFixture) -> None:
    """It logs none, of itself."""
    backend = VaultBackend(url=vault.url, token=vault.root_token, mount_point=vault.mount(2))
    store = BackendStore(backend)
    store.write(KEY, SecretStr(CANARY), OWNER)
    assert store.read(KEY) == SecretStr(CANARY)
    assert CANARY not in debug.text
