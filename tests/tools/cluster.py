"""``make cluster``: an Airflow that is more than one process on one machine, with the emulated API, to try things on.

PostgreSQL, Redis, two Celery workers as hosts of their own, two schedulers, a triggerer: all on loopback, in a folder
that is removed at the end.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.harness import cluster as harness
from tests.harness import sessions
from tests.harness.airflow_home import AIRFLOW_3
from tests.harness.cluster import Cluster
from tests.harness.database_servers import Redis
from tests.harness.emulator import Emulator
from tests.harness.hosts import can_unshare
from tests.harness.ports import LOOPBACK, free_port, is_free
from tests.harness.processes import Process, interrupted_by_signals
from tests.tools.progress import Progress, StepFailedError
from tests.tools.ui import CONNECTION, EXAMPLES, SOURCES, USUAL_PORT, VARIABLES

_REACTS = "example_react_to_sync.py"
_SLOW = json.dumps({"operation": "register", "when": "after", "action": {"delay": 15}})


def examples() -> list[Path]:
    """Return the files of the example DAGs that this Airflow can run."""
    files = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".py", ".yaml"})
    # Before Airflow 3 no trigger watches an asset.
    return [path for path in files if AIRFLOW_3 or path.name != _REACTS]


def show(progress: Progress, cluster: Cluster, redis: Redis, emulator: Emulator) -> None:
    """Say where everything is, and what to try."""
    progress.heading(f"Airflow is open at {cluster.url} (no login)")
    progress.line(f"  Copass' sources  {emulator.url}/_emulator/sources")
    progress.line(f"  PostgreSQL       {cluster.home.postgres.dsn}")
    progress.line(f"  Redis            {redis.url}")
    progress.line(f"  outputs, logs    {cluster.home.path}")
    for process in cluster.processes:
        progress.line(f"  {process.name:15}  process {process.pid}")
    progress.heading("What to try")
    progress.line("  Trigger example_copass_register_source, twice. There are two sources, and no third.")
    progress.line(
        "  Let the next answer be late, trigger it again after deleting a source there, and cut a worker's power:"
    )
    progress.line(f"    curl -X POST -H 'Content-Type: application/json' {emulator.url}/_emulator/faults -d '{_SLOW}'")
    workers = {process.name: process.pid for process in cluster.processes if process.name in cluster.workers}
    for name, pid in workers.items():
        how = f"kill -KILL {pid}" if can_unshare() else f"kill -KILL -{pid}"
        progress.line(f"    {how}    # {name}: it starts again by itself")
    progress.line("  The task's retry, on either worker, finds the source and stores a new secret for it.")
    progress.heading("Ctrl-C ends it.")


def keep_running(progress: Progress, cluster: Cluster) -> None:
    """Start again whatever ends, until Ctrl-C."""
    while True:
        ended: list[Process] = [process for process in cluster.processes if not process.running]
        for process in ended:
            progress.line(f"  {process.name} has ended with {process.exit_code}; it starts again")
            process.end()
            cluster.processes.remove(process)
            cluster.start(process.name)
            progress.line(f"  {process.name:15}  process {cluster.processes[-1].pid}")
        time.sleep(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open it until Ctrl-C, or check it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument("--check", action="store_true", help="start it, run an example, and end")
    parser.add_argument("--port", type=int, help=f"where it listens; by default {USUAL_PORT}, or a free one")
    options = parser.parse_args(arguments)
    port = options.port or (USUAL_PORT if is_free(USUAL_PORT) else free_port())
    progress = Progress()
    try:
        with interrupted_by_signals(), tempfile.TemporaryDirectory(prefix="copass-cluster-") as folder:
            run(progress, Path(folder), port, is_check=options.check)
    except KeyboardInterrupt:
        progress.line("\nEverything is ended.")
    except StepFailedError as failed:
        progress.failure(failed, getattr(failed.cause, "tail", ""))
        return 1
    return 0


def run(progress: Progress, folder: Path, port: int, *, is_check: bool) -> None:
    """Open it.

    :raises StepFailedError: for the first step that goes wrong.
    """
    with Emulator(folder / "emulator") as emulator, ExitStack() as stack:
        emulator.seed(*SOURCES)
        connection = emulator.connection()
        stored = {**connection, "extra": json.dumps(connection["extra"])}
        opening = harness.opened(
            folder / "cluster",
            files=examples(),
            connections={CONNECTION: stored},
            variables=VARIABLES,
            triggerers=1,
            port=port,
            shared_logs=True,
        )
        with progress.step("Start PostgreSQL, Redis, and an Airflow with two schedulers and two workers"):
            cluster, redis = stack.enter_context(opening)
        with progress.step("Read the example DAGs"):
            cluster.wait_dags([path.name for path in examples() if path.suffix == ".py"])
        if is_check:
            check(progress, cluster)
            return
        show(progress, cluster, redis, emulator)
        keep_running(progress, cluster)


def check(progress: Progress, cluster: Cluster) -> None:
    """Run an example, and look where everything listens.

    :raises StepFailedError: for the first that is not so.
    """
    with progress.step("Run example_copass_register_source on the workers") as step:
        dag_id = "example_copass_register_source"
        tasks = cluster.wait_run(dag_id, cluster.trigger(dag_id))
        step.tell(", ".join(f"{task} {task.state}" for task in tasks))
    with progress.step("Everything listens on this machine alone") as step:
        addresses = sessions.listening({process.pid for process in cluster.processes})
        outside = sorted(f"{host}:{port}" for host, port in addresses if host != LOOPBACK)
        if outside:
            raise ValueError(f"something listens on {', '.join(outside)}")
        step.tell(", ".join(sorted(f"{host}:{port}" for host, port in addresses)))


if __name__ == "__main__":
    sys.exit(main())
