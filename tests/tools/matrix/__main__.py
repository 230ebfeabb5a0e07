"""``make matrix``: the tests that touch Airflow, with each version that is supported, and a table of what ran where."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT
from tests.tools.matrix import table
from tests.tools.matrix.outcome import Outcome

_ALL = (
    "tests/api",
    "tests/commands",
    "tests/emulator",
    "tests/hooks",
    "tests/operators",
    "tests/pytest_plugin",
    "tests/secret_stores",
    "tests/sensors",
    "tests/triggers",
    "tests/waiting",
    "tests/airflow",
)
# Without those that start a scheduler, or run a DAG only to break it; of the examples the one that registers; of the
# operators what differs from one Airflow to the next.
_QUICK = (
    "tests/commands/test_check.py",
    "tests/hooks/test_client_logs.py",
    "tests/hooks/test_connection.py",
    "tests/hooks/test_copass.py",
    "tests/hooks/test_form.py",
    "tests/operators/test_base.py",
    "tests/operators/test_frames.py",
    "tests/operators/test_redaction.py",
    "tests/operators/test_register_source.py",
    "tests/operators/test_rendering.py",
    "tests/operators/test_retry_policies.py",
    "tests/pytest_plugin/test_copass_emulator.py",
    "tests/airflow/test_connection_form.py",
    "tests/airflow/test_example_dags.py::test_every_task_of_both_runs_succeeds",
    "tests/airflow/test_example_dags.py::test_no_warning_comes_of_our_code",
    "tests/airflow/test_providers_listing.py",
    "tests/airflow/test_rendered_fields.py",
)


def main() -> int:
    """Run them, one version after the other.

    :return: the exit code: 0 where every version ran and nothing failed.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.matrix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the tests that start a scheduler")
    parser.add_argument("--environments", type=Path, default=CHECKOUT / ".venv", help="where airflow-VERSION are")
    parser.add_argument("--tests", nargs="+", help="other tests than those")
    parser.add_argument("versions", nargs="+", metavar="VERSION")
    given = parser.parse_args()
    chosen = given.tests or (_QUICK if given.quick else _ALL)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="copass-matrix-") as folder:
        for version in given.versions:
            print(f"\nAirflow {version}", flush=True)
            report = Path(folder) / f"{version}.xml"
            python = given.environments / f"airflow-{version}" / "bin" / "python"
            code = _run(python, chosen, report)
            outcomes.append(Outcome.read(version, report, exit_code=code))
    print(f"\n{table.of(outcomes)}")
    return 0 if all(outcome.green for outcome in outcomes) else 1


def _run(python: Path, tests: tuple[str, ...], report: Path) -> int:
    """Run tests with that Python, their output to this terminal, and return the exit code."""
    command = [python, "-m", "pytest", "-q", "-m", "not slow", f"--junitxml={report}", *tests]
    return subprocess.run(command, cwd=CHECKOUT, env=clean_environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
