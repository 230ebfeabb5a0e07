"""The contract of a secret store, and how a task names one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner
    from airflow_provider_copass.registration.spec import StoreKey


class SecretStore(ABC):
    """A place for webhook secrets. Subclass it to keep them where you like.

    What a method raises ends in a task's log: no exception may hold the secret.
    """

    name: str = "secret store"
    """What to call it in a message, and in the record of what was stored where: it stays the same from run to run."""

    def __repr__(self) -> str:
        """Return the class's path: an address in it would make a new version of a DAG at each parse.

        Airflow writes down the text of what a mapped task is given by ``partial``.
        """
        return f"<{type(self).__module__}.{type(self).__qualname__}>"

    @abstractmethod
    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold, or that no task would find here; called at every run.

        :param key: the key.
        :raises CopassInputError: naming the rule that it breaks, or the setting to change.
        """

    def check_write(self, key: str) -> None:  # noqa: B027 - most stores cannot tell, and need not
        """Refuse a key that may not be written, where that can be told without writing.

        Called before a source is registered or a secret is minted, so that no secret is made in vain.

        :param key: the key.
        :raises CopassInputError: naming the right that is missing, or what stands in the way.
        """

    def place(self, key: str) -> str:
        """Return where a key lives, for a person who looks for it: such as the path in a vault.

        :param key: the key.
        """
        return key

    @abstractmethod
    def read(self, key: str) -> SecretStr | None:
        """Return what a key holds.

        :param key: the key.
        :return: the secret; None where it is proven that the key holds nothing. What cannot be told raises.
        """

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that a key's secret belongs to, where the store keeps such notes.

        :param key: the key.
        :return: the id; None where it is not noted, or the key holds nothing.
        """
        del key
        return None

    @abstractmethod
    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Let a key hold a secret.

        :param key: the key.
        :param secret: the secret; unwrap it as late as possible.
        :param owner: whose it is, to be noted beside it where the store can do so.
        """

    @abstractmethod
    def remove(self, key: str) -> None:
        """Have a key hold nothing any more; one that holds nothing already is no error.

        :param key: the key.
        """


def as_secret_store(given: object, *, said_by: str = "secret_store") -> SecretStore:
    """Return the store that a task, or the deployment, names.

    :param given: ``variable``, ``backend``, the dotted path of a :class:`SecretStore` class that takes no arguments or
        of an instance, or a :class:`SecretStore`.
    :param said_by: where it is given, for the message.
    :raises CopassInputError: where it is none of them.
    """
    from airflow_provider_copass.errors import CopassInputError
    from airflow_provider_copass.secret_stores.backend import BackendStore
    from airflow_provider_copass.secret_stores.variable import VariableStore

    if given == "variable":
        return VariableStore()
    if given == "backend":
        return BackendStore()
    store = _imported(given, said_by) if isinstance(given, str) and "." in given else given
    if isinstance(store, SecretStore):
        return store
    raise CopassInputError(
        f"{said_by} must be 'variable', 'backend', or a subclass of airflow_provider_copass.secret_stores.SecretStore: "
        "an instance, or the dotted path of the class.",
        fields=("secret_store",),
    )


def secret_store_of(given: object | None) -> SecretStore:
    """Return the store of a task, or where it names none the deployment's: ``[copass] secret_store``.

    :param given: what the task's ``secret_store`` is; see :func:`as_secret_store`.
    :raises CopassInputError: where it, or the option, names no store.
    """
    if given is not None:
        return as_secret_store(given)
    from airflow_provider_copass.airflow_compat import configured

    return as_secret_store(configured("secret_store") or "variable", said_by="[copass] secret_store")


def store_key_of(given: str | None) -> StoreKey:
    """Return the key of a task, or where it names none the deployment's: ``[copass] store_as``, else the default.

    :param given: what the task's ``store_as`` is.
    :raises CopassInputError: where it, or the option, is no key.
    """
    from airflow_provider_copass.airflow_compat import configured
    from airflow_provider_copass.errors import CopassInputError
    from airflow_provider_copass.registration.spec import StoreKey

    if given is not None:
        return StoreKey(given)
    template = configured("store_as")
    if template is None:
        return StoreKey()
    refusal = ""
    try:
        return StoreKey(template)
    except CopassInputError as refused:
        refusal = str(refused)
    raise CopassInputError(f"[copass] in Airflow's configuration: {refusal}", fields=("store_as",))


def _imported(path: str, said_by: str) -> object:
    """Import what a dotted path names; a class is called."""
    from importlib import import_module

    from airflow_provider_copass.errors import CopassInputError

    module, _, name = path.rpartition(".")
    failed = ""
    try:
        found: object = getattr(import_module(module), name)
        return found() if isinstance(found, type) else found
    except Exception as error:  # noqa: BLE001 - the user's own module
        failed = type(error).__name__
    raise CopassInputError(
        f"{said_by} names {path!r}, which cannot be imported or made without arguments ({failed}).",
        fields=("secret_store",),
    )
