"""``make ui``: a local Airflow with the emulated API, the connection and the example DAGs in place.

Its home is kept between two times; the emulated API begins anew each time, with a new token.
"""

import argparse
import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness import sessions
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome, Keys
from tests.harness.airflow_processes import Airflow
from tests.harness.emulator import Emulator
from tests.harness.ports import LOOPBACK, free_port, is_free
from tests.harness.processes import CHECKOUT, NotReadyError, interrupted_by_signals, wait_for
from tests.tools.progress import Progress, StepFailedError

EXAMPLES = CHECKOUT / "example_dags"
CONNECTION = "copass_default"
VARIABLES = {"notion_api_key": "ntn_made_up", "github_access_token": "ghp_made_up"}
"""The Variables that examples read a credential from."""
SOURCES: tuple[dict[str, Any], ...] = (
    {"provider": "linear", "name": "Backlog", "ingestion_mode": "polling", "poll_interval_seconds": 900},
    {"provider": "notion", "name": "Handbook", "ingestion_mode": "polling", "poll_interval_seconds": 900},
    {"provider": "slack", "name": "Support"},
)
"""The sources that an example changes, and so has to find."""
NEEDY = ("example_copass_change_sources", "example_copass_register_sources")
"""The examples that need more than the connection."""
USUAL_PORT = 8080
A_DAY = 24 * 60 * 60


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Hold a home for this process; two Airflows on one SQLite database would get in each other's way."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / "in-use").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"Another `make ui` has {path} open. End it first, or choose another --home.")
        yield


def stored_connection(emulator: Emulator) -> dict[str, Any]:
    """Return the connection as Airflow's REST API takes it.

    With host and port apart: the Connections page of Airflow 3.3 can test only a connection that has a port.
    """
    connection = emulator.connection()
    return {**connection, "extra": json.dumps(connection["extra"]), "description": "The emulated Copass API"}


