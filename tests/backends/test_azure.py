"""Secrets in Azure's Key Vault, by its official client, against a stand-in of the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "azure.keyvault.secrets", reason="the secrets backends have an environment of their own: make test-backends"
)

from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend
from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner
from airflow_provider_copass.secret_stores.testing import SecretStoreContract
from tests.backends.azure_stand_in import StandIn, stand_in

OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"
NAME = "airflow-variables-copass-webhook-secret-ds-1"
SECRET = SecretStr("olk_canary+/=%25")


@pytest.fixture(name="azure")
def _azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """An empty vault, and an environment in which its client gets a token."""
    with stand_in(tmp_path) as running:
        monkeypatch.setenv("IDENTITY_ENDPOINT", running.identity_url)
        monkeypatch.setenv("IDENTITY_HEADER", "made-up")
        monkeypatch.setenv("NO_PROXY", "*")
        yield running


def backend(azure: StandIn, **kwargs: str | None) -> AzureKeyVaultBackend:
    """Make Airflow's backend, as it is."""
    return AzureKeyVaultBackend(
        vault_url=azure.url,
        verify_challenge_resource=False,
        connection_verify=azure.certificate,
        retry_total=0,
        **kwargs,
    )


class TestKeyVault(SecretStoreContract):
    """The contract."""

    keeps_notes = True
    bad_keys = ("a b", "a.b", "a/b", "é", "x" * 127)

    @pytest.fixture
    def store(self, azure: StandIn) -> BackendStore:
        """A store over an empty vault."""
        return BackendStore(backend(azure))


def test_a_secret_lies_where_a_person_looks_for_it(azure: StandIn) -> None:
    """Prefix, separator and key make its name, each ``_`` a ``-``, and the tags tell whose it is."""
    store = BackendStore(backend(azure))
    store.write(KEY, SECRET, OWNER)
    assert store.location(KEY) == NAME
    tags = {"copass_data_source_id": "ds_1", "copass_sandbox_id": "sb_1", "copass_provider": "slack"}
    assert azure.secrets == {NAME: {"value": SECRET.get_secret_value(), "tags": tags}}


def test_two_keys_of_one_name_are_told_apart_by_their_owner(azure: StandIn) -> None:
    """``a_b`` and ``a-b`` are the same name, in any case; whose secret is there the tag tells."""
    store = BackendStore(backend(azure))
    assert store.location("secret_a_b") == store.location("secret_a-b") == store.location("Secret_A-b")
    store.write("secret_a_b", SECRET, OWNER)
    assert store.read("secret_a-b") == SECRET
    assert store.owner_of("secret_a-b") == "ds_1"


def test_tags_of_others_are_kept(azure: StandIn) -> None:
    """Each version has tags of its own; who has tagged the one before finds that on the next."""
    store = BackendStore(backend(azure))
    store.write(KEY, SECRET, OWNER)
    azure.secrets[NAME]["tags"]["team"] = "data"
    store.write(KEY, SECRET, OWNER)
    assert azure.secrets[NAME]["tags"]["team"] == "data"
    assert store.owner_of(KEY) == "ds_1"


def test_an_id_that_a_tag_cannot_hold_is_no_other_one(azure: StandIn) -> None:
    """It is not noted, rather than cut; nor does the note of the secret before it stay."""
    store = BackendStore(backend(azure))
    store.write(KEY, SECRET, OWNER)
    store.write(KEY, SECRET, SecretOwner("x" * 257, "sb_1", "slack"))
    assert store.owner_of(KEY) is None


def test_a_deleted_secret_of_ours_is_recovered_and_written_again(azure: StandIn) -> None:
    """The name takes no write until then. The old value never reads as the new one's: a new version is set on it."""
    store = BackendStore(backend(azure))
    store.write(KEY, SecretStr("the first"), OWNER)
    store.remove(KEY)
    assert (azure.secrets, list(azure.deleted)) == ({}, [NAME])
    assert store.read(KEY) is None
    store.check_write(KEY)
    store.write(KEY, SECRET, SecretOwner("ds_2", "sb_1", "slack"))
    assert store.read(KEY) == SECRET
    assert store.owner_of(KEY) == "ds_2"
    assert azure.deleted == {}


