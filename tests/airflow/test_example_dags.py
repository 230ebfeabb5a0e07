"""Every example DAG does what it says, on the Airflow of this Python."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import leak_search
from tests.harness.airflow_home import AirflowHome
from tests.harness.dag_runs import FinishedRun, run_dag
from tests.harness.emulator import Emulator, fingerprint
from tests.harness.processes import CHECKOUT

EXAMPLES = CHECKOUT / "example_dags"
REGISTER_SOURCE = EXAMPLES / "example_register_source.py"
REGISTER_SOURCE_ID = "example_copass_register_source"
LIFECYCLE = EXAMPLES / "example_source_lifecycle.py"
EPHEMERAL = EXAMPLES / "example_ephemeral_source.py"

pytestmark = pytest.mark.airflow


@dataclass
class Ran:
    """Two runs of the example, one after the other, and where they ran."""

    emulator: Emulator
    home: AirflowHome
    runs: list[FinishedRun]

    def xcoms(self, run: int) -> dict[int, dict[str, Any]]:
        """Return the XComs of the mapped register task in one of the runs, by map index."""
        return self.home.xcoms(REGISTER_SOURCE_ID, self.runs[run].run_id, "register")


@pytest.fixture(name="ran", scope="module")
def _ran(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("example")
    with Emulator(folder) as emulator:
        home = AirflowHome(folder / "home", dags=EXAMPLES, connections={"copass_default": emulator.connection()})
        home.copy_database(migrated)
        yield Ran(emulator, home, run_dag(home, REGISTER_SOURCE, REGISTER_SOURCE_ID, times=2))


def test_no_example_is_left_out() -> None:
    """Each file among the examples is run by a test of this module."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {REGISTER_SOURCE.name, LIFECYCLE.name, EPHEMERAL.name}


def test_every_task_of_both_runs_succeeds(ran: Ran) -> None:
    """A new sandbox and one in which everything is there already are both fine."""
    tasks = dict.fromkeys(("register[0]", "register[1]", "set_up_senders"), "success")
    assert [(run.state, run.tasks) for run in ran.runs] == [("success", tasks)] * 2


def test_no_warning_comes_of_our_code(ran: Ran) -> None:
    """Neither parsing the file nor running it gives one, of ours or of what we call."""
    assert [run.warned for run in ran.runs] == [[], []]


def test_the_second_run_makes_nothing_new(ran: Ran) -> None:
    """Two runs over two sources send two requests to register, and both runs name the same sources."""
    assert len(ran.emulator.requests("register")) == 2
    there = sorted(source["data_source_id"] for source in ran.emulator.sources() if not source["deleted"])
    for run in (0, 1):
        assert sorted(xcoms["return_value"] for xcoms in ran.xcoms(run).values()) == there


def test_the_sources_are_as_declared(ran: Ran) -> None:
    """One source is realtime and has a secret, the other is polled and has none."""
    sources = {source["ingestion_mode"]: source for source in ran.emulator.sources()}
    assert sources["realtime"]["provider"] == "slack"
    assert sources["realtime"]["has_secret"]
    assert sources["polling"]["poll_interval_seconds"] == 900
    assert not sources["polling"]["has_secret"]


def test_the_stored_secret_is_the_valid_one(ran: Ran) -> None:
    """After both runs the Variable that `stored_as` names holds, encrypted, what Copass accepts."""
    [xcoms] = [xcoms for xcoms in ran.xcoms(1).values() if "stored_as" in xcoms]
    value = ran.home.variable(xcoms["stored_as"])
    assert value is not None
    assert ran.emulator.secret_is_valid(xcoms["return_value"], sha256=fingerprint(value))


def test_the_sender_was_set_up_in_each_run(ran: Ran) -> None:
    """The task behind finds the key of the one secret by XCom, whether it was stored now or a run ago."""
    for run in ran.runs:
        assert ran.home.xcoms(REGISTER_SOURCE_ID, run.run_id, "set_up_senders")[-1]["return_value"] == 1


