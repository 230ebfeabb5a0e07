"""Every example DAG does what it says, on the Airflow of this Python."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass.airflow_variables import SENTINEL
from airflow_provider_copass.registration.journal import Tombstone, from_text
from tests.docs import pages
from tests.harness import leak_search
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.dag_runs import DagRunner, FinishedRun
from tests.harness.emulator import Emulator, fingerprint
from tests.harness.processes import CHECKOUT

EXAMPLES = CHECKOUT / "example_dags"
REGISTER_SOURCE = EXAMPLES / "example_register_source.py"
REGISTER_SOURCE_ID = "example_copass_register_source"
LIFECYCLE = EXAMPLES / "example_source_lifecycle.py"
EPHEMERAL = EXAMPLES / "example_ephemeral_source.py"
CHANGE = EXAMPLES / "example_change_sources.py"
LIST = EXAMPLES / "example_register_sources.py"
FEED = EXAMPLES / "example_feed_source.py"
REACT = EXAMPLES / "example_react_to_sync.py"
TWICE = CHECKOUT / "tests" / "airflow" / "dags" / "twice.py"

pytestmark = pytest.mark.airflow


@dataclass
class Ran:
    """Two runs of the example, one after the other, and where they ran."""

    emulator: Emulator
    home: AirflowHome
    runner: DagRunner
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
        with DagRunner(home) as runner:
            yield Ran(emulator, home, runner, runner.run(REGISTER_SOURCE, REGISTER_SOURCE_ID, times=2))


def test_no_example_is_left_out() -> None:
    """Each file among the examples is run by a test of this module, or with a triggerer by one of its own."""
    run = {REGISTER_SOURCE, LIFECYCLE, EPHEMERAL, CHANGE, LIST, FEED, REACT}
    assert set(EXAMPLES.glob("*.py")) == run


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


def test_the_webhook_takes_an_event_with_the_stored_secret(ran: Ran) -> None:
    """One in each run, from the task that reads the secret where it is used; the source has synced by it."""
    assert [request["status"] for request in ran.emulator.requests("deliver")] == [202, 202]
    synced = {source["ingestion_mode"] for source in ran.emulator.sources() if source["last_sync_at"]}
    assert synced == {"realtime"}


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

    [run] = ran.runner.run(REGISTER_SOURCE, REGISTER_SOURCE_ID)

    again, other = ran.home.xcoms(REGISTER_SOURCE_ID, run.run_id, "register").values()
    value = ran.home.variable(again["stored_as"])
    assert run.state == "success"
    assert again["return_value"] != gone
    assert other["return_value"] == kept
    assert value is not None
    assert ran.emulator.secret_is_valid(again["return_value"], sha256=fingerprint(value))


@dataclass
class Played:
    """A DAG in an empty home and an account of its own."""

    emulator: Emulator
    home: AirflowHome
    runner: DagRunner

    def run(self, file: Path, dag_id: str, *, times: int = 1, **conf: object) -> list[FinishedRun]:
        """Run it."""
        return self.runner.run(file, dag_id, times=times, conf=conf)

    def requests(self) -> list[str]:
        """Return every operation that came in, reads included, in their order."""
        return [request["operation"] for request in self.emulator.requests()]

    def left_over(self) -> list[str]:
        """Return the keys of all Variables but the one that is only there to be read."""
        return [key for key in self.home.variable_keys() if key != SENTINEL]

    def secret_is_valid(self, data_source_id: str, key: str) -> bool:
        """Tell whether a Variable holds what the source's webhook accepts now."""
        value = self.home.variable(key)
        return value is not None and self.emulator.secret_is_valid(data_source_id, sha256=fingerprint(value))


@dataclass
class Room:
    """A home for one test after the other, in which Airflow has been imported."""

    home: AirflowHome
    runner: DagRunner
    migrated: AirflowHome

    def played(self, folder: Path) -> Iterator[Played]:
        """Start an account, and empty the home."""
        with Emulator(folder) as emulator:
            self.home.connections = {"copass_default": emulator.connection()}
            self.home.variables = {}
            self.runner.reset(self.migrated)
            yield Played(emulator, self.home, self.runner)


@contextmanager
def opened(folder: Path, migrated: AirflowHome, dags: Path) -> Iterator[Room]:
    """Make a home for these DAGs, where a task that fails is tried again at once."""
    home = AirflowHome(folder / "home", dags=dags, settings={"CORE__DEFAULT_TASK_RETRY_DELAY": "0"})
    with DagRunner(home) as runner:
        yield Room(home, runner, migrated)


