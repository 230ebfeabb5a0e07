"""A pytest of a user's own, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT

STRICT = ("-q", "-p", "no:cacheprovider", "-W", "error")


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python in a folder, with the package that these tests have."""
    environment = {**clean_environment(), "PYTHONPATH": str(CHECKOUT), "AIRFLOW_HOME": str(folder / "airflow")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def pytest_of_a_user(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a pytest on one file of tests, all warnings being errors."""
    (folder / "test_users.py").write_text(test, encoding="utf-8")
    return python(folder, "-m", "pytest", *STRICT, *options)
