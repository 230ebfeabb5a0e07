"""The secrets backends of the present process."""


def forget_secrets_backends() -> None:
    """Have Airflow read anew which backends are configured: from 3.3 on it does so once a process."""
    try:
        from airflow.sdk.configuration import clear_secrets_backends_cache
    except ImportError:
        return
    clear_secrets_backends_cache()
