"""One of many processes that register at once: ``python -m tests.registration.list_racer URL FOLDER NUMBER``.

An even number registers a list, of which the others have a part as well, an odd one a single source of it. It waits at
a gate (a file) so that all start together, and prints what it came to as one line of JSON.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from pathlib import Path

from airflow_provider_copass.operators.threads import Threads
from airflow_provider_copass.registration.batch import Batch

from airflow_provider_copass.registration import Owner
from tests.registration.batches import wishes
from tests.registration.file_world import QUICK, Api, Clock, Folder, FolderStore, Log, client_for, register

NAMES = [f"source {number}" for number in range(24)]


def main() -> None:
    """Wait for the gate, register, report."""
    url, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with client_for(url, os.environ["COPASS_EMULATOR_TOKEN"], timeout=30) as client:
        (folder / "ready").mkdir(parents=True, exist_ok=True)
        (folder / "ready" / str(number)).touch()
        while not (folder / "go").exists():
            time.sleep(0.005)
        task = f"dag/run {number}/task/-1"
        if number % 2:
            done = {NAMES[number]: register(client, folder, task=task, name=NAMES[number])}
        else:
            of = wishes(NAMES[number : number + 16])
            outcomes = Batch(
                of,
                sources=Api(client),
                secrets=FolderStore(folder / "secrets"),
                records=Folder(folder / "records"),
                report=Log(),
                clock=Clock(),
                owner=Owner(task, 1),
                mark=secrets.token_hex(16),
                pool=Threads(4),
                mask=lambda _: None,
                timing=QUICK,
            ).run()
            done = {each.wish.source.name: each.registered for each in outcomes if each.registered is not None}
    print(json.dumps({name: [each.source.data_source_id, each.stored_as] for name, each in done.items()}), flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
