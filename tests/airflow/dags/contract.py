"""A task that puts the Variable store through the contract of all secret stores: it works inside a task alone."""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_copass.secret_stores import VariableStore
from airflow_provider_copass.secret_stores.testing import SecretStoreContract


class TestVariableStore(SecretStoreContract):
    """The contract."""

    bad_keys = ("", "a/b", "a b", "a..b", "é", "x" * 251)


with DAG("contract", schedule=None):

    @task
    def play() -> list[str]:
        """Play every test of the contract, each over keys that hold nothing."""
        tests = [name for name in dir(TestVariableStore) if name.startswith("test_")]
        for name in tests:
            store = VariableStore()
            store.remove(TestVariableStore.key)
            store.remove(TestVariableStore.other_key)
            getattr(TestVariableStore(), name)(store)
        return tests

    play()
