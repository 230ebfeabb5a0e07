"""A file that warns while it is read, and a task that warns while it runs."""

import warnings

from airflow.providers.common.compat.sdk import DAG, task

warnings.warn("read", UserWarning, stacklevel=2)

with DAG("warns", schedule=None):

    @task
    def warn() -> None:
        """Warn."""
        warnings.warn("run", DeprecationWarning, stacklevel=2)

    warn()
