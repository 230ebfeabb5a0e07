"""The secrets backends of the present process."""


def forget_secrets_backends() -> None:
    """Drop the configured backends, which Airflow 3.3 makes once a process."""
    try:
        from airflow.sdk.configuration import clear_secrets_backends_cache
    except ImportError:
        return
    clear_secrets_backends_cache()