@pytest.fixture(name="room", scope="module")
def _room(migrated: AirflowHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with opened(tmp_path_factory.mktemp("examples"), migrated, EXAMPLES) as room:
        yield room


@pytest.fixture(name="played")
def _played(room: Room, tmp_path: Path) -> Iterator[Played]:
    yield from room.played(tmp_path)


def learn_of_assets(home: AirflowHome) -> None:
    """Read the DAG files as a DAG processor does: 2.11 knows no event of an asset that it has not read in one."""
    if not AIRFLOW_3:
        home.airflow("dags", "reserialize")


# A look under the lease, and the POST. A source in place is one look at it, by its id.
REGISTERED = ["list", "register"]
# A look, and if something is to be written, another one under the lease.
CHANGED = ["list", "list", "update"]


def test_a_source_goes_through_its_life(played: Played) -> None:
    """Each act is a look or two and a write; the second run registers and changes nothing, and repeats the others."""
    dag_id = "example_copass_source_lifecycle"
    first, second = played.run(LIFECYCLE, dag_id, times=2)
    tasks = ("register", "pause", "maintain", "change", "resume", "pull", "rotate")
    assert [(run.state, run.tasks) for run in (first, second)] == [("success", dict.fromkeys(tasks, "success"))] * 2
    # For the example's Asset Airflow 2.11.0 loads the library of its web server's forms, which warns of itself.
    forms = ("/flask_appbuilder/", "/flask_sqlalchemy/", "/marshmallow_sqlalchemy/")
    assert [each for each in (*first.warned, *second.warned) if not any(form in each for form in forms)] == []
    acts = ["list", "resume", "list", "pull", "list", "list", "rotate"]
    expected = [*REGISTERED, "get", "pause", *CHANGED, *acts, "get", "get", "pause", "list", *acts]
    assert played.requests() == expected
    assert played.home.xcoms(dag_id, first.run_id, "change")[-1]["changed"] == [
        "external_account_id",
        "adapter_config.labels",
    ]
    assert played.home.xcoms(dag_id, second.run_id, "change")[-1]["changed"] == []


@pytest.mark.deep
def test_a_rotation_keeps_the_secret_before_it_and_tells_of_the_new_one(played: Played) -> None:
    """Both Variables hold what they should, and the event of the outlet names the source and the key."""
    dag_id = "example_copass_source_lifecycle"
    learn_of_assets(played.home)
    stored = []
    for _ in range(2):
        [run] = played.run(LIFECYCLE, dag_id)
        xcoms = played.home.xcoms(dag_id, run.run_id, "rotate")[-1]
        assert played.secret_is_valid(xcoms["return_value"], xcoms["stored_as"])
        stored.append(played.home.variable(xcoms["stored_as"]))
    assert played.home.variable(f"{xcoms['stored_as']}_previous") == stored[0] != stored[1]
    extra = {"data_source_id": xcoms["return_value"], "stored_as": xcoms["stored_as"]}
    events = played.home.asset_events("copass://github/pull-requests/secret")
    assert [extra.items() <= event.items() for event in events] == [True, True]
    assert not [secret for secret in stored if str(secret) in str(events)]


@pytest.mark.parametrize("fails", [pytest.param(False, marks=pytest.mark.deep), True])
def test_an_ephemeral_source_is_deleted_even_if_the_work_fails(played: Played, *, fails: bool) -> None:
    """Its secret and its journal entry go with it, and the run ends as its work did."""
    [run] = played.run(EPHEMERAL, "example_copass_ephemeral_source", fails=fails)
    assert run.tasks == {"register": "success", "load": "failed" if fails else "success", "delete": "success"}
    assert run.state == ("failed" if fails else "success")
    assert run.warned == []
    assert played.requests() == [*REGISTERED, "get", "get", "delete"]
    assert played.left_over() == []


def test_sources_are_changed_renamed_and_retired_once(played: Played) -> None:
    """The looks and a write for each; the second run only looks, and finds the source under its new name."""
    polled = {"ingestion_mode": "polling", "poll_interval_seconds": 900}
    ids = played.emulator.seed(
        {"provider": "linear", "name": "Backlog", **polled},
        {"provider": "notion", "name": "Handbook", "adapter_config": {"space": 1}, **polled},
        {"provider": "slack", "name": "Support"},
        {"provider": "custom", "name": "Old feed"},
        {"provider": "custom", "name": "Older feed"},
    )
    key = f"notion_{secrets.token_hex(16)}"
    played.home.variables["notion_api_key"] = key
    dag_id = "example_copass_change_sources"
    first, second = played.run(CHANGE, dag_id, times=2)
    tasks = dict.fromkeys(("change[0]", "change[1]", "rename", "retire[0]", "retire[1]"), "success")
    assert [(run.state, run.tasks) for run in (first, second)] == [("success", tasks)] * 2
    assert [*first.warned, *second.warned] == []
    assert played.requests() == [*CHANGED * 3, *["list", "disconnect"] * 2, *["list"] * 5]
    rows = {row["data_source_id"]: row for row in played.emulator.sources()}
    issues, handbook, support, old, older = (rows[source_id] for source_id in ids)
    assert issues["poll_interval_seconds"] == 1800
    assert handbook["poll_interval_seconds"] is None
    assert handbook["adapter_config"] == {"api_key": key, "pages": ["Onboarding"]}
    # A rendered credential is shown nowhere, although nothing is masked in such a run.
    assert leak_search.search([played.home.path], {"key": key}).leaks == []
    assert support["name"] == "Customer support"
    assert [old["status"], older["status"]] == ["disconnected"] * 2
    assert played.home.xcoms(dag_id, first.run_id, "change")[1]["changed"] == [
        "adapter_config.api_key",
        "adapter_config.pages",
        "adapter_config.space",
        "poll_interval_seconds",
    ]


@pytest.mark.parametrize(
    ("file", "dag_id", "source", "failed"),
    [
        (CHANGE, "example_copass_change_sources", {"provider": "notion", "name": "Handbook"}, "change[1]"),
        pytest.param(
            *(LIST, "example_copass_register_sources", {"provider": "github", "name": "Discussions"}, "register"),
            marks=pytest.mark.deep,
        ),
    ],
    ids=["change", "list"],
)
def test_without_its_variable_an_example_overwrites_no_credential(
    played: Played, file: Path, dag_id: str, source: dict[str, str], failed: str
) -> None:
    """The task fails, and what was there is there: a copied example may run before anybody has set the Variable."""
    there = {"api_key": "theirs", "token": "theirs"}
    played.emulator.seed(
        {"provider": "linear", "name": "Backlog", "ingestion_mode": "polling"},
        {**source, "ingestion_mode": "polling", "adapter_config": there},
    )
    [run] = played.run(file, dag_id)
    assert run.tasks[failed] == "failed"
    [found] = [row for row in played.emulator.sources() if row["name"] == source["name"]]
    assert found["adapter_config"] == there


def test_a_list_is_planned_then_registered_then_left_alone(played: Played) -> None:
    """The plan is a look and nothing else, a new list a look, its POSTs and a look, and the next run a look at each."""
    token = f"ghp_{secrets.token_hex(16)}"
    played.home.variables["github_access_token"] = token
    dag_id = "example_copass_register_sources"
    [planned] = played.run(LIST, dag_id, plan_only=True)
    assert (planned.tasks, planned.warned) == ({"register": "success"}, [])
    rows = played.home.xcoms(dag_id, planned.run_id, "register")[-1]["return_value"]
    assert [(row["name"], row["outcome"]) for row in rows] == [
        ("Support channel", "created"),
        ("Issue tracker", "created"),
        ("Discussions", "created"),
    ]
    assert played.home.variable_keys() == []
    first, second = played.run(LIST, dag_id, times=2)
    assert [(run.state, run.warned) for run in (first, second)] == [("success", [])] * 2
    assert played.requests() == ["list", *["list", *["register"] * 3, "list"], *["get"] * 3]
    for run, outcome in ((first, "created"), (second, "unchanged")):
        xcoms = played.home.xcoms(dag_id, run.run_id, "register")[-1]
        assert [row["outcome"] for row in xcoms["sources"]] == [outcome] * 3
        assert xcoms["return_value"] == [row["data_source_id"] for row in xcoms["sources"]]
        [key] = xcoms["stored_as"]
        assert played.secret_is_valid(xcoms["return_value"][0], key)
    [github] = [source for source in played.emulator.sources() if source["provider"] == "github"]
    assert github["adapter_config"] == {"repository": "copass/app", "token": token}
    values = {"token": token, "secret": played.home.variable(key) or "", "bearer": played.emulator.token}
    assert leak_search.search([played.home.path], values).leaks == []


def test_a_source_is_fed_and_its_freshness_is_told(played: Played) -> None:
    """Each run registers or finds the source, sends each note once, waits for its job and reads `last_sync_at`."""
    dag_id = "example_copass_feed_source"
    # Completed at the first look. The wait in a triggerer is that of test_triggerer.py.
    played.emulator.settings(job_states=["queued", "completed"])
    first, second = played.run(FEED, dag_id, times=2)
    ingested = ("ingested[0]", "ingested[1]", "ingested[2]")
    tasks = dict.fromkeys(("register", "extract", "ingest", *ingested, "tell_freshness"), "success")
    assert [(run.state, run.tasks) for run in (first, second)] == [("success", tasks)] * 2
    assert [*first.warned, *second.warned] == []
    fed = ["get", *["ingest"] * 3, *["get_job"] * 3, "get"]
    assert played.requests() == [*REGISTERED, *fed, "get", *fed]
    [source] = played.emulator.sources()
    for run in (first, second):
        xcoms = played.home.xcoms(dag_id, run.run_id, "ingest")[-1]
        jobs = played.home.xcoms(dag_id, run.run_id, "ingested")
        assert [each["return_value"] for each in jobs.values()] == xcoms["return_value"] == xcoms["job_ids"]
        assert xcoms["data_source_id"] == source["data_source_id"]
    told = played.home.xcoms(dag_id, second.run_id, "tell_freshness")[-1]["return_value"]
    stamped = datetime.fromisoformat(source["last_sync_at"]).isoformat()
    assert told == f"3 notes are new in Meeting notes, as of {stamped}."


@pytest.mark.deep
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "the other way round"])
def test_all_examples_share_one_sandbox(played: Played, order: int) -> None:
    """None breaks another, or undoes what it has done: run twice, the second time none changes a field back."""
    played.emulator.settings(job_states=["queued", "completed"])
    played.emulator.seed(
        {"provider": "linear", "name": "Backlog", "ingestion_mode": "polling", "poll_interval_seconds": 900},
        {"provider": "notion", "name": "Handbook", "ingestion_mode": "polling"},
        {"provider": "slack", "name": "Support"},
    )
    played.home.variables.update(notion_api_key="made up", github_access_token="made up")
    examples = {path: re.findall(r'dag_id="(\w+)"', path.read_text()) for path in sorted(EXAMPLES.glob("*.py"))}
    del examples[REACT]
    for _ in range(2):
        before = len(played.emulator.requests("update"))
        for path, [dag_id] in list(examples.items())[::order]:
            [run] = played.run(path, dag_id)
            assert run.state == "success", (path.name, run.tasks)
    assert len(played.emulator.requests("update")) == before


