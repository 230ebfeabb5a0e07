"""What an import of the operators and stores does not bring along."""

from __future__ import annotations

import subprocess
import sys

from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT

CLOUDS = ("hvac", "boto3", "botocore", "google.cloud", "google.api_core", "azure", "grpc")
PROGRAM = f"""
import sys
from airflow.providers.common.compat import sdk
sdk.BaseOperator
before = set(sys.modules)
import airflow_provider_copass.operators, airflow_provider_copass.secret_stores
new = set(sys.modules) - before
print(sorted(name for name in new if name.startswith({CLOUDS!r})))
"""


def test_the_clouds_clients_are_not_imported(tmp_path: object) -> None:
    """Neither hvac nor boto3, nor anything of Google's or Azure's, before a backend of theirs is asked."""
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