def test_neither_secret_nor_token_lies_in_the_home(ran: Ran) -> None:
    """Neither is in the database or a log, in whatever form; the search does see both places."""
    xcoms = ran.xcoms(0)[0]
    values = {"token": ran.emulator.token, "secret": ran.home.variable(xcoms["stored_as"]) or ""}

    places = {leak.path for leak in leak_search.search([ran.home.path], {"id": xcoms["return_value"]}).leaks}
    assert ran.home.database in places
    assert leak_search.search([ran.home.path], values).leaks == []


def test_a_run_repairs_what_somebody_removed(ran: Ran) -> None:
    """A source that is gone is registered again by the next run, with its secret; the other is left alone."""
    gone, kept = (xcoms["return_value"] for xcoms in ran.xcoms(0).values())
    ran.emulator.change_source(gone, deleted=True)

    [run] = run_dag(ran.home, REGISTER_SOURCE, REGISTER_SOURCE_ID)

    again, other = ran.home.xcoms(REGISTER_SOURCE_ID, run.run_id, "register").values()
    value = ran.home.variable(again["stored_as"])
    assert run.state == "success"
    assert again["return_value"] != gone
    assert other["return_value"] == kept
    assert value is not None
    assert ran.emulator.secret_is_valid(again["return_value"], sha256=fingerprint(value))


READS = {"list", "get"}


@dataclass
class Played:
    """An example in a home and an account of its own."""

    emulator: Emulator
    home: AirflowHome

    def run(self, file: Path, dag_id: str, *, times: int = 1, **conf: object) -> list[FinishedRun]:
        """Run it."""
        return run_dag(self.home, file, dag_id, times=times, conf=conf)

    def writes(self) -> list[str]:
        """Return the operations that change something, in their order."""
        return [request["operation"] for request in self.emulator.requests() if request["operation"] not in READS]


@pytest.fixture(name="played")
def _played(migrated: AirflowHome, tmp_path: Path) -> Iterator[Played]:
    with Emulator(tmp_path) as emulator:
        home = AirflowHome(tmp_path / "home", dags=EXAMPLES, connections={"copass_default": emulator.connection()})
        home.copy_database(migrated)
        yield Played(emulator, home)


def test_a_source_goes_through_its_life(played: Played) -> None:
    """Each act is one write; the second run registers nothing, and does once more what is done at each run."""
    dag_id = "example_copass_source_lifecycle"
    first, second = played.run(LIFECYCLE, dag_id, times=2)
    tasks = ("register", "pause", "maintain", "resume", "pull", "rotate")
    assert [(run.state, run.tasks) for run in (first, second)] == [("success", dict.fromkeys(tasks, "success"))] * 2
    assert [*first.warned, *second.warned] == []
    acts = ["pause", "resume", "pull", "rotate"]
    assert played.writes() == ["register", *acts, *acts]
    xcoms = played.home.xcoms(dag_id, second.run_id, "rotate")[-1]
    secret = played.home.variable(xcoms["stored_as"])
    previous = played.home.variable(f"{xcoms['stored_as']}_previous")
    assert secret is not None
    assert previous is not None
    assert secret != previous
    assert played.emulator.secret_is_valid(xcoms["return_value"], sha256=fingerprint(secret))


@pytest.mark.parametrize("fails", [False, True])
def test_an_ephemeral_source_is_deleted_whatever_came_of_the_work(played: Played, *, fails: bool) -> None:
    """Its secret and its record go with it; the run tells what the work came to."""
    [run] = played.run(EPHEMERAL, "example_copass_ephemeral_source", fails=fails)
    assert run.tasks == {"register": "success", "load": "failed" if fails else "success", "delete": "success"}
    assert run.state == ("failed" if fails else "success")
    assert run.warned == []
    assert played.writes() == ["register", "delete"]
    assert [key for key in played.home.variable_keys() if key != "copass_record_probe"] == []