class Ui:
    """The steps of opening it, in their order.

    :param home_path: where Airflow lives, now and the next time.
    :param port: where Airflow listens; None for the usual one, or a free one where that is taken.
    """

    def __init__(self, home_path: Path, port: int | None, progress: Progress) -> None:
        self.home = AirflowHome(
            home_path,
            dags=EXAMPLES,
            keys=Keys.kept_in(home_path / "keys.json"),
            variables=VARIABLES,
            # A run is what a person triggers.
            settings={"SCHEDULER__USE_JOB_SCHEDULE": "False"},
        )
        self.port = port or (USUAL_PORT if is_free(USUAL_PORT) else free_port())
        self.progress = progress
        self.dag_ids: list[str] = []

    @contextmanager
    def opened(self) -> Iterator[tuple[Airflow, Emulator]]:
        """Open it for a ``with`` block.

        :raises StepFailedError: for the first step that goes wrong.
        """
        # What the last time left would only be in the way of reading this time's.
        for path in self.home.outputs.glob("*.out"):
            path.unlink()
        with self.progress.step("Start the emulated Copass API") as step:
            emulator = Emulator(self.home.outputs)
            step.tell(emulator.url)
        with emulator:
            emulator.seed(*SOURCES)
            with self.progress.step("Bring Airflow's database up to date"):
                self.home.migrate()
            with Airflow(self.home, port=self.port, triggerer=True) as airflow:
                with self.progress.step("Start Airflow: api-server, scheduler, dag-processor, triggerer") as step:
                    airflow.wait_healthy()
                    step.tell(airflow.url)
                with self.progress.step(f"Store the connection {CONNECTION}"):
                    airflow.put_connection(CONNECTION, stored_connection(emulator))
                with self.progress.step("Read the example DAGs") as step:
                    self.dag_ids = airflow.wait_dags([path.name for path in EXAMPLES.glob("*.py")])
                    step.tell(", ".join(self.dag_ids))
                yield airflow, emulator

    def check(self, airflow: Airflow, emulator: Emulator) -> None:
        """Check by REST what a person would see, and that nobody else can.

        :raises StepFailedError: for the first that is not so.
        """
        with self.progress.step("Airflow shows the connection, without its token"):
            shown = airflow.request("GET", f"connections/{CONNECTION}")
            _expect(shown["conn_type"] == "copass", f"its type is {shown['conn_type']!r}")
            _expect(shown["port"] == stored_connection(emulator)["port"], f"its port is {shown['port']!r}")
            _expect(emulator.token not in json.dumps(shown), "its token is shown")
        with self.progress.step("The connection passes its test") as step:
            body = {**stored_connection(emulator), "connection_id": CONNECTION}
            tested = airflow.request("POST", "connections/test", json=body)
            _expect(tested["status"], f"the test says: {tested['message']}")
            step.tell(tested["message"])
        with self.progress.step("The example DAGs can be triggered"):
            for dag_id in self.dag_ids:
                shown = airflow.request("GET", f"dags/{dag_id}")
                _expect(not shown["is_paused"], f"{dag_id} is paused")
                _expect(not shown["has_import_errors"], f"{dag_id} has import errors")
        for dag_id in NEEDY:
            with self.progress.step(f"{dag_id} finds what it needs") as step:
                tasks = airflow.wait_run(dag_id, airflow.trigger(dag_id))
                step.tell(", ".join(f"{task} {task.state}" for task in tasks))
        with self.progress.step("Everything listens on this machine alone") as step:
            leaders = {process.pid for process in (*airflow.processes, emulator.process)}
            addresses = sessions.listening(leaders)
            _expect((LOOPBACK, self.port) in addresses, f"Airflow does not listen on {LOOPBACK}:{self.port}")
            outside = sorted(f"{host}:{port}" for host, port in addresses if host != LOOPBACK)
            _expect(not outside, f"something listens on {', '.join(outside)}")
            step.tell(", ".join(sorted(f"{host}:{port}" for host, port in addresses)))

    def wait(self, airflow: Airflow, emulator: Emulator) -> None:
        """Say where everything is, and wait for Ctrl-C.

        :raises StepFailedError: when a process ends by itself.
        """
        self.progress.heading(f"Airflow is open at {airflow.url} (no login)")
        self.progress.line(f"  the connection   {airflow.url}/connections  {CONNECTION}, with a Test button")
        for dag_id in self.dag_ids:
            self.progress.line(f"  an example DAG   {airflow.url}/dags/{dag_id}")
        self.progress.line(f"  Copass' sources  {emulator.url}/_emulator/sources")
        self.progress.line(f"  its home         {self.home.path}")
        self.progress.heading("Ctrl-C ends it.")
        try:
            processes = [*airflow.processes, emulator.process]
            wait_for(lambda: False, "Airflow stays open", seconds=365 * A_DAY, interval=1, alive=processes)
        except NotReadyError as error:
            raise StepFailedError("Airflow stays open", error) from error
        except KeyboardInterrupt:
            self.progress.line("\nEnding it ...")
            raise


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open it until Ctrl-C, or check it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__)
    parser.add_argument("--check", action="store_true", help="start it, check what a person would see, and end")
    parser.add_argument("--home", type=Path, default=CHECKOUT / ".venv" / "ui", help="where Airflow lives")
    parser.add_argument("--port", type=int, help=f"where it listens; by default {USUAL_PORT}, or a free one")
    options = parser.parse_args(arguments)
    if not AIRFLOW_3:
        sys.exit("The ui is Airflow 3's; this Python has an older one.")
    progress = Progress()
    try:
        with alone_in(options.home), interrupted_by_signals():
            ui = Ui(options.home, options.port, progress)
            with ui.opened() as (airflow, emulator):
                if options.check:
                    ui.check(airflow, emulator)
                else:
                    ui.wait(airflow, emulator)
    except KeyboardInterrupt:
        progress.line("\nEverything is ended.")
    except StepFailedError as failed:
        progress.failure(failed, getattr(failed.cause, "tail", ""))
        progress.line(f"\nThe outputs of all processes are in {options.home / 'outputs'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
