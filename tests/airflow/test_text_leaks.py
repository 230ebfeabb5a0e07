"""No ingested text, no token and no credential gets out of an ingest or a wait: a real triggerer, searched.

Every case of ``text_leak_cases`` runs with all loggers at DEBUG. While some wait, the database is copied, with the rows
of their triggers in it. Then the whole home of that Airflow is searched, the copy included.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from airflow_provider_copass.emulator import Emulator
from tests.airflow.leak_cases import CONNECTION, REFUSED_CONNECTION
from tests.airflow.leak_stage import AT_DEBUG, into_the_database, with_echo
from tests.airflow.text_leak_cases import (
    BY_WORD,
    DAG_ID,
    DEFERRED,
    FEED,
    IDLE,
    SENSORS,
    TEXT_KEY,
    TEXTS,
    TextCase,
    text_of,
)
from tests.harness import leak_search
from tests.harness.airflow2_processes import ServedAirflow2
from tests.harness.airflow_home import AIRFLOW_3, AIRFLOW_VERSION, AirflowHome
from tests.harness.airflow_processes import Airflow, TaskOutcome, read_log
from tests.harness.processes import CHECKOUT, wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.deep]

FILE = CHECKOUT / "tests" / "airflow" / "dags" / "text_leaks.py"
EVENTS = "lineage.jsonl"
COPY = "while_they_wait.db"
FINAL = ("success", "failed", "skipped", "upstream_failed")


@dataclass
class Played:
    """What was played, and where.

    :param values: what may be nowhere, by name.
    :param source_id: the source that all was about.
    :param idle_id: the one that never synced.
    """

    emulator: Emulator
    home: AirflowHome
    values: dict[str, str]
    source_id: str
    idle_id: str
    run_id: str
    tasks: dict[str, TaskOutcome]

    def log(self, word: str) -> str:
        """Return the log of a task's last try."""
        return read_log(self.home.logs, DAG_ID, self.run_id, self.tasks[word])

    def copied(self, query: str) -> list[tuple[Any, ...]]:
        """Return what the copy of the database answers, which was made while some waited."""
        with closing(sqlite3.connect(self.home.path / COPY)) as database:
            return database.execute(query).fetchall()


def connections(url: str, token: str, refused: str) -> dict[str, dict[str, Any]]:
    """Return both connections."""
    extra = {"sandbox_id": "sb_demo", "max_attempts": 2, "timeout": 30}
    good = {"conn_type": "copass", "host": url, "password": token, "extra": json.dumps(extra)}
    return {CONNECTION: good, REFUSED_CONNECTION: {**good, "password": refused}}


@pytest.fixture(name="played", scope="module")
def _played(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("texts")
    names = ("token", "refused token", "credential", "text")
    values = {name: f"{secrets.token_hex(8)}/+%~{secrets.token_hex(4)}" for name in names}
    transport = {"type": "file", "log_file_path": str(folder / "home" / EVENTS), "append": True}
    lineage = {"OPENLINEAGE__TRANSPORT": json.dumps(transport), "OPENLINEAGE__NAMESPACE": "tests"}
    with Emulator(values["token"]) as emulator:
        # Jobs end when they are told to, after the copy.
        emulator.settings(job_states=["processing"])
        settings = {"api_key": values["credential"]}
        rows = [{"provider": "custom", "name": name, "adapter_config": settings} for name in (FEED, IDLE)]
        source_id, idle_id = emulator.seed(rows)
        for case in TEXTS:
            for fault in case.faults:
                scripted = with_echo(fault, " ".join(values.values()))
                emulator.add_fault(operation="ingest", match={"source_type": case.word}, **scripted)
        home = AirflowHome(folder / "home", settings={**AT_DEBUG, "CORE__PARALLELISM": "6", **lineage})
        shutil.copy(FILE, home.dags)
        home.copy_database(migrated)
        keep = into_the_database(home, folder / "files")
        keep("connections", connections(emulator.url, values["token"], values["refused token"]))
        keep("variables", {TEXT_KEY: minutes(values)})
        with Airflow(home, triggerer=True) if AIRFLOW_3 else ServedAirflow2(home, triggerer=True) as airflow:
            airflow.wait_healthy()
            airflow.wait_dags([FILE.name])
            run_id = airflow.trigger(DAG_ID)
            tasks = _play(airflow, emulator, home, run_id, values)
        yield Played(emulator, home, values, source_id, idle_id, run_id, tasks)


def _play(
    airflow: Any, emulator: Emulator, home: AirflowHome, run_id: str, values: dict[str, str]
) -> dict[str, TaskOutcome]:
    """Let the run come to its end; copy the database while its tasks wait."""

    def states() -> dict[str, str]:
        return {task.task_id: task.state for task in airflow.tasks(DAG_ID, run_id)}

    def all_wait() -> bool:
        rows: int = home.rows("SELECT COUNT(*) FROM trigger")[0][0]
        return rows >= len(DEFERRED) and all(states()[word] == "deferred" for word in DEFERRED)

    wait_for(all_wait, "the tasks that defer", seconds=600, interval=0.3, alive=airflow.processes)
    with closing(sqlite3.connect(home.database)) as now, closing(sqlite3.connect(home.path / COPY)) as copy:
        now.backup(copy)
    [idle] = [source["data_source_id"] for source in emulator.sources() if source["name"] == IDLE]
    emulator.set_source(idle, deleted=True)
    texts = {case.word: text_of(case, minutes(values)) for case in TEXTS if case.ends_as == "failed"}
    failing = {sha256(text.encode()).hexdigest() for text in texts.values()}

    def over() -> bool:
        for job in emulator.jobs():
            if job["status"] == "processing":
                ends_as = "failed" if job["text_sha256"] in failing else "completed"
                # As a server that repeats what was ingested.
                content = {"error_message": minutes(values), "result": {"text": minutes(values)}}
                emulator.set_job(job["job_id"], status=ends_as, **content)
        return all(state in FINAL for state in states().values())

    wait_for(over, "the end of the run", seconds=600, interval=0.3, alive=airflow.processes)
    if AIRFLOW_3:
        query = "SELECT COUNT(*) FROM dag_run WHERE dag_id = 'text_leaks_react' AND state = 'success'"
        wait_for(lambda: home.rows(query)[0][0], "a run by an event", seconds=600, alive=airflow.processes)
    return {task.task_id: task for task in airflow.tasks(DAG_ID, run_id)}


def minutes(values: dict[str, str]) -> str:
    """Return the content of the Variable."""
    return f"The combination of the safe is {values['text']}, said Ada."


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.word)
def test_each_case_ends_as_it_should(played: Played, case: TextCase) -> None:
    """What was taken, or may have been, is not sent again; only a task that was killed does so."""
    outcome = played.tasks[case.word]
    assert (outcome.state, outcome.tries) == (case.state, case.tries)
    sent = [each for each in played.emulator.requests(operation="ingest") if each["body"]["source_type"] == case.word]
    assert len(sent) == case.sent


