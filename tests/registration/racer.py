"""One of many processes that register the same source at the same moment: ``python -m tests.registration.racer``.

It waits at a gate (a file) so that all start together, and prints what it came to as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from tests.registration.file_world import client_for, register


def main() -> None:
    """Wait for each round's gate, register, report; until there is no further round."""
    url, folder, number, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with client_for(url, os.environ["COPASS_EMULATOR_TOKEN"], timeout=30) as client:
        for turn in range(rounds):
            here = folder / str(turn)
            (here / "ready").mkdir(parents=True, exist_ok=True)
            (here / "ready" / str(number)).touch()
            while not (here / "go").exists():
                time.sleep(0.005)
            done = register(client, here, task=f"dag/run {number}/task/-1", name=f"source {turn}")
            print(json.dumps([done.source.data_source_id, done.stored_as]), flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
