"""The hook: an Airflow connection becomes a Copass client."""

from airflow_provider_copass.hooks.copass import CopassHook

__all__ = ["CopassHook"]