@pytest.mark.parametrize(("word", "ends"), SENSORS.items())
def test_each_sensor_ends_as_it_should(played: Played, word: str, ends: tuple[str, int]) -> None:
    """A refused token fails at once, and so does a source that is gone."""
    assert (played.tasks[word].state, played.tasks[word].tries) == ends


def test_the_search_is_not_blind(played: Played) -> None:
    """It finds what is there: in the database and its copy, in logs, outputs and events; all loggers were at DEBUG."""
    found = leak_search.search([played.home.path], {"source": played.source_id, "idle": played.idle_id}).leaks
    seen = {leak.path for leak in found}
    assert {played.home.database, played.home.path / COPY, played.home.path / EVENTS} <= seen
    assert any(played.home.logs in path.parents for path in seen)
    assert any(played.home.outputs in path.parents for path in seen)
    assert "HTTP Request: " in played.log("taken")
    columns = {leak.inside for leak in found if leak.path == played.home.path / COPY}
    # 2.11 encrypts a trigger's arguments.
    assert {"xcom.value", "task_instance.next_kwargs", *["trigger.kwargs"] * AIRFLOW_3} <= columns
    if AIRFLOW_VERSION >= (3, 3):
        assert played.copied("SELECT COUNT(*) FROM asset_state_store") >= [(1,)]


def test_the_copy_has_the_triggers_of_those_that_wait(played: Played) -> None:
    """Their arguments, and what their tasks resume with."""
    count = len(DEFERRED) + AIRFLOW_3
    assert played.copied("SELECT COUNT(*) FROM trigger WHERE kwargs IS NOT NULL") == [(count,)]
    resumed = "SELECT task_id FROM task_instance WHERE next_kwargs IS NOT NULL AND state = 'deferred'"
    assert {task_id for (task_id,) in played.copied(resumed)} == set(DEFERRED)
    assert played.copied("SELECT COUNT(*) FROM serialized_dag") >= [(1,)]


def test_nothing_holds_a_text_a_token_or_a_credential(played: Played) -> None:
    """No log, no XCom, no rendered field, no trigger, no state store, no DAG, no event, no output of a process."""
    assert [str(leak) for leak in leak_search.search([played.home.path], played.values).leaks] == []


def test_openlineage_hears_of_each_task_and_of_the_source(played: Played) -> None:
    """What is searched is not empty: each task is told of, and what took a text has the source as its output."""
    lines = (played.home.path / EVENTS).read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert {event["eventType"] for event in told} >= {"START", "COMPLETE", "FAIL"}
    names = {event["job"]["name"].rpartition(".")[2] for event in told}
    assert {*BY_WORD, *SENSORS} <= names
    [outputs] = [
        event["outputs"]
        for event in told
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == f"{DAG_ID}.taken"
    ]
    assert [output["name"] for output in outputs] == [f"sb_demo/{played.source_id}"]


def test_a_leak_would_be_seen(played: Played) -> None:
    """The same search finds a text that is there."""
    planted = played.home.logs / "planted.log"
    planted.write_text(minutes(played.values), encoding="utf-8")
    try:
        found = leak_search.search([played.home.logs], played.values).leaks
        assert {(leak.value, leak.path) for leak in found} == {("text", planted)}
    finally:
        planted.unlink()
