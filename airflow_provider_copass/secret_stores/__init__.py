"""Stores for webhook secrets. In a provider, ``secrets`` means backends that Airflow *reads*, hence the name."""

from airflow_provider_copass.registration.ports import SecretOwner
from airflow_provider_copass.secret_stores.backend import BackendStore
from airflow_provider_copass.secret_stores.base import SecretStore
from airflow_provider_copass.secret_stores.variable import VariableStore

__all__ = ["BackendStore", "SecretOwner", "SecretStore", "VariableStore"]
