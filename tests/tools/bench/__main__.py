"""``make bench``: what an import, a call, a list and a wait cost, ours beside the peers' and a bare httpx."""

from __future__ import annotations

import argparse
import sys
import tempfile

from tests.harness.environment import clean_environment
from tests.tools.bench import aims, calls, imports, lists, table, waits


def main() -> int:
    """Measure, and print as it goes.

    :return: the exit code: 0, whatever the figures are; 1 where something that is installed could not be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.tools.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not for the figures")
    quick = parser.parse_args().quick
    import_rounds, call_rounds, list_rounds, sources = (1, 3, 1, 50) if quick else (7, 25, 9, 1000)

    print(table.machine())
    if quick:
        print("Quick mode: a look at whether it works; its figures mean little.")
    with tempfile.TemporaryDirectory(prefix="copass-bench-") as home:
        environment = {**clean_environment(), "AIRFLOW_HOME": home}
        print(
            f"\nImports: on top of airflow.sdk, each in a fresh interpreter; median of {import_rounds} round(s) in "
            "which each had its turn",
            flush=True,
        )
        imported = imports.measure(import_rounds, environment)
        print(table.of_imports(imported))
        print(
            "\nCalls: to a bare loopback server that gives one constant answer, so that the clients are what is "
            f"measured; median of all calls,\n{call_rounds} round(s) in which each client had its turn",
            flush=True,
        )
        called = calls.measure(call_rounds, environment)
        print(table.of_calls(called))
        print(
            f"\nLists: {lists.AT_ONCE} calls at once, to a server that keeps what it is sent and tells the time from "
            "the first POST to the last;\nrecords and secrets in memory; median of "
            f"{list_rounds} round(s), each client in a fresh interpreter that has imported airflow.sdk",
            flush=True,
        )
        listed = lists.measure(list_rounds, sources, environment)
        print(table.of_lists(listed))
        count, interval, seconds = (50, 0.5, 3.0) if quick else (1000, 10.0, 31.0)
        print(
            f"\nWaits: each for a source that does not sync, {interval:g} s between two looks, for {seconds:g} s in "
            "one process; the connections are plain http",
            flush=True,
        )
        waited = waits.measure(count, interval, seconds, environment)
        print(table.of_waits(waited))
    judged = aims.judge(imported, called, listed)
    print(f"\nAims\n{table.of_aims(judged)}\n\n{table.last_line(judged)}")
    failures = [each.failure for each in (*imported, *called, *listed, *waited)]
    return int(any(failure is not None for failure in failures))


if __name__ == "__main__":
    sys.exit(main())
