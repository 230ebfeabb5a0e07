"""Secrets in a real OpenBao, which speaks Vault's API: both engines, every form of path, rights and outages."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("hvac", reason="the secrets backends have an environment of their own: make test-backends")

from airflow.providers.hashicorp.secrets.vault import VaultBackend
from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner, SecretStore
from airflow_provider_copass.secret_stores.testing import SecretStoreContract
from tests.backends import servers

OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"
SECRET = SecretStr("olk_canary+/=%25")


def backend(vault: servers.Vault, **kwargs: Any) -> VaultBackend:
    """Make Airflow's backend."""
    return VaultBackend(**{"url": vault.url, "auth_type": "token", "token": vault.root_token, **kwargs})


class TestVersion2(SecretStoreContract):
    """The contract, over version 2 of the engine."""

    keeps_notes = True
    bad_keys = ("", "a/b", "a b", "a..b", "é", "x" * 251)
    options: dict[str, Any] = {}  # noqa: RUF012 - a subclass has its own
    version = 2
    cas_required = False

    @pytest.fixture
    def store(self, vault: servers.Vault) -> BackendStore:
        """A store over an empty mount."""
        self.vault = vault
        mount = vault.mount(self.version, cas_required=self.cas_required)
        return BackendStore(backend(vault, mount_point=mount, kv_engine_version=self.version, **self.options))

    def remove_otherwise(self, store: SecretStore) -> None:
        """Delete it as a person does: with version 2 its newest version, and the metadata stays."""
        mount, _, path = store.location(self.key).partition("/")
        self.vault.ask("DELETE", f"{mount}/{path}" if self.version == 1 else f"{mount}/data/{path}")


class TestVersion1(TestVersion2):
    """Over version 1, which keeps no metadata: the note is a field of the secret."""

    version = 1


class TestCheckAndSet(TestVersion2):
    """Where the engine takes no write that does not say which version it is over."""

    cas_required = True


class TestNestedPath(TestVersion2):
    """Where variables lie deeper."""

    options = {"variables_path": "teams/data/variables/"}  # noqa: RUF012 - see above


class TestNoPath(TestVersion2):
    """Where variables lie right below the mount point."""

    options = {"variables_path": ""}  # noqa: RUF012 - see above


class TestSeveralPaths(TestVersion2):
    """Where variables are looked for in several places, one after the other."""

    options = {"variables_path": ["mine", "common"]}  # noqa: RUF012 - see above


class TestVersion1NestedPath(TestNestedPath):
    """The same, over version 1."""

    version = 1


class TestVersion1NoPath(TestNoPath):
    """The same, over version 1."""

    version = 1


class TestVersion1SeveralPaths(TestSeveralPaths):
    """The same, over version 1."""

    version = 1


class TestMountPointInTheKey(SecretStoreContract):
    """Where the backend has no mount point, and every key begins with one."""

    keeps_notes = True
    version = 2
    bad_keys = ("", "no_mount_point", "/a", "a/", "kv/a/b", "k v/a")

    @pytest.fixture
    def store(self, vault: servers.Vault) -> BackendStore:
        """A store over an empty mount, whose name the keys begin with."""
        mount = vault.mount(self.version)
        cls = type(self)
        cls.key, cls.other_key = f"{mount}/copass_secret", f"{mount}/copass_secret_2"
        return BackendStore(backend(vault, mount_point=None, kv_engine_version=self.version))


class TestVersion1MountPointInTheKey(TestMountPointInTheKey):
    """The same, over version 1."""

    version = 1


def test_a_secret_lies_where_a_person_looks_for_it(vault: servers.Vault) -> None:
    """The path is the one that the page names, the field is ``value``, and the metadata tells whose it is."""
    mount = vault.mount(2)
    store = BackendStore(backend(vault, mount_point=mount, variables_path="variables"))
    store.write(KEY, SECRET, OWNER)
    assert store.location(KEY) == f"{mount}/variables/{KEY}"
    assert vault.ask("GET", f"{mount}/data/variables/{KEY}")["data"]["data"] == {"value": SECRET.get_secret_value()}
    notes = vault.ask("GET", f"{mount}/metadata/variables/{KEY}")["data"]["custom_metadata"]
    assert notes == {"data_source_id": "ds_1", "sandbox_id": "sb_1", "provider": "slack"}


