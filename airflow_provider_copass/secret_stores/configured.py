"""From what a task, or the deployment, names to a secret store and a key."""

from __future__ import annotations

from importlib import import_module

from airflow_provider_copass.airflow_compat import configured
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.registration.spec import StoreKey
from airflow_provider_copass.secret_stores.backend import BackendStore
from airflow_provider_copass.secret_stores.base import SecretStore
from airflow_provider_copass.secret_stores.variable import VariableStore


def as_secret_store(given: object, *, said_by: str = "secret_store") -> SecretStore:
    """Return the store that a task, or the deployment, names.

    :param given: ``variable``, ``backend``, the dotted path of a :class:`SecretStore` class that takes no arguments or
        of an instance, or a :class:`SecretStore`.
    :param said_by: where it is given, for the message.
    :raises CopassInputError: where it is none of them.
    """
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
    return as_secret_store(configured("secret_store") or "variable", said_by="[copass] secret_store")


def store_key_of(given: str | None) -> StoreKey:
    """Return the key of a task, or where it names none the deployment's: ``[copass] store_as``, else the default.

    :param given: what the task's ``store_as`` is.
    :raises CopassInputError: where it, or the option, is no key.
    """
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
