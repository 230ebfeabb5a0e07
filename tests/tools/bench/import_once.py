"""One measured import in an interpreter of its own: ``python -P import_once.py MODULE``; the last line is JSON.

A DAG file has imported ``airflow.sdk`` and looked up ``DAG`` and ``BaseOperator`` before it imports an operator, so
both are in place before the clock starts.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections import Counter


def main() -> None:
    """Import the module and say what it took."""
    sdk = importlib.import_module("airflow.sdk")
    # These are looked up at their first use.
    _ = (sdk.DAG, sdk.BaseOperator)
    name = sys.argv[1]
    before = set(sys.modules)
    began = time.perf_counter()
    importlib.import_module(name)
    seconds = time.perf_counter() - began
    added = set(sys.modules) - before
    # What belongs to Airflow, to Python or to the measured package itself is no third party.
    known = {*sys.stdlib_module_names, "airflow", name.partition(".")[0]}
    packages = {module.partition(".")[0] for module in added} - known - {module.partition(".")[0] for module in before}
    # Some extension modules leave an entry that was never found as a module.
    real = {package for package in packages if getattr(sys.modules.get(package), "__spec__", None)}
    sizes = Counter(module.partition(".")[0] for module in added)
    # The largest first.
    third_party = sorted(real, key=lambda package: (-sizes[package], package))
    print(json.dumps({"seconds": seconds, "modules": len(added), "third_party": third_party}))


if __name__ == "__main__":
    main()
