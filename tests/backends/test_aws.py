"""Secrets in AWS's two stores, as moto's server plays them: names, prefixes, patterns, tags, deletions."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("boto3", reason="the secrets backends have an environment of their own: make test-backends")

import boto3
import httpx
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.providers.amazon.aws.secrets.systems_manager import SystemsManagerParameterStoreBackend
from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner
from airflow_provider_copass.secret_stores.testing import SecretStoreContract
from tests.backends.servers import denying

OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"
SECRET = SecretStr("olk_canary+/=%25")


@pytest.fixture(autouse=True)
def _account(aws: str) -> None:
    """An empty account."""
    httpx.post(f"{aws}/moto-api/reset", trust_env=False).raise_for_status()


class TestSecretsManager(SecretStoreContract):
    """The contract, over Secrets Manager."""

    keeps_notes = True
    bad_keys = ("a b", "é", "a?b", "x" * 513)
    options: dict[str, Any] = {}  # noqa: RUF012 - a subclass has its own

    @pytest.fixture
    def store(self) -> BackendStore:
        """A store over an empty account."""
        return BackendStore(SecretsManagerBackend(**self.options))


class TestSecretsManagerWithOtherNames(TestSecretsManager):
    """With another prefix and separator, and a pattern that the keys match."""

    options = {  # noqa: RUF012 - see above
        "variables_prefix": "team-data.variables",
        "sep": ".",
        "variables_lookup_pattern": "^COPASS_",
    }


class TestSecretsManagerWithoutPrefix(TestSecretsManager):
    """With an empty prefix the key is the name."""

    options = {"variables_prefix": ""}  # noqa: RUF012 - see above


class TestParameterStore(SecretStoreContract):
    """The contract, over the Parameter Store."""

    keeps_notes = True
    bad_keys = ("a b", "é", "a?b", "x" * 1011, "a//b")
    options: dict[str, Any] = {}  # noqa: RUF012 - a subclass has its own

    @pytest.fixture
    def store(self) -> BackendStore:
        """A store over an empty account."""
        return BackendStore(SystemsManagerParameterStoreBackend(**self.options))


class TestParameterStoreWithOtherNames(TestParameterStore):
    """With a prefix that lacks the leading slash, and a pattern."""

    options = {  # noqa: RUF012 - see above
        "variables_prefix": "team/variables/",
        "variables_lookup_pattern": "copass",
    }


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
def test_a_key_that_the_pattern_misses_is_refused(kind: Any) -> None:
    """No task would ever find it there; the message names the setting and the pattern."""
    store = BackendStore(kind(variables_lookup_pattern="^airflow_"))
    with pytest.raises(CopassInputError, match=r"variables_lookup_pattern '\^airflow_'"):
        store.check(KEY)


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
def test_a_backend_that_serves_no_variables_is_refused(kind: Any) -> None:
    """The message names the setting."""
    with pytest.raises(CopassInputError, match="variables_prefix"):
        BackendStore(kind(variables_prefix=None)).check(KEY)


def test_a_secret_lies_where_a_person_looks_for_it() -> None:
    """The name is the one that the page shows, and the tags tell whose it is."""
    store = BackendStore(SecretsManagerBackend())
    store.write(KEY, SECRET, OWNER)
    assert store.location(KEY) == f"airflow/variables/{KEY}"
    found = boto3.client("secretsmanager").describe_secret(SecretId=f"airflow/variables/{KEY}")
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {
        "copass:data_source_id": "ds_1",
        "copass:sandbox_id": "sb_1",
        "copass:provider": "slack",
    }


def test_a_parameter_is_encrypted() -> None:
    """It is a SecureString, at its first write and at each further one."""
    store = BackendStore(SystemsManagerParameterStoreBackend())
    client = boto3.client("ssm")
    for _ in range(2):
        store.write(KEY, SECRET, OWNER)
        found = client.get_parameter(Name=f"/airflow/variables/{KEY}")["Parameter"]
        assert found["Type"] == "SecureString"
        assert found["Value"] != SECRET.get_secret_value()


def test_a_name_that_waits_for_its_deletion_is_refused() -> None:
    """Secrets Manager takes no write for it until then; the message says so, and the ways out."""
    store = BackendStore(SecretsManagerBackend())
    store.write(KEY, SECRET, OWNER)
    boto3.client("secretsmanager").delete_secret(SecretId=f"airflow/variables/{KEY}", RecoveryWindowInDays=7)
    with pytest.raises(CopassInputError, match=r"scheduled for deletion.*Restore it, delete it at once"):
        store.check_write(KEY)


def test_what_waits_for_its_deletion_cannot_be_read_and_says_so() -> None:
    """Airflow reads it as absent. It exists, scheduled for deletion, and a retry would not help."""
    backend = SecretsManagerBackend()
    store = BackendStore(backend)
    store.write(KEY, SECRET, OWNER)
    boto3.client("secretsmanager").delete_secret(SecretId=f"airflow/variables/{KEY}", RecoveryWindowInDays=7)
    assert backend.get_variable(KEY) is None
    with pytest.raises(SecretKeyTakenError, match=r"scheduled for deletion.*choose another store_as") as taken:
        store.read(KEY)
    assert taken.value.is_final
    assert store.owner_of(KEY) is None


@pytest.mark.parametrize(
    ("kind", "tagging"),
    [(SecretsManagerBackend, "TagResource"), (SystemsManagerParameterStoreBackend, "AddTagsToResource")],
)
def test_a_role_that_may_not_tag_can_write_all_the_same(
    kind: Any, tagging: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is new, which AWS would not even create with tags, and what is there. It is said, once a write."""
    store = BackendStore(denying(kind(), {tagging}, tagged=True))
    for value in ("first", "second"):
        capsys.readouterr()
        store.write(KEY, SecretStr(value), OWNER)
        assert capsys.readouterr().out.count("does not let the owner of") == 1
        assert store.read(KEY) == SecretStr(value)
    assert store.owner_of(KEY) is None


