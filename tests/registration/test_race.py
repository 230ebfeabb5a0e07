"""Sixteen real processes register one source at the same moment, over files: one live source, one valid secret."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.emulator import Emulator, fingerprint
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT, Process, wait_for
from tests.registration.file_world import Folder

RACERS = 16


def race(folder: Path, rounds: int) -> list[int]:
    """Let them race, look at what each round came to, and return the number of POSTs of each."""
    posts = []
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(folder / "outputs"))
        racers = [
            stack.enter_context(
                Process(
                    f"racer-{number}",
                    [
                        sys.executable, "-m", "tests.registration.racer",
                        emulator.url, str(folder), str(number), str(rounds),
                    ],
                    environment={**clean_environment(), "COPASS_EMULATOR_TOKEN": emulator.token},
                    folder=folder / "outputs",
                    cwd=CHECKOUT,
                )
            )
            for number in range(RACERS)
        ]  # fmt: skip
        for turn in range(rounds):
            here = folder / str(turn)
            wait_for(
                lambda here=here: len(list((here / "ready").glob("*"))) == RACERS if here.exists() else False,
                "the racers stand ready",
                seconds=120,
            )
            before = len(emulator.requests("register"))
            (here / "go").touch()
            wait_for(
                lambda turn=turn: all(len(racer.text().splitlines()) > turn for racer in racers),
                "the racers are done",
                seconds=120,
                alive=racers if turn < rounds - 1 else [],
            )
            posts.append(len(emulator.requests("register")) - before)
            results = {tuple(json.loads(racer.text().splitlines()[turn])) for racer in racers}
            ((source_id, key),) = results
            live = [s for s in emulator.sources() if s["name"] == f"source {turn}" and not s["deleted"]]
            assert [source["data_source_id"] for source in live] == [source_id]
            assert list(Folder(here / "secrets").texts()) == [key]
            assert emulator.secret_is_valid(source_id, sha256=fingerprint(Folder(here / "secrets").texts()[key]))
            (record,) = Folder(here / "records").texts().values()
            assert json.loads(record)["state"] == "closed"
    return posts


def test_three_rounds(tmp_path: Path) -> None:
    """Nearly always one POST is sent; where more are, each twin is deleted by the one that made it."""
    posts = race(tmp_path, 3)
    assert all(count >= 1 for count in posts)


@pytest.mark.slow
def test_fifty_rounds(tmp_path: Path) -> None:
    """The same, fifty times."""
    posts = race(tmp_path, 50)
    assert len(posts) == 50
