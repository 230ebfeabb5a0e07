"""Whole registrations over real secrets backends, with a simulated account: what is there already, and rights."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("hvac", reason="the secrets backends have an environment of their own: make test-backends")

import boto3
import httpx
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.providers.amazon.aws.secrets.systems_manager import SystemsManagerParameterStoreBackend
from airflow.providers.hashicorp.secrets.vault import VaultBackend
from airflow_provider_copass.registration.store_key import StoreKey
from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SourceChangedError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner
from tests.backends import servers
from tests.backends.google_stand_in import stand_in
from tests.backends.test_google import backend as google_backend
from tests.registration.simulation import Process, World
from tests.registration.worlds import run

FIXED = StoreKey("copass_secret_fixed")
KEY = FIXED.template
NO_METADATA = 'path "{mount}/data/*" {{ capabilities = ["create", "update", "read"] }}'
THEIRS = SecretStr("somebody's")
OTHER = SecretOwner("ds-99", "sb", "slack")


@pytest.fixture(name="account")
def _account(aws: str) -> Any:
    """An empty account of AWS, by its client."""
    httpx.post(f"{aws}/moto-api/reset", trust_env=False).raise_for_status()
    return boto3.client("secretsmanager")


def register(world: World, store: BackendStore, *, attempt: int = 1, key: StoreKey = FIXED, **fields: Any) -> Process:
    """Run one try of a task that keeps its secret in a real store."""
    return run(world, attempt=attempt, ingestion_mode="realtime", key=key, script={"secrets": store}, **fields)


def check_kept(world: World, done: Process, store: BackendStore, source_id: str = "ds-1") -> None:
    """Check that the store holds the valid secret, that it was issued once, and that the note is right or missing."""
    assert done.error is None
    assert done.result is not None
    assert done.result.stored_as is not None
    assert store.read(done.result.stored_as) == SecretStr(world.rows[source_id].secret or "")
    assert world.rotations == 0


def vault_store(vault: servers.Vault, mount: str, token: str = "") -> BackendStore:
    """Return a store over a mount of the vault."""
    return BackendStore(VaultBackend(url=vault.url, token=token or vault.root_token, mount_point=mount))


def test_a_key_whose_note_names_another_source_is_refused_before_the_post(vault: servers.Vault) -> None:
    """Even where the record remembers the key as ours: its source is gone, and another one's secret is there."""
    world, store = World(), vault_store(vault, vault.mount(2))
    check_kept(world, register(world, store), store)
    world.rows["ds-1"].alive = False
    store.write(KEY, THEIRS, OTHER)
    done = register(world, store, attempt=2)
    assert isinstance(done.error, SecretKeyTakenError)
    assert "nothing was registered" in str(done.error)
    assert store.read(KEY) == THEIRS
    assert world.posts == 1
    # The same once that secret was removed by another tool.
    mount, _, path = store.location(KEY).partition("/")
    vault.ask("DELETE", f"{mount}/data/{path}")
    check_kept(world, register(world, store, attempt=3), store, "ds-2")
    assert store.owner_of(KEY) == "ds-2"


def test_a_source_that_is_there_does_not_adopt_another_source_s_secret(vault: servers.Vault) -> None:
    """The note names that one."""
    world, store = World(), vault_store(vault, vault.mount(2))
    check_kept(world, register(world, store), store)
    store.write(KEY, THEIRS, OTHER)
    for choice in ("fail", "rotate", "ignore"):
        done = register(world, store, attempt=2, on_missing_secret=choice)
        assert isinstance(done.error, SecretKeyTakenError), choice
        assert "ds-99" in str(done.error)
    assert store.read(KEY) == THEIRS
    assert world.rotations == 0


def test_a_secret_that_was_deleted_is_written_over_with_rights_to_data_alone(vault: servers.Vault) -> None:
    """One POST and no rotation, although the engine remembers the versions before."""
    world, mount = World(), vault.mount(2)
    vault_store(vault, mount).write(KEY, THEIRS, OTHER)
    vault.ask("DELETE", f"{mount}/data/variables/{KEY}")
    store = vault_store(vault, mount, vault.token(NO_METADATA.format(mount=mount)))
    check_kept(world, register(world, store), store)
    assert world.posts == 1


