"""The contract of a secret store, as tests: for this package's stores, and for those of users.

Subclass :class:`SecretStoreContract` in a test module, and give it a fixture ``store``::

    class TestMyStore(SecretStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import SecretStr

from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.registration.ports import SecretOwner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.secret_stores.base import SecretStore

# Holds characters that URLs, JSON, shells and templates escape.
_VALUE = "olk_contract+/=%25&\"'\\{{ value }} $HOME"
_OWNER = SecretOwner("3f9c2d4e-contract", "sb_contract", "slack")


class SecretStoreContract:
    """The tests. Each begins with a store whose keys :attr:`key` and :attr:`other_key` hold nothing."""

    key: ClassVar[str] = "copass_contract_secret"
    """A key that the store can hold."""
    other_key: ClassVar[str] = "copass_contract_secret_2"
    """Another one."""
    bad_keys: ClassVar[Sequence[str]] = ("",)
    """Keys that the store cannot hold."""
    keeps_notes: ClassVar[bool] = False
    """Whether the store notes which source a secret belongs to."""

    def remove_otherwise(self, store: SecretStore) -> None:
        """Remove what :attr:`key` holds as another tool does; override it if that leaves something behind.

        :param store: the store.
        """
        store.remove(self.key)

    def test_a_good_key_is_accepted(self, store: SecretStore) -> None:
        """Both checks pass."""
        store.check(self.key)
        store.check_write(self.key)

    def test_two_keys_have_two_locations(self, store: SecretStore) -> None:
        """Each always the same; two keys of one location would share one secret."""
        assert store.location(self.key) == store.location(self.key) != store.location(self.other_key)

    def test_a_bad_key_is_refused(self, store: SecretStore) -> None:
        """The error names the field that the key came from."""
        for key in self.bad_keys:
            try:
                store.check(key)
            except CopassInputError as refused:
                assert refused.fields == ("store_as",), key
            else:
                raise AssertionError(f"{key!r} was not refused")

    def test_a_key_that_holds_nothing_reads_as_nothing(self, store: SecretStore) -> None:
        """No secret, no owner, and nothing to remove."""
        assert store.read(self.key) is None
        assert store.owner_of(self.key) is None
        store.remove(self.key)

    def test_what_was_written_is_read(self, store: SecretStore) -> None:
        """To the character, and without showing it in a repr."""
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        found = store.read(self.key)
        assert found is not None
        assert found.get_secret_value() == _VALUE
        assert _VALUE not in f"{found!r} {store!r}"

    def test_the_owner_of_a_secret_is_noted(self, store: SecretStore) -> None:
        """If the store keeps notes."""
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        assert store.owner_of(self.key) == (_OWNER.data_source_id if self.keeps_notes else None)

    def test_a_secret_replaces_the_one_before_it(self, store: SecretStore) -> None:
        """So does its owner."""
        store.write(self.key, SecretStr("the first value"), SecretOwner("ds_first", "sb", "slack"))
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        found = store.read(self.key)
        assert found is not None
        assert found.get_secret_value() == _VALUE
        assert store.owner_of(self.key) == (_OWNER.data_source_id if self.keeps_notes else None)

    def test_two_keys_hold_two_secrets(self, store: SecretStore) -> None:
        """Writing and removing one leaves the other as it is."""
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        store.write(self.other_key, SecretStr("another value"), _OWNER)
        store.remove(self.other_key)
        found = store.read(self.key)
        assert found is not None
        assert found.get_secret_value() == _VALUE

    def test_what_was_removed_is_gone_and_can_be_written_again(self, store: SecretStore) -> None:
        """Removing twice is no error either."""
        store.write(self.key, SecretStr("the first value"), _OWNER)
        store.remove(self.key)
        store.remove(self.key)
        assert store.read(self.key) is None
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        found = store.read(self.key)
        assert found is not None
        assert found.get_secret_value() == _VALUE

    def test_what_another_tool_removed_is_gone_and_can_be_written_again(self, store: SecretStore) -> None:
        """What the tool leaves behind, such as a note, does not count as a secret."""
        store.write(self.key, SecretStr("the first value"), SecretOwner("ds_first", "sb", "slack"))
        self.remove_otherwise(store)
        assert store.read(self.key) is None
        assert store.owner_of(self.key) is None
        store.check_write(self.key)
        store.write(self.key, SecretStr(_VALUE), _OWNER)
        found = store.read(self.key)
        assert found is not None
        assert found.get_secret_value() == _VALUE
        assert store.owner_of(self.key) == (_OWNER.data_source_id if self.keeps_notes else None)