@pytest.mark.deep
def test_the_second_of_the_same_act_sends_no_write(migrated: AirflowHome, tmp_path: Path) -> None:
    """Register, update, rename, pause, resume, disconnect, delete: twice in a row each, and all requests counted."""
    with opened(tmp_path, migrated, TWICE.parent) as room, contextmanager(room.played)(tmp_path) as played:
        [run] = played.run(TWICE, "twice")
        assert run.state == "success", run.tasks
        assert run.warned == []
        assert played.requests() == [
            *[*REGISTERED, "get"],
            *[*CHANGED, "list"],
            # By the old name, then by the same task's old name again.
            *[*CHANGED, "list"],
            # A registration of the new name finds the source.
            *["get", "get"],
            *["list", "pause", "list"],
            *["list", "resume", "list"],
            *["list", "disconnect", "list"],
            # By id: there, and then not there in a sandbox that is.
            *["get", "get", "delete", "get", "list"],
        ]
        # It tells a retry of the task that disconnected by name that its work is done.
        [name] = played.left_over()
        assert isinstance(from_text(played.home.variable(name), name=name), Tombstone)


@pytest.mark.deep
def test_the_page_s_example_of_an_outlet_does_what_it_says(migrated: AirflowHome, tmp_path: Path) -> None:
    """Who reads the event finds the new secret by it; the code is that of docs/operators.md."""
    [code] = [each.text for each in pages.snippets(pages.CHECKOUT / "docs" / "operators.md") if "outlets" in each.text]
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "shown.py").write_text(code, encoding="utf-8")
    with opened(tmp_path, migrated, dags) as room, contextmanager(room.played)(tmp_path) as played:
        [source_id] = played.emulator.seed(
            {"provider": "slack", "name": "Support channel", "ingestion_mode": "realtime"}
        )
        learn_of_assets(played.home)
        for dag_id in ("copass_rotate", "copass_pick_up"):
            [run] = played.run(dags / "shown.py", dag_id)
            assert run.state == "success", run.tasks
        xcoms = played.home.xcoms(dag_id, run.run_id, "set_up_sender")[-1]
        assert xcoms["return_value"] == source_id
        assert played.requests() == ["list", "list", "rotate"]