def test_a_deletion_and_a_recovery_are_waited_for(azure: StandIn) -> None:
    """Both go on after the answer, and a name that is about to change takes no write."""
    store = BackendStore(backend(azure))
    store.write(KEY, SecretStr("the first"), OWNER)
    azure.slow = 1
    store.remove(KEY)
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


def test_what_others_have_deleted_is_refused_and_left_alone(azure: StandIn) -> None:
    """As long as it can be recovered its name cannot be written; the message tells the ways out."""
    azure.deleted[NAME] = {"value": "gone", "tags": {"team": "data"}}
    store = BackendStore(backend(azure))
    with pytest.raises(CopassInputError, match="Recover or purge it"):
        store.check_write(KEY)
    with pytest.raises(SecretStoreError):
        store.write(KEY, SECRET, OWNER)
    assert "POST deletedsecrets recover" not in azure.asked


def test_without_the_right_to_recover_the_write_fails(azure: StandIn) -> None:
    """The error is the store's, and holds nothing of the secret."""
    store = BackendStore(backend(azure))
    store.write(KEY, SecretStr("the first"), OWNER)
    store.remove(KEY)
    azure.denied.add("POST deletedsecrets")
    with pytest.raises(SecretStoreError) as failed:
        store.write(KEY, SECRET, OWNER)
    assert SECRET.get_secret_value() not in str(failed.value)


def test_a_secret_that_is_disabled_is_taken(azure: StandIn) -> None:
    """It exists, cannot be read, and a retry would not help: the message says why."""
    store = BackendStore(backend(azure))
    store.write(KEY, SECRET, OWNER)
    azure.disabled.add(NAME)
    with pytest.raises(SecretKeyTakenError, match="it is disabled") as taken:
        store.read(KEY)
    assert taken.value.is_final
    assert store.owner_of(KEY) is None


@pytest.mark.parametrize("key", ["copass_secret_a--b", "copass_secret_a__b", "copass_secret_a_-b"])
def test_a_key_that_a_deployment_with_teams_does_not_look_up_is_refused(
    azure: StandIn, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """In a name each ``_`` is a ``-``, and two of them end a team's name; without teams the key is good."""
    store = BackendStore(backend(azure))
    store.check(key)
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    with pytest.raises(CopassInputError, match="multi_team"):
        store.check(key)


def test_who_may_not_ask_for_what_was_deleted_can_write_all_the_same(azure: StandIn) -> None:
    """The check is a help, not a need."""
    azure.denied.add("GET deletedsecrets")
    store = BackendStore(backend(azure))
    store.check_write(KEY)
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


def test_a_backend_that_serves_no_variables_is_refused(azure: StandIn) -> None:
    """The message names the setting."""
    with pytest.raises(CopassInputError, match="variables_prefix"):
        BackendStore(backend(azure, variables_prefix=None)).check(KEY)


@pytest.mark.parametrize(("denied", "act"), [("GET secrets", "read"), ("PUT secrets", "write")])
def test_a_refusal_is_an_error_without_the_secret(azure: StandIn, denied: str, act: str) -> None:
    """It is no absence; it is an error that Airflow retries, and nothing hangs on it."""
    azure.denied.add(denied)
    arguments = (KEY, SECRET, OWNER) if act == "write" else (KEY,)
    with pytest.raises(SecretStoreError, match="HttpResponseError") as failed:
        getattr(BackendStore(backend(azure)), act)(*arguments)
    assert not failed.value.is_final
    assert SECRET.get_secret_value() not in str(failed.value)
    assert failed.value.__context__ is None
