"""The secrets backends of the present process."""

from airflow_provider_copass import airflow_compat


def forget_secrets_backends() -> None:
    """Have the configured backends be made anew: Airflow 3.3 makes them once a process, and on 3.1 and 3.2 we do so."""
    airflow_compat._kept_backends.clear()
    try:
        from airflow.sdk.configuration import clear_secrets_backends_cache
    except ImportError:
        return
    clear_secrets_backends_cache()
