"""The stage of the leak test: an Airflow at DEBUG, an emulated account behind a wiretap, and the runs of every case."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_copass.emulator import Emulator
from tests.airflow.leak_cases import (
    BROKEN_CONNECTION,
    CASES,
    CONNECTION,
    CREDENTIAL_KEY,
    DAG_ID,
    ECHO,
    LISTS,
    MISPLACED_CONNECTION,
    REFUSED_CONNECTION,
)
from tests.harness import leak_search
from tests.harness.airflow2_processes import Airflow2
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.airflow_processes import Airflow, RunFailedError, TaskOutcome
from tests.harness.processes import CHECKOUT
from tests.harness.wiretap import Wiretap

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "leaks.py"
AT_DEBUG = {"LOGGING__LOGGING_LEVEL": "DEBUG", "LOGGING__FAB_LOGGING_LEVEL": "DEBUG"}
Keep = Callable[[str, dict[str, Any]], None]
"""Puts ``connections`` or ``variables`` where an Airflow finds them: the kind, and the content by key."""


@dataclass(frozen=True)
class Canaries:
    """Values that may be nowhere, each with a character that URLs, JSON or base64 write in their own way."""

    token: str
    refused_token: str
    credential: str
    echoed: str

    @classmethod
    def make(cls) -> "Canaries":
        """Make some up."""
        words = (f"olk_{secrets.token_hex(8)}/+%~{secrets.token_hex(4)}" for _ in range(4))
        return cls(*words)

    def values(self) -> dict[str, str]:
        """Return them by name; of the token also the part that a host's name could be."""
        named = {name.replace("_", " "): value for name, value in vars(self).items()}
        return {**named, "token as a host": self.token.partition("/")[0]}


@dataclass
class Played:
    """What was played, and where."""

    emulator: Emulator
    tap: Wiretap
    home: AirflowHome
    canaries: Canaries
    tasks: dict[str, TaskOutcome]
    xcoms: dict[str, dict[str, Any]]

    def values(self) -> dict[str, str]:
        """Return everything to search for, by name: the canaries, and each secret that was ever in an answer."""
        tapped = sorted(self.tap.secrets() - {self.canaries.echoed})
        return {**self.canaries.values(), **{f"secret {number}": value for number, value in enumerate(tapped)}}

    def leaks(self) -> list[leak_search.Leak]:
        """Search Airflow's whole home: logs, database, outputs."""
        return leak_search.search([self.home.path], self.values()).leaks

    def live(self, word: str) -> list[str]:
        """Return the ids of the live sources of a case."""
        return [
            source["data_source_id"]
            for source in self.emulator.sources()
            if source["provider"] == word and not source["deleted"] and source["status"] == "active"
        ]


def _connections(url: str, canaries: Canaries) -> dict[str, dict[str, Any]]:
    extra = {"sandbox_id": "sb_demo", "max_attempts": 2, "timeout": 30}
    good = {"conn_type": "copass", "host": url, "password": canaries.token, "extra": json.dumps(extra)}
    return {
        CONNECTION: good,
        REFUSED_CONNECTION: {**good, "password": canaries.refused_token},
        # The token, pasted into a field that is not its own.
        BROKEN_CONNECTION: {**good, "extra": json.dumps({**extra, "timeout": canaries.token})},
    }


def _misplaced(canaries: Canaries) -> dict[str, Any]:
    """Return a connection whose token is in the field of the host, given by the environment.

    In the database a host is in the clear, and anyone who puts a token there has put it there.
    """
    return {"conn_type": "copass", "host": canaries.token.partition("/")[0], "password": canaries.refused_token}


def with_echo(script: Any, text: str) -> Any:
    """Return what the emulator is told to do, with a text where it is to echo one.

    :param script: the words of a fault.
    :param text: what a careless server sends back.
    """
    if isinstance(script, str):
        return script.replace(ECHO, text)
    if isinstance(script, dict):
        return {key: with_echo(value, text) for key, value in script.items()}
    return [with_echo(value, text) for value in script] if isinstance(script, list) else script


def prepare(emulator: Emulator, home: AirflowHome, canaries: Canaries) -> None:
    """Fill the account, and make the home's database."""
    echoed = f"{canaries.token} {canaries.credential} {canaries.echoed}"
    for case in CASES:
        for fault in case.faults:
            emulator.add_fault(**with_echo(fault, echoed), match={"provider": case.word})
        if case.seeded:
            emulator.seed([{"provider": case.word, "name": "Leak", "ingestion_mode": "realtime"}])
    emulator.seed(sandboxes=[listed.word for listed in LISTS])
    for listed in LISTS:
        if listed.lost:
            match = {"provider": listed.word, "name": listed.lost}
            emulator.add_fault(operation="register", when="after", action="drop", match=match)
    home.migrate()
    shutil.copy(FILE, home.dags)


def into_the_database(home: AirflowHome, files: Path) -> Keep:
    """Return how to have Airflow itself keep its connections and Variables.

    :param files: a folder outside of the home, for what is imported.
    """

    def keep(kind: str, content: dict[str, Any]) -> None:
        files.mkdir(exist_ok=True)
        # By files: of a command Airflow keeps words in its audit log.
        file = files / f"{kind}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        home.airflow(kind, "import", str(file))

    return keep


@contextmanager
def played(
    folder: Path, settings: Mapping[str, str], *, keep: Keep | None = None, local_settings: str = ""
) -> Iterator[Played]:
    """Play every case on a real scheduler of this Python's Airflow, and end it.

    :param settings: of Airflow.
    :param keep: where its connections and Variables are put; into its database by default.
    :param local_settings: its ``airflow_local_settings.py``.
    """
    canaries = Canaries.make()
    with Emulator(canaries.token) as emulator, Wiretap(emulator.url) as tap:
        home = AirflowHome(
            folder / "home",
            connections={MISPLACED_CONNECTION: _misplaced(canaries)},
            settings={**AT_DEBUG, "CORE__PARALLELISM": "6", **settings},
        )
        prepare(emulator, home, canaries)
        keep = keep or into_the_database(home, folder / "files")
        keep("connections", _connections(tap.url, canaries))
        keep("variables", {CREDENTIAL_KEY: canaries.credential})
        if local_settings:
            (home.path / "config").mkdir()
            (home.path / "config" / "airflow_local_settings.py").write_text(local_settings, encoding="utf-8")
        run_id, tasks = _run_on_3(home) if AIRFLOW_3 else _run_on_2(home)
        xcoms = {task.task_id: home.xcoms(DAG_ID, run_id, task.task_id).get(-1, {}) for task in tasks}
        yield Played(emulator, tap, home, canaries, {task.task_id: task for task in tasks}, xcoms)


def _run_on_3(home: AirflowHome) -> tuple[str, list[TaskOutcome]]:
    with Airflow(home) as airflow:
        airflow.wait_healthy()
        airflow.wait_dags([FILE.name])
        run_id = airflow.trigger(DAG_ID)
        # Some of its tasks are to fail.
        with suppress(RunFailedError):
            airflow.wait_run(DAG_ID, run_id, seconds=900)
        return run_id, airflow.tasks(DAG_ID, run_id)


def _run_on_2(home: AirflowHome) -> tuple[str, list[TaskOutcome]]:
    with Airflow2(home) as airflow:
        run_id = airflow.trigger(DAG_ID)
        return run_id, airflow.wait_run(DAG_ID, run_id, seconds=900)
