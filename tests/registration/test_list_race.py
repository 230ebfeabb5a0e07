"""Real processes register overlapping lists and single sources of them at the same moment, over files."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from airflow_provider_copass.registration.book import book_from_text, book_name

from tests.harness.emulator import Emulator, fingerprint
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT, Process, wait_for
from tests.registration.file_world import Folder
from tests.registration.list_racer import NAMES

RACERS = 8


def told_by(racer: Process) -> str:
    """Return the line that a racer has printed; some Airflows say something of their own before."""
    return next((line for line in racer.text().splitlines() if line.startswith("{") and line.endswith("}")), "")


def test_lists_and_single_sources_race(tmp_path: Path) -> None:
    """Four lists that overlap, and four single sources: each name once, the same id for all, valid secrets."""
    world = tmp_path / "world"
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(tmp_path / "outputs"))
        racers = [
            stack.enter_context(
                Process(
                    f"racer-{number}",
                    [sys.executable, "-m", "tests.registration.list_racer", emulator.url, str(world), str(number)],
                    environment={**clean_environment(), "COPASS_EMULATOR_TOKEN": emulator.token},
                    folder=tmp_path / "outputs",
                    cwd=CHECKOUT,
                )
            )
            for number in range(RACERS)
        ]
        wait_for(lambda: len(list((world / "ready").glob("*"))) == RACERS, "the racers stand ready", seconds=60)
        (world / "go").touch()
        wait_for(lambda: all(told_by(racer) for racer in racers), "the racers are done", seconds=120)
        told: dict[str, set[tuple[str, str]]] = {}
        for racer in racers:
            for name, (source_id, key) in json.loads(told_by(racer)).items():
                told.setdefault(name, set()).add((source_id, key))
        live = {source["name"]: source["data_source_id"] for source in emulator.sources() if not source["deleted"]}
        assert len([source for source in emulator.sources() if not source["deleted"]]) == len(live)
        assert sorted(live) == sorted(told) == sorted(NAMES[: len(live)])
        stored = Folder(world / "secrets").texts()
        for name, seen in told.items():
            ((source_id, key),) = seen
            assert source_id == live[name]
            assert emulator.secret_is_valid(source_id, sha256=fingerprint(stored[key]))
        assert len(stored) == len(live)
        assert len(emulator.requests("register")) == len(live)
        book = book_from_text(Folder(world / "records").texts()[book_name("sb")], name="book")
        assert book.holder is None
