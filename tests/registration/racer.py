"""One of many processes that register the same sources at once: ``python -m tests.registration.racer``.

Its arguments are the server's URL, a folder, its number, and for each round the names of what it registers, with
commas: one name as a source by itself, several as a list. In each round it waits at a gate (a file) so that all start
together, and prints what it came to as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from airflow_provider_copass.api import CopassClient
from airflow_provider_copass.registration import Registered
from tests.registration.file_world import client_for, register_list, register_one


def main() -> None:
    """Wait for each round's gate, register, tell."""
    url, folder, number, *rounds = sys.argv[1:]
    with client_for(url, os.environ["COPASS_EMULATOR_TOKEN"], timeout=30) as client:
        for turn, names in enumerate(rounds):
            here = Path(folder) / str(turn)
            (here / "ready").mkdir(parents=True, exist_ok=True)
            (here / "ready" / number).touch()
            while not (here / "go").exists():
                time.sleep(0.005)
            done = run(client, here, names.split(","), task=f"dag/run {number}/task/-1")
            print(json.dumps({one.source.name: [one.source.data_source_id, one.stored_as] for one in done}), flush=True)  # noqa: T201 - a command


def run(client: CopassClient, folder: Path, names: list[str], *, task: str) -> list[Registered]:
    """Register a source, or a list of them."""
    if len(names) == 1:
        return [register_one(client, folder, names[0], task=task)]
    # It brings Airflow with it, which takes seconds.
    from airflow_provider_copass.operators._threads import Threads

    with Threads(4) as pool:
        return register_list(client, folder, names, task=task, pool=pool)


if __name__ == "__main__":
    main()