@pytest.mark.parametrize("choice", ["fail", "rotate", "ignore"])
def test_a_secret_that_waits_for_its_deletion_is_told_at_once(account: Any, choice: str) -> None:
    """The source is there, its secret cannot be read or written, and a retry would not help; nothing is rotated."""
    world, store = World(), BackendStore(SecretsManagerBackend())
    check_kept(world, register(world, store), store)
    account.delete_secret(SecretId=store.location(KEY), RecoveryWindowInDays=7)
    done = register(world, store, attempt=2, on_missing_secret=choice)
    assert isinstance(done.error, SecretKeyTakenError)
    assert "scheduled for deletion" in str(done.error)
    assert world.rotations == 0


def test_a_name_that_waits_for_its_deletion_is_refused_before_the_post(account: Any) -> None:
    """The message tells the ways out."""
    world, store = World(), BackendStore(SecretsManagerBackend())
    store.write(KEY, THEIRS, OTHER)
    account.delete_secret(SecretId=store.location(KEY), RecoveryWindowInDays=7)
    done = register(world, store)
    assert isinstance(done.error, CopassInputError)
    assert "Restore it, delete it at once, or choose another store_as" in str(done.error)
    assert world.posts == 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("made", [False, True], ids=["new", "made before, without a value"])
@pytest.mark.parametrize(
    ("kind", "tagging"),
    [(SecretsManagerBackend, "TagResource"), (SystemsManagerParameterStoreBackend, "AddTagsToResource")],
)
def test_a_role_that_may_not_tag_registers_once(account: Any, kind: Any, tagging: str, made: bool) -> None:
    """The secret is stored, without a note, and not minted again at each try."""
    world, store = World(), BackendStore(servers.denying(kind(), {tagging}, tagged=True))
    if made:
        account.create_secret(Name=f"airflow/variables/{KEY}")
    check_kept(world, register(world, store), store)
    check_kept(world, register(world, store, attempt=2), store)
    assert world.posts == 1


@pytest.mark.usefixtures("account")
def test_a_spare_key_is_one_that_the_lookup_pattern_lets_be_read() -> None:
    """The key holds somebody's value: the secret lies beside it, and no later try reports theirs."""
    world, store = World(), BackendStore(SecretsManagerBackend(variables_lookup_pattern="^team_"))
    key, own = StoreKey("team_secret_{data_source_id}"), "team_secret_ds-1"
    store.write(own, THEIRS, OTHER)
    done = register(world, store, key=key)
    assert isinstance(done.error, SecretKeyTakenError)
    assert store.read(f"{own}_spare") == SecretStr(world.rows["ds-1"].secret or "")
    for attempt in (2, 3):
        done = register(world, store, attempt=attempt, key=key)
        assert isinstance(done.error, SourceChangedError)
    assert store.read(own) == THEIRS
    assert (world.posts, world.rotations) == (1, 0)


@pytest.mark.usefixtures("account")
def test_a_pattern_that_only_an_id_meets_is_judged_with_one() -> None:
    """A key is checked before there is an id with one of the form that ids have."""
    store = BackendStore(SecretsManagerBackend(variables_lookup_pattern="^copass_webhook_secret_[0-9a-f-]{36}$"))
    world = World(names=lambda number: f"3f9c2d4e-0000-4000-8000-00000000000{number}")
    check_kept(world, register(world, store, key=StoreKey()), store, world.names(1))


def test_a_latest_version_that_is_seen_late_is_waited_for() -> None:
    """Of Google's ``latest`` the promise is but an eventual one: a good secret is not rotated for that."""
    with stand_in() as google:
        google.lag = 4
        world, store = World(), BackendStore(google_backend(google))
        check_kept(world, register(world, store), store)
        assert world.posts == 1


@pytest.mark.usefixtures("account")
def test_a_key_with_a_team_s_separator_is_refused_before_the_post(monkeypatch: pytest.MonkeyPatch) -> None:
    """No task would find the secret there."""
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    world = World()
    done = register(world, BackendStore(SecretsManagerBackend()), key=StoreKey("copass_secret--{data_source_id}"))
    assert isinstance(done.error, CopassInputError)
    assert world.posts == 0