def test_notes_of_others_are_kept(vault: servers.Vault) -> None:
    """Who has noted something beside the secret finds it still there."""
    mount = vault.mount(2)
    store = BackendStore(backend(vault, mount_point=mount))
    store.write(KEY, SECRET, OWNER)
    path = f"{mount}/metadata/variables/{KEY}"
    vault.ask("POST", path, custom_metadata={"team": "data", "data_source_id": "ds_0"})
    store.write(KEY, SECRET, OWNER)
    notes = vault.ask("GET", path)["data"]["custom_metadata"]
    assert (notes["team"], notes["data_source_id"]) == ("data", "ds_1")


def test_a_secret_that_was_deleted_can_be_written_again(vault: servers.Vault) -> None:
    """Version 2 keeps what was deleted, and its versions count on."""
    mount = vault.mount(2, cas_required=True)
    store = BackendStore(backend(vault, mount_point=mount))
    store.write(KEY, SECRET, OWNER)
    vault.ask("DELETE", f"{mount}/data/variables/{KEY}")
    assert store.read(KEY) is None
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


READ_ONLY = 'path "{mount}/*" {{ capabilities = ["read", "list"] }}'
NO_METADATA = 'path "{mount}/data/*" {{ capabilities = ["create", "update", "read"] }}'


def test_a_token_that_may_only_read_is_told_before_anything_is_written(vault: servers.Vault) -> None:
    """The message names the path and what the policy lacks."""
    mount = vault.mount(2)
    token = vault.token(READ_ONLY.format(mount=mount))
    store = BackendStore(backend(vault, mount_point=mount, token=token))
    store.check(KEY)
    with pytest.raises(CopassInputError, match="does not allow create, update") as refused:
        store.check_write(KEY)
    assert f"{mount}/data/variables/{KEY}" in str(refused.value)


def test_a_token_that_may_not_note_can_write_all_the_same(vault: servers.Vault) -> None:
    """The metadata is a help, not a need."""
    mount = vault.mount(2)
    token = vault.token(NO_METADATA.format(mount=mount))
    store = BackendStore(backend(vault, mount_point=mount, token=token))
    store.check_write(KEY)
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET
    assert store.owner_of(KEY) is None


def test_what_was_deleted_is_written_over_without_a_right_to_its_metadata(vault: servers.Vault) -> None:
    """The version that the write is over is told by the refusal to read it."""
    mount = vault.mount(2)
    BackendStore(backend(vault, mount_point=mount)).write(KEY, SecretStr("the first"), OWNER)
    vault.ask("DELETE", f"{mount}/data/variables/{KEY}")
    store = BackendStore(backend(vault, mount_point=mount, token=vault.token(NO_METADATA.format(mount=mount))))
    store.check_write(KEY)
    assert store.read(KEY) is None
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


def test_a_note_changes_nothing_else_of_the_metadata(vault: servers.Vault) -> None:
    """Neither an expiry that somebody has set, nor the number of versions, nor notes of others."""
    mount = vault.mount(2)
    place = f"{mount}/metadata/variables/{KEY}"
    vault.ask("POST", place, delete_version_after="240h", max_versions=7, custom_metadata={"team": "data"})
    BackendStore(backend(vault, mount_point=mount)).write(KEY, SECRET, OWNER)
    seen = vault.ask("GET", place)["data"]
    assert (seen["delete_version_after"], seen["max_versions"]) == ("240h0m0s", 7)
    assert seen["custom_metadata"] == {
        "team": "data",
        "data_source_id": "ds_1",
        "sandbox_id": "sb_1",
        "provider": "slack",
    }


def test_notes_that_may_not_be_read_are_not_replaced(vault: servers.Vault) -> None:
    """A token that may write metadata blindly leaves them as they are."""
    mount = vault.mount(2)
    place = f"{mount}/metadata/variables/{KEY}"
    vault.ask("POST", place, custom_metadata={"team": "data"})
    token = vault.token(
        NO_METADATA.format(mount=mount) + f'path "{mount}/metadata/*" {{ capabilities = ["create", "update"] }}'
    )
    store = BackendStore(backend(vault, mount_point=mount, token=token))
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET
    assert vault.ask("GET", place)["data"]["custom_metadata"] == {"team": "data"}


