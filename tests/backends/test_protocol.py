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
from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner
from tests.backends import servers
from tests.backends.google_backend import backend as google_backend
from tests.backends.google_stand_in import stand_in
from tests.registration import acts
from tests.registration.simulation import Process, World

KEY = "copass_secret_fixed"
NO_METADATA = 'path "{mount}/data/*" {{ capabilities = ["create", "update", "read"] }}'
THEIRS = SecretStr("somebody's")
OTHER = SecretOwner("ds-99", "sb", "slack")


@pytest.fixture(name="account")
def _account(aws: str) -> Any:
    """An empty account of AWS, by its client."""
    httpx.post(f"{aws}/moto-api/reset", trust_env=False).raise_for_status()
    return boto3.client("secretsmanager")


def register(world: World, store: BackendStore, *, store_as: str | None = KEY, **how: Any) -> Process:
    """Run one try of a task that keeps its secret in a real store."""
    return acts.register(world, store_as=store_as, secrets=store, **how)


def check_refused(done: Process, kind: type[Exception], part: str) -> None:
    """Check that a task failed with an error that says something."""
    error = acts.error_of(done)
    assert isinstance(error, kind), repr(error)
    assert part in str(error)


def check_kept(world: World, done: Process, store: BackendStore, source_id: str = "ds-1") -> None:
    """Check that the store holds the valid secret, and that it was issued once."""
    assert acts.is_green(done), acts.error_of(done)
    told = acts.told(done)
    assert told.data_source_id == source_id
    assert store.read(told.stored_as or "") == SecretStr(world.rows[source_id].secret or "")
    assert world.rotations == 0


def vault_store(vault: servers.Vault, mount: str, token: str = "") -> BackendStore:
    """Return a store over a mount of the vault."""
    return BackendStore(VaultBackend(url=vault.url, token=token or vault.root_token, mount_point=mount))


def test_a_key_whose_note_names_another_source_is_refused_before_the_post(vault: servers.Vault) -> None:
    """Even if the journal remembers the key as ours: its source is gone, and another one's secret is there."""
    world, store = World(), vault_store(vault, vault.mount(2))
    check_kept(world, register(world, store), store)
    world.rows["ds-1"].alive = False
    store.write(KEY, THEIRS, OTHER)
    check_refused(register(world, store, attempt=2), SecretKeyTakenError, "nothing was registered")
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
        check_refused(register(world, store, attempt=2, on_missing_secret=choice), SecretKeyTakenError, "ds-99")
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
    check_refused(done, SecretKeyTakenError, "scheduled for deletion")
    assert world.rotations == 0


def test_a_name_that_waits_for_its_deletion_is_refused_before_the_post(account: Any) -> None:
    """The message tells the ways out."""
    world, store = World(), BackendStore(SecretsManagerBackend())
    store.write(KEY, THEIRS, OTHER)
    account.delete_secret(SecretId=store.location(KEY), RecoveryWindowInDays=7)
    way_out = "Restore it, delete it at once, or choose another store_as"
    check_refused(register(world, store), CopassInputError, way_out)
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
def test_a_key_that_is_known_only_afterwards_and_taken_is_left_to_its_owner() -> None:
    """No try reports or overwrites their value; a try that is given another key mints a secret for it."""
    world, store = World(), BackendStore(SecretsManagerBackend(variables_lookup_pattern="^team_"))
    template, own = "team_secret_{data_source_id}", "team_secret_ds-1"
    store.write(own, THEIRS, OTHER)
    for attempt in (1, 2):
        done = register(world, store, store_as=template, attempt=attempt)
        check_refused(done, SecretKeyTakenError, "the secret is not stored")
    again = register(world, store, store_as="team_secret", attempt=3)
    assert acts.is_green(again), acts.error_of(again)
    assert store.read("team_secret") == SecretStr(world.rows["ds-1"].secret or "")
    assert store.read(own) == THEIRS
    assert (world.posts, world.rotations) == (1, 1)


@pytest.mark.usefixtures("account")
def test_a_pattern_that_only_an_id_meets_is_judged_with_one() -> None:
    """A key is checked before there is an id with one of the form that ids have."""
    store = BackendStore(SecretsManagerBackend(variables_lookup_pattern="^copass_webhook_secret_[0-9a-f-]{36}$"))
    world = World(names=lambda number: f"3f9c2d4e-0000-4000-8000-00000000000{number}")
    check_kept(world, register(world, store, store_as=None), store, world.names(1))


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
    done = register(world, BackendStore(SecretsManagerBackend()), store_as="copass_secret--{data_source_id}")
    check_refused(done, CopassInputError, "multi_team")
    assert world.posts == 0
