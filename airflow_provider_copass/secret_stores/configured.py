"""The secret store and the key of a task: what the task names, else what the deployment configures."""

from __future__ import annotations

from importlib import import_module

from airflow_provider_copass.airflow_compat import configured
from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.registration.spec import StoreKey
from airflow_provider_copass.secret_stores.backend import BackendStore
from airflow_provider_copass.secret_stores.base import SecretStore
from airflow_provider_copass.secret_stores.guarded import GuardedStore
from airflow_provider_copass.secret_stores.variable import VariableStore


def as_secret_store(given: object, *, option: str = "secret_store", may_write: bool = True) -> SecretStore:
    """Return the store that a task or the deployment names.

    :param given: ``variable``, ``backend``, the dotted path of a :class:`SecretStore` class that takes no arguments or
        of an instance, or a :class:`SecretStore`.
    :param option: the name of the parameter or option, for the message.
    :param may_write: whether it may be written. If not, Airflow Variables are read without their sentinel being made.
    :raises CopassInputError: if it is anything else.
    """
    store = given
    # By type first: a blank cell of a table, and what Jinja did not find, equal nothing and raise if they are compared.
    if isinstance(given, str):
        if given == "variable":
            return VariableStore(AirflowVariables(may_write=may_write))
        if given == "backend":
            return BackendStore()
        store = _import(given, option) if "." in given else None
    if isinstance(store, SecretStore):
        return store
    raise CopassInputError(
        f"{option} must be 'variable', 'backend', or a subclass of airflow_provider_copass.secret_stores.SecretStore: "
        "an instance, or the dotted path of the class.",
        fields=("secret_store",),
    )


def secret_store_of(given: object | None, *, may_write: bool = True) -> GuardedStore:
    """Return the store of a task, guarded; if it names none, the deployment's: ``[copass] secret_store``.

    :param given: the task's ``secret_store``, as for :func:`as_secret_store`.
    :param may_write: whether it may be written, as there.
    :raises CopassInputError: if it, or the option, names no store.
    """
    if given is not None:
        return GuardedStore(as_secret_store(given, may_write=may_write))
    chosen = configured("secret_store") or "variable"
    return GuardedStore(as_secret_store(chosen, option="[copass] secret_store", may_write=may_write))


def store_key_of(given: str | None) -> StoreKey:
    """Return the key of a task; if it names none, the deployment's, ``[copass] store_as``, else the default.

    :param given: the task's ``store_as``.
    :raises CopassInputError: if it, or the option, is not a key.
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


def _import(path: str, option: str) -> object:
    """Return the object that a dotted path names; a class is called."""
    module, _, name = path.rpartition(".")
    failed = ""
    try:
        found: object = getattr(import_module(module), name)
        return found() if isinstance(found, type) else found
    except Exception as error:  # noqa: BLE001 - the user's own module
        failed = type(error).__name__
    raise CopassInputError(
        f"{option} names {path!r}, which cannot be imported or made without arguments ({failed}).",
        fields=("secret_store",),
    )
