"""Real processes register the same sources at the same moment, over files: each name once, and its secret is valid."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.emulator import Emulator, fingerprint
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT, Process, wait_for
from tests.registration.file_world import assert_kept

NAMES = [f"source {number}" for number in range(24)]


def lines_of(racer: Process) -> list[str]:
    """Return the lines that a racer has printed; some Airflows say something of their own before."""
    return [line for line in racer.text().splitlines() if line.startswith("{") and line.endswith("}")]


def race(folder: Path, racers: Sequence[Sequence[str]]) -> list[int]:
    """Let processes race, and look at what each round came to.

    :param racers: for each process, the names that it registers in each round, with commas.
    :return: the number of POSTs of each round.
    """
    posts: list[int] = []
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(folder / "outputs"))
        processes = [
            stack.enter_context(
                Process(
                    f"racer-{number}",
                    [sys.executable, "-m", "tests.registration.racer", emulator.url, str(folder), str(number), *rounds],
                    environment={**clean_environment(), "COPASS_EMULATOR_TOKEN": emulator.token},
                    folder=folder / "outputs",
                    cwd=CHECKOUT,
                )
            )
            for number, rounds in enumerate(racers)
        ]
        for turn in range(len(racers[0])):
            here = folder / str(turn)
            wait_for(
                lambda here=here: len(list((here / "ready").glob("*"))) == len(racers) if here.exists() else False,
                "the racers stand ready",
                seconds=120,
                alive=processes,
            )
            known = {source["data_source_id"] for source in emulator.sources()}
            before = len(emulator.requests("register"))
            (here / "go").touch()
            wait_for(
                lambda turn=turn: all(len(lines_of(process)) > turn for process in processes),
                "the racers are done",
                seconds=120,
                alive=processes if turn < len(racers[0]) - 1 else [],
            )
            posts.append(len(emulator.requests("register")) - before)
            told: dict[str, tuple[str, str]] = {}
            for names, process in zip(racers, processes, strict=True):
                of_it = json.loads(lines_of(process)[turn])
                assert sorted(of_it) == sorted(names[turn].split(","))
                for name, (source_id, key) in of_it.items():
                    # All tell the same of a source.
                    assert told.setdefault(name, (source_id, key)) == (source_id, key)
            live = [each for each in emulator.sources() if not each["deleted"] and each["data_source_id"] not in known]
            assert sorted((each["name"], each["data_source_id"]) for each in live) == sorted(
                (name, source_id) for name, (source_id, _) in told.items()
            )
            for source_id, secret in assert_kept(here, dict(told.values())).items():
                assert emulator.secret_is_valid(source_id, sha256=fingerprint(secret))
    return posts


@pytest.mark.rounds
def test_sixteen_processes_race_for_one_source(tmp_path: Path) -> None:
    """In three rounds. Nearly always one POST is sent; where more are, each source too many is deleted by its maker."""
    assert all(race(tmp_path, [NAMES[:3]] * 16))


@pytest.mark.slow
def test_fifty_rounds(tmp_path: Path) -> None:
    """The same, fifty times."""
    assert all(race(tmp_path, [[f"source {turn}" for turn in range(50)]] * 16))


@pytest.mark.rounds
def test_lists_and_single_sources_race(tmp_path: Path) -> None:
    """Four lists that overlap, and four single sources of them."""
    lists = [[",".join(NAMES[number : number + 16])] for number in (0, 2, 4, 6)]
    singles = [[NAMES[number]] for number in (1, 3, 5, 7)]
    assert race(tmp_path, [*lists, *singles]) == [22]
