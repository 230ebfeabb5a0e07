"""What a deployment chooses for all tasks that leave it open: section ``[copass]`` of Airflow's configuration."""

from __future__ import annotations

import pytest

from airflow_provider_copass.api import CopassInputError
from airflow_provider_copass.secret_stores import BackendStore, VariableStore
from airflow_provider_copass.secret_stores.configured import as_secret_store, secret_store_of, store_key_of

STORE, KEY = "AIRFLOW__COPASS__SECRET_STORE", "AIRFLOW__COPASS__STORE_AS"
MODULE = "tests.secret_stores.own_store"


def test_nothing_configured_means_variables_under_the_default_key() -> None:
    """As the documentation says."""
    assert secret_store_of(None).name == VariableStore.name
    assert store_key_of(None).template == "copass_webhook_secret_{data_source_id}"


def test_the_configured_store_and_key_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both options of the section."""
    monkeypatch.setenv(STORE, "backend")
    monkeypatch.setenv(KEY, "team_secret_{name}")
    assert secret_store_of(None).name == BackendStore.name
    assert store_key_of(None).template == "team_secret_{name}"


@pytest.mark.parametrize("path", [f"{MODULE}.OwnStore", f"{MODULE}.own_store"])
def test_a_store_of_one_s_own_is_named_by_its_path(path: str) -> None:
    """A class that takes no arguments, or an instance."""
    assert type(as_secret_store(path)).__name__ == "OwnStore"


@pytest.mark.parametrize("path", ["no.such.module.Store", f"{MODULE}.NoStore", "json.JSONDecoder", "os.path.join"])
def test_a_path_that_leads_to_no_store_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The message names the option that it stands in."""
    monkeypatch.setenv(STORE, path)
    with pytest.raises(CopassInputError, match=r"\[copass\] secret_store") as refused:
        secret_store_of(None)
    assert refused.value.fields == ("secret_store",)


def test_a_bad_key_names_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is not in the DAG."""
    monkeypatch.setenv(KEY, "{nonsense}")
    with pytest.raises(CopassInputError, match=r"\[copass\] in Airflow's configuration: store_as must be"):
        store_key_of(None)


def test_without_a_secrets_backend_the_store_says_what_to_configure() -> None:
    """Before any request."""
    with pytest.raises(CopassInputError, match="none is configured") as refused:
        BackendStore().check("key")
    assert refused.value.fields == ("secret_store",)
    assert "[workers] secrets_backend" in str(refused.value)


def test_a_backend_that_cannot_be_written_to_is_refused(tmp_path: object) -> None:
    """A read-only one, such as Airflow's own over files: the message names it."""
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    with pytest.raises(CopassInputError, match="LocalFilesystemBackend") as refused:
        BackendStore(LocalFilesystemBackend()).check("key")
    assert refused.value.fields == ("secret_store",)