def test_a_role_that_may_not_create_can_write_what_is_there() -> None:
    """A secret that somebody has made for it, without a value."""
    boto3.client("secretsmanager").create_secret(Name=f"airflow/variables/{KEY}")
    store = BackendStore(denying(SecretsManagerBackend(), {"CreateSecret", "TagResource"}))
    assert store.read(KEY) is None
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
def test_a_role_that_may_not_write_is_an_error_without_the_secret(kind: Any) -> None:
    """A right that cannot be done without is not passed over; the message has AWS's word for it."""
    store = BackendStore(denying(kind(), {"CreateSecret", "PutSecretValue", "PutParameter"}))
    with pytest.raises(SecretStoreError, match=r"\(ClientError: AccessDeniedException\)") as failed:
        store.write(KEY, SECRET, OWNER)
    assert SECRET.get_secret_value() not in str(failed.value)


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
@pytest.mark.parametrize("odd", ["ds#1(x)", "d" * 257])
def test_an_id_that_a_tag_cannot_hold_is_no_other_one(kind: Any, odd: str) -> None:
    """It is not noted, rather than changed; nor does the note of the secret before it stay."""
    store = BackendStore(kind())
    store.write(KEY, SECRET, OWNER)
    assert store.owner_of(KEY) == "ds_1"
    store.write(KEY, SECRET, SecretOwner(odd, "sb_1", "slack"))
    assert store.owner_of(KEY) is None


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
def test_a_key_that_a_deployment_with_teams_does_not_look_up_is_refused(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dashes end a team's name; without teams the key is good."""
    store = BackendStore(kind())
    store.check("copass_secret_a--b")
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    with pytest.raises(CopassInputError, match="multi_team"):
        store.check("copass_secret_a--b")


@pytest.mark.parametrize("kind", [SecretsManagerBackend, SystemsManagerParameterStoreBackend])
@pytest.mark.parametrize("act", ["read", "owner_of", "write", "remove"])
def test_a_store_that_cannot_be_reached_is_no_absence(kind: Any, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request ends in an error that Airflow retries, and that holds nothing of the secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = BackendStore(kind())
    arguments = (KEY, SECRET, OWNER) if act == "write" else (KEY,)
    with pytest.raises(SecretStoreError, match="nothing is concluded") as failed:
        getattr(store, act)(*arguments)
    assert not failed.value.is_final
    assert SECRET.get_secret_value() not in str(failed.value)
    assert failed.value.__context__ is None
