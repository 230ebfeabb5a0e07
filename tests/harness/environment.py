"""The environment that the harness gives to its processes."""

import os
import sys
from pathlib import Path

# What a developer has set for their own Airflow, Copass or Python must not reach a test, nor a proxy the loopback.
_OURS_ALONE = ("AIRFLOW", "COPASS_", "COVERAGE_", "PYTHON", "VIRTUAL_ENV", "_AIRFLOW", "_PYTEST")
_PROXIES = {"ALL_PROXY", "FTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


def clean_environment() -> dict[str, str]:
    """Return the environment of this Python without the settings that would change what a process does."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS_ALONE) and name.upper() not in _PROXIES
    }
    beside = str(Path(sys.executable).parent)
    return {
        **kept,
        # What belongs to this Python comes first (the executables that Airflow looks up, for one).
        "PATH": os.pathsep.join([beside, kept.get("PATH", os.defpath)]),
        "NO_PROXY": "*",
        # A line in a file is of use only once it is written.
        "PYTHONUNBUFFERED": "1",
    }