@pytest.mark.parametrize("version", [1, 2])
def test_of_several_paths_the_one_that_is_read_counts(vault: servers.Vault, version: int) -> None:
    """Whose the secret is, and what is removed: where the first path holds nothing, that of the second."""
    options = {"mount_point": vault.mount(version), "kv_engine_version": version}
    BackendStore(backend(vault, variables_path="common", **options)).write(KEY, SECRET, SecretOwner("ds_2", "sb", "x"))
    store = BackendStore(backend(vault, variables_path=["mine", "common"], **options))
    assert store.owner_of(KEY) == "ds_2"
    store.write(KEY, SECRET, OWNER)
    assert store.owner_of(KEY) == "ds_1"
    store.remove(KEY)
    assert store.owner_of(KEY) == "ds_2"
    store.remove(KEY)
    assert store.read(KEY) is None


@pytest.mark.parametrize("act", ["check_write", "owner_of", "remove"])
def test_a_login_that_has_run_out_is_renewed(vault: servers.Vault, act: str) -> None:
    """A refusal for want of a login is no word on rights, nor on whose the secret is."""
    mount = vault.mount(2)
    BackendStore(backend(vault, mount_point=mount)).write(KEY, SECRET, OWNER)
    read_only = f'path "{mount}/*" {{ capabilities = ["read", "delete"] }}'
    airflow = vault.app_role(read_only, mount)
    store = BackendStore(airflow)
    assert store.owner_of(KEY) == "ds_1"
    vault.ask("POST", "auth/token/revoke", token=airflow.vault_client.client.token)
    if act == "check_write":
        with pytest.raises(CopassInputError, match="does not allow create, update"):
            store.check_write(KEY)
    elif act == "owner_of":
        assert store.owner_of(KEY) == "ds_1"
    else:
        store.remove(KEY)
        assert store.read(KEY) is None


def test_a_path_that_is_not_served_is_refused(vault: servers.Vault) -> None:
    """With ``variables_path`` None Airflow never asks this backend for a Variable."""
    with pytest.raises(CopassInputError, match="variables_path"):
        BackendStore(backend(vault, variables_path=None)).check(KEY)


def test_fields_that_airflow_does_not_read_are_not_overwritten(vault: servers.Vault) -> None:
    """A secret of somebody's own, without a ``value``, is no free place."""
    mount = vault.mount(2)
    vault.ask("POST", f"{mount}/data/variables/{KEY}", data={"password": "somebody's"})
    with pytest.raises(SecretKeyTakenError, match="does not read as the Variable"):
        BackendStore(backend(vault, mount_point=mount)).read(KEY)


def test_a_secret_in_a_later_path_is_seen(vault: servers.Vault) -> None:
    """What a task would find in the second path counts as there."""
    mount = vault.mount(2)
    vault.ask("POST", f"{mount}/data/common/{KEY}", data={"value": "somebody's"})
    found = BackendStore(backend(vault, mount_point=mount, variables_path=["mine", "common"])).read(KEY)
    assert found is not None
    assert found.get_secret_value() == "somebody's"


@pytest.mark.parametrize("act", ["read", "owner_of", "check_write", "write", "remove"])
def test_a_vault_that_cannot_be_reached_is_no_absence(tmp_path: object, act: str) -> None:
    """Each request ends in an error that Airflow retries, and that holds nothing of the secret."""
    gone = VaultBackend(url="http://127.0.0.1:9", auth_type="token", token="t", mount_point="kv")
    store = BackendStore(gone)
    arguments = (KEY, SECRET, OWNER) if act == "write" else (KEY,)
    with pytest.raises(SecretStoreError, match="nothing is concluded") as failed:
        getattr(store, act)(*arguments)
    assert not failed.value.is_final
    assert SECRET.get_secret_value() not in str(failed.value)
    assert failed.value.__context__ is None


class OwnBackend(VaultBackend):
    """A company's own, with rules of its own beside Airflow's."""

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Read as ever."""
        return super().get_variable(key)


def test_a_subclass_is_known_by_what_it_is_of(vault: servers.Vault) -> None:
    """It is written to as its parent is."""
    mount = vault.mount(2)
    store = BackendStore(OwnBackend(url=vault.url, auth_type="token", token=vault.root_token, mount_point=mount))
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET
