"""Secrets in Google's Secret Manager, by its official client, against a stand-in of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip(
    "google.cloud.secretmanager_v1", reason="the secrets backends have an environment of their own: make test-backends"
)

from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.secret_stores import BackendStore, SecretOwner, SecretStore
from airflow_provider_copass.secret_stores.testing import SecretStoreContract
from tests.backends.google_backend import backend
from tests.backends.google_stand_in import StandIn, stand_in

OWNER = SecretOwner("ds_1", "sb_1", "slack")
KEY = "copass_webhook_secret_ds_1"
SECRET = SecretStr("olk_canary+/=%25")


@pytest.fixture(name="google")
def _google() -> Iterator[StandIn]:
    """An empty project."""
    with stand_in() as running:
        yield running


class TestSecretManager(SecretStoreContract):
    """The contract."""

    keeps_notes = True
    bad_keys = ("a b", "a.b", "a/b", "é", "x" * 250)

    @pytest.fixture
    def store(self, google: StandIn) -> BackendStore:
        """A store over an empty project."""
        self.google = google
        return BackendStore(backend(google))

    def remove_otherwise(self, store: SecretStore) -> None:
        """Destroy its newest version: the secret and its annotations stay."""
        self.google.states[store.location(self.key)] = "DESTROYED"


def test_a_secret_lies_where_a_person_looks_for_it(google: StandIn) -> None:
    """Prefix, separator and key make its id, and the annotations tell whose it is."""
    store = BackendStore(backend(google, variables_prefix="team", sep="_"))
    store.write(KEY, SECRET, OWNER)
    name = f"projects/project/secrets/team_{KEY}"
    assert store.location(KEY) == name
    assert google.versions == {name: [SECRET.get_secret_value().encode()]}
    assert google.annotations[name] == {
        "copass_data_source_id": "ds_1",
        "copass_sandbox_id": "sb_1",
        "copass_provider": "slack",
    }


def test_notes_of_others_are_kept(google: StandIn) -> None:
    """Who has annotated the secret finds that still there."""
    store = BackendStore(backend(google))
    store.write(KEY, SECRET, OWNER)
    google.annotations[store.location(KEY)]["team"] = "data"
    store.write(KEY, SECRET, OWNER)
    assert google.annotations[store.location(KEY)]["team"] == "data"


def test_a_role_that_may_not_annotate_can_write_all_the_same(google: StandIn) -> None:
    """Of a secret that is there the annotations are a help, not a need."""
    store = BackendStore(backend(google))
    store.write(KEY, SECRET, OWNER)
    google.denied |= {"GetSecret", "UpdateSecret"}
    store.write(KEY, SecretStr("another value"), OWNER)
    assert store.read(KEY) == SecretStr("another value")
    assert store.owner_of(KEY) is None


def test_a_role_that_may_not_create_can_write_what_is_there(google: StandIn) -> None:
    """A secret that somebody has made for it, with the right to add versions and no more."""
    store = BackendStore(backend(google))
    google.annotations[store.location(KEY)], google.versions[store.location(KEY)] = {}, []
    google.denied |= {"CreateSecret", "GetSecret", "UpdateSecret"}
    assert store.read(KEY) is None
    store.write(KEY, SECRET, OWNER)
    assert store.read(KEY) == SECRET


def test_a_version_that_was_destroyed_is_nothing(google: StandIn) -> None:
    """Its name is free, and so is its annotation no owner's."""
    store = BackendStore(backend(google))
    store.write(KEY, SECRET, OWNER)
    google.states[store.location(KEY)] = "DESTROYED"
    assert store.read(KEY) is None
    assert store.owner_of(KEY) is None


def test_a_version_that_is_disabled_is_taken(google: StandIn) -> None:
    """It exists, cannot be read, and a retry would not help: the message says why."""
    store = BackendStore(backend(google))
    store.write(KEY, SECRET, OWNER)
    google.states[store.location(KEY)] = "DISABLED"
    with pytest.raises(SecretKeyTakenError, match="its latest version is disabled") as taken:
        store.read(KEY)
    assert taken.value.is_final
    assert store.owner_of(KEY) == "ds_1"


def test_a_key_that_a_deployment_with_teams_does_not_look_up_is_refused(
    google: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dashes end a team's name; without teams the key is good."""
    store = BackendStore(backend(google))
    store.check("copass_secret_a--b")
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    with pytest.raises(CopassInputError, match="multi_team"):
        store.check("copass_secret_a--b")
    store.check("copass_secret_a__b")


def test_a_backend_that_serves_no_variables_is_refused(google: StandIn) -> None:
    """The message names the setting."""
    with pytest.raises(CopassInputError, match="variables_prefix"):
        BackendStore(backend(google, variables_prefix=None)).check(KEY)


def test_a_refused_read_is_no_absence(google: StandIn) -> None:
    """Airflow's own backend reads it as one."""
    backend_itself = backend(google)
    google.denied.add("AccessSecretVersion")
    assert backend_itself.get_variable(KEY) is None
    with pytest.raises(SecretStoreError, match="PermissionDenied"):
        BackendStore(backend_itself).read(KEY)


def test_a_refused_write_is_an_error_without_the_secret(google: StandIn) -> None:
    """It is one that Airflow retries, and nothing hangs on it."""
    google.denied.add("AddSecretVersion")
    with pytest.raises(SecretStoreError, match="PermissionDenied") as failed:
        BackendStore(backend(google)).write(KEY, SECRET, OWNER)
    assert not failed.value.is_final
    assert SECRET.get_secret_value() not in str(failed.value)
    assert failed.value.__context__ is None
