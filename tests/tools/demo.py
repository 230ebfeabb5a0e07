"""``make demo``: register sources in a real Airflow against the emulated API, twice, and show what happened.

Everything that is printed as a claim was checked a moment before; what does not hold ends the demo with exit code 1.
"""

import argparse
import importlib.metadata
import json
import platform
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import leak_search
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow, TaskOutcome
from tests.harness.emulator import Emulator, fingerprint, made_up_token
from tests.harness.processes import CHECKOUT, interrupted_by_signals
from tests.tools.progress import Progress, Step, StepFailedError

EXAMPLES = CHECKOUT / "example_dags"
FILE = "example_register_source.py"
DAG_ID = "example_copass_register_source"
INTERRUPTED = 130


class ClaimError(Exception):
    """Something that the demo wanted to say does not hold."""


def claim(holds: bool, otherwise: str) -> None:
    """Go on only when it holds.

    :raises ClaimError: when it does not.
    """
    if not holds:
        raise ClaimError(otherwise)


@dataclass(frozen=True)
class Run:
    """What one run of the example DAG left behind.

    :param posts: how many requests to register it sent.
    :param xcoms: the XComs of each task instance, by its name as a person writes it.
    """

    run_id: str
    posts: int
    xcoms: dict[str, dict[str, Any]]

    @property
    def registered(self) -> dict[str, dict[str, Any]]:
        """The XComs of the register tasks."""
        return {task: values for task, values in self.xcoms.items() if task.startswith("register")}

    @property
    def source_ids(self) -> list[str]:
        """The ids of the sources, in the order of the tasks."""
        return [values["return_value"] for values in self.registered.values()]

    @property
    def stored_as(self) -> dict[str, str]:
        """The key of each secret, by the id of its source."""
        return {
            values["return_value"]: values["stored_as"] for values in self.registered.values() if "stored_as" in values
        }


class Demo:
    """The steps, in their order.

    :param folder: where everything is that it makes.
    :param progress: where it shows what it does.
    :param refuse_token: give Airflow a token that the API refuses.
    """

    def __init__(self, folder: Path, progress: Progress, *, refuse_token: bool) -> None:
        self.folder = folder
        self.progress = progress
        self.refuse_token = refuse_token

    def show(self) -> None:
        """Run all the steps.

        :raises StepFailedError: for the first that goes wrong.
        """
        with self.progress.step("Start the emulated Copass API") as step:
            emulator = Emulator(self.folder / "home" / "outputs")
            step.tell(emulator.url)
        with emulator:
            self._show_with(emulator)

    def _show_with(self, emulator: Emulator) -> None:
        token = made_up_token() if self.refuse_token else emulator.token
        home = AirflowHome(
            self.folder / "home",
            dags=EXAMPLES,
            connections={"copass_default": emulator.connection(token=token)},
            # Only the runs that are asked for, so that they can be counted.
            settings={"SCHEDULER__USE_JOB_SCHEDULE": "False"},
        )
        with self.progress.step("Make Airflow's database"):
            home.migrate()
        with Airflow(home) as airflow:
            with self.progress.step("Start Airflow: api-server, scheduler, dag-processor") as step:
                airflow.wait_healthy()
                airflow.wait_dags([FILE])
                step.tell(airflow.url)
            with self.progress.step(f"Run {DAG_ID}") as step:
                first = self._run(airflow, emulator, step)
            with self.progress.step("Run it again") as step:
                second = self._run(airflow, emulator, step)
            with self.progress.step("End Airflow"):
                airflow.stop()
        self._show_sources(emulator, first)
        self._show_xcoms(first)
        self.progress.heading("Checked")
        with self.progress.step("Every source exists once, and the second run created none") as step:
            check_once(emulator, first, second)
            step.tell(f"requests to register: {first.posts} in the first run, {second.posts} in the second")
        with self.progress.step(
            "Each secret is stored encrypted in Airflow, and is the one that Copass accepts"
        ) as step:
            secrets = check_secrets(emulator, home, second)
            step.tell("its SHA-256 is the one that Copass has")
        with self.progress.step("The webhook takes an event with that secret, and the source has synced") as step:
            step.tell(check_delivered(emulator, second))
        with self.progress.step(
            "No secret and no token is in a log or an output, or unencrypted in the database"
        ) as step:
            # What is printed here is an output too.
            transcript = "\n".join(self.progress.transcript)
            (home.outputs / "demo.out").write_text(transcript, encoding="utf-8")
            outcome = check_no_leak(home, {"the token": token, **secrets}, landmark=first.source_ids[0])
            forms = ", ".join(leak_search.forms(token))
            step.tell(f"{outcome.files} files, {outcome.bytes / 1e6:.1f} MB; looked for as {forms}")

    def _run(self, airflow: Airflow, emulator: Emulator, step: Step) -> Run:
        before = len(emulator.requests("register"))

        def tell(tasks: list[TaskOutcome]) -> None:
            step.tell(", ".join(f"{task} {task.state}" for task in tasks))

        run_id = airflow.trigger(DAG_ID)
        tasks = airflow.wait_run(DAG_ID, run_id, progress=tell)
        tell(tasks)
        posts = len(emulator.requests("register")) - before
        return Run(run_id, posts, {str(task): airflow.xcoms(DAG_ID, run_id, task) for task in tasks})

    def _show_sources(self, emulator: Emulator, run: Run) -> None:
        self.progress.heading("Sources in Copass")
        columns = ("data_source_id", "provider", "ingestion_mode", "status", "name")
        rows = [tuple(str(source[column]) for column in columns) for source in emulator.sources()]
        self.progress.table([columns, *rows])
        self.progress.heading("Webhook secrets")
        for source_id, key in run.stored_as.items():
            self.progress.line(f"  of {source_id}: in the Airflow Variable {key}")
        self.progress.line("  (a later task reads it with Variable.get(key); it is not shown here)")

    def _show_xcoms(self, run: Run) -> None:
        self.progress.heading("XComs of the first run")
        for task, values in run.xcoms.items():
            self.progress.line(f"  {task}")
            for key, value in sorted(values.items()):
                shown = value if isinstance(value, str) else json.dumps(value)
                self.progress.line(textwrap.fill(f"{key} = {shown}", 100, **_INDENTED))


