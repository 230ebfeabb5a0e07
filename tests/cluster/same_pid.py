"""Celery's configuration for workers whose tasks all get one process id, as those of a restarted container may.

Airflow 3.3 takes a second start of a task instance for the first one if host name, user and process id are equal.
"""

from pathlib import Path

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import task_prerun

CONFIG = DEFAULT_CELERY_CONFIG
LAST_PID = "20000"


@task_prerun.connect
def _choose(**_: object) -> None:
    # Of this host's processes alone; the next one that is started gets the number after it.
    Path("/proc/sys/kernel/ns_last_pid").write_text(LAST_PID, encoding="ascii")
