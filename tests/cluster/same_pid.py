"""Celery's configuration for workers whose tasks all get one process id, as those of a restarted container may.

Airflow 3.3 takes a second start of a task instance for the first one if host name, user and process id are equal.
"""

import os
from pathlib import Path

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import worker_process_init

CONFIG = DEFAULT_CELERY_CONFIG
LAST_PID = "20000"


@worker_process_init.connect
def _in_each_pool_process(**_: object) -> None:
    os.register_at_fork(before=_choose)


def _choose() -> None:
    """Let the next process of this host, and of no other, get the number after this one."""
    Path("/proc/sys/kernel/ns_last_pid").write_text(LAST_PID, encoding="ascii")