_INDENTED: dict[str, Any] = {
    "initial_indent": " " * 4,
    "subsequent_indent": " " * 8,
    "break_on_hyphens": False,
    "break_long_words": False,
}


def check_once(emulator: Emulator, first: Run, second: Run) -> None:
    """Check that the first run created each source and the second reused them.

    :raises ClaimError: when it is otherwise.
    """
    there = sorted(source["data_source_id"] for source in emulator.sources() if not source["deleted"])
    claim(len(there) > 0, "Copass holds no source at all")
    claim(sorted(first.source_ids) == there, f"the first run returned {first.source_ids}, Copass holds {there}")
    claim(first.posts == len(there), f"the first run sent {first.posts} requests to register {len(there)} sources")
    claim(second.posts == 0, f"the second run sent {second.posts} requests to register")
    claim(second.source_ids == first.source_ids, f"the second run returned {second.source_ids}")
    claim(second.stored_as == first.stored_as, f"the second run named the keys {second.stored_as}")


def check_secrets(emulator: Emulator, home: AirflowHome, run: Run) -> dict[str, str]:
    """Check that every realtime source's secret is stored and valid; return the secrets by what they are called.

    :raises ClaimError: when one is not.
    """
    realtime = {source["data_source_id"] for source in emulator.sources() if source["ingestion_mode"] == "realtime"}
    claim(len(realtime) > 0, "Copass holds no realtime source, so there is no secret to look at")
    claim(realtime == set(run.stored_as), f"realtime: {sorted(realtime)}; with a key: {sorted(run.stored_as)}")
    secrets = {}
    for source_id, key in run.stored_as.items():
        # Read as it lies in the database; a value that is not encrypted is an error.
        value = home.variable(key)
        if value is None:
            raise ClaimError(f"there is no Variable {key}")
        valid = emulator.secret_is_valid(source_id, sha256=fingerprint(value))
        claim(valid, f"the Variable {key} does not hold the secret that Copass accepts")
        secrets[f"the secret of {source_id}"] = value
    return secrets


def check_delivered(emulator: Emulator, run: Run) -> str:
    """Check that each webhook took the events of the example's sender; return when the last of them came in.

    :raises ClaimError: when one did not.
    """
    statuses = [request["status"] for request in emulator.requests("deliver")]
    claim(statuses == [202] * 2 * len(run.stored_as), f"the webhooks answered {statuses}")
    synced = {source["data_source_id"]: source["last_sync_at"] for source in emulator.sources()}
    claim(all(synced[source_id] for source_id in run.stored_as), "a source has not synced")
    return f"last_sync_at = {max(synced[source_id] for source_id in run.stored_as)}"


def check_no_leak(home: AirflowHome, values: dict[str, str], *, landmark: str) -> leak_search.Outcome:
    """Check that none of the values is anywhere in the home, in any form.

    :param landmark: a value that *is* there, in a log and in the database: proof that the search looks where such
        things would be.
    :raises ClaimError: naming each place of a value, never the value.
    """
    places = [home.path]
    seen = {leak.path for leak in leak_search.search(places, {"landmark": landmark}).leaks}
    claim(home.database in seen, "the search did not see the database")
    claim(any(home.logs in path.parents for path in seen), "the search did not see the task logs")
    outputs = {"api-server.out", "scheduler.out", "dag-processor.out", "emulator.out", "demo.out"}
    claim(outputs <= {path.name for path in home.outputs.iterdir()}, "the output of a process is missing")
    outcome = leak_search.search(places, values)
    claim(not outcome.leaks, "\n  ".join(["found:", *(str(leak) for leak in outcome.leaks)]))
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep Airflow's home for a look, also on success")
    parser.add_argument(
        "--refuse-token", action="store_true", help="have the API refuse the token, to see how a failure looks"
    )
    options = parser.parse_args(arguments)
    if not AIRFLOW_3:
        sys.exit("The demo shows Airflow 3; this Python has an older one.")
    progress = Progress()
    versions = f"Airflow {importlib.metadata.version('apache-airflow')}, Python {platform.python_version()}"
    progress.line(f"airflow-provider-copass, with {versions}. Everything stays on this machine.\n")
    folder = Path(tempfile.mkdtemp(prefix="copass-demo-"))
    kept = options.keep
    try:
        with interrupted_by_signals():
            Demo(folder, progress, refuse_token=options.refuse_token).show()
    except KeyboardInterrupt:
        progress.line("\nInterrupted. Everything that was started is ended.")
        return INTERRUPTED
    except StepFailedError as failed:
        kept = True
        progress.failure(failed, getattr(failed.cause, "tail", ""))
        return 1
    else:
        progress.line("\nAll of it holds.")
        return 0
    finally:
        if kept:
            progress.line(f"\nAirflow's home, with its logs and outputs, is kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
