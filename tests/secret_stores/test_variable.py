"""The Variable store's rules; that it writes and reads a real Variable is shown by the runs of the example DAG."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Variable
from pydantic import SecretStr

from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.errors import CopassInputError, SecretStoreError
from airflow_provider_copass.secret_stores import SecretOwner, VariableStore
from airflow_provider_copass.secret_stores.configured import as_secret_store
from tests.secret_stores.own_store import OwnStore


@pytest.mark.parametrize("key", ["a", "copass_webhook_secret_3f-9c", "A.b", "x" * 250])
def test_a_good_key_is_taken(key: str) -> None:
    """Letters, digits, ``_``, ``-`` and single dots."""
    VariableStore().check(key)


@pytest.mark.parametrize("key", ["", "a/b", "a?b", "a#b", "a..b", "a b", "a%2Fb", "é", "x" * 251, "a\n"])
def test_a_key_that_a_url_would_break_is_refused(key: str) -> None:
    """Airflow 3 puts the key into a URL's path as it is."""
    with pytest.raises(CopassInputError, match="store_as") as refused:
        VariableStore().check(key)
    assert refused.value.fields == ("store_as",)


def test_keys_that_differ_in_case_share_a_location() -> None:
    """A metadata database on MySQL takes them for one."""
    assert VariableStore().location("Copass_A") == VariableStore().location("copass_a")


def test_a_variable_is_read_as_a_task_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Variable of the environment stands before the database, and is what the store reads."""
    monkeypatch.setenv("AIRFLOW_VAR_COPASS_TEST_SECRET", "canary")
    found = VariableStore().read("copass_test_secret")
    assert found is not None
    assert found.get_secret_value() == "canary"
    assert "canary" not in repr(found)


def test_a_secret_that_cannot_be_written_is_an_error_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what Airflow raised, and nothing of the secret."""

    def fail(key: str, value: str) -> None:
        raise KeyError(value)

    monkeypatch.setattr(Variable, "set", staticmethod(fail))
    store = VariableStore(AirflowVariables(sleep=lambda _: None))
    with pytest.raises(SecretStoreError, match="'a' was not written") as failed:
        store.write("a", SecretStr("canary"), SecretOwner("ds_1", "sb_1", "slack"))
    assert failed.value.kind == "KeyError"
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None


def test_a_store_is_named_or_given() -> None:
    """``variable`` means Variables, an instance means itself."""
    own = OwnStore()
    assert isinstance(as_secret_store("variable"), VariableStore)
    assert as_secret_store(own) is own


@pytest.mark.parametrize("given", ["", "vault", OwnStore, 5, None])
def test_what_is_no_store_is_refused(given: object) -> None:
    """The message says what may stand there."""
    with pytest.raises(CopassInputError, match="secret_store must be") as refused:
        as_secret_store(given)
    assert refused.value.fields == ("secret_store",)
