"""The command ``entries``: the journal in each of its states, and forgetting an entry."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.journal import (
    FORMAT,
    Completed,
    Entry,
    Pending,
    Tombstone,
    Write,
    entry_name,
    location_name,
    to_text,
)
from airflow_provider_copass.registration.spec import Identity
from tests.commands.conftest import Run, one_line_of
from tests.harness.airflow_database import AirflowDatabase

IDENTITY = Identity("sb_demo", "slack", "chat")
KEY = entry_name(IDENTITY)
OWNER = Owner("dag", "run 1", "task", 3, 2)
COMPLETED = Completed("src-1", store="Airflow Variable", key="copass_webhook_secret_src-1")


def keep(database: AirflowDatabase, entry: Entry | str, key: str = KEY) -> None:
    """Put an entry into the journal."""
    database.set(key, entry if isinstance(entry, str) else to_text(entry))


def row_of(run: Run, key: str = KEY) -> list[str]:
    """Return the cells of an entry's row."""
    done = run("entries")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("key ")
    [row] = [line for line in done.out.splitlines() if line.startswith(key)]
    return [cell.strip() for cell in row.split("  ") if cell.strip()]


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (COMPLETED, ["completed", "src-1", "-", "-"]),
        (Tombstone("src-1", "dag/run/task/-1"), ["tombstone", "src-1", "-", "-"]),
        # Of a newer format: it is not guessed what it means.
        (
            json.dumps({"copass_entry": FORMAT + 1, "state": "completed", "source_id": "src-9"}),
            ["of a newer format", "-", "-", "-"],
        ),
        # What is no entry, and one of no moment: JSON as Python reads it knows infinity.
        ("canary", ["unreadable", "-", "-", "-"]),
        ('{"copass_entry": 1, "state": "canary"}', ["unreadable", "-", "-", "-"]),
        ("[]", ["unreadable", "-", "-", "-"]),
        (to_text(Pending("token", OWNER, since=float("-inf"))), ["unreadable", "-", "-", "-"]),
    ],
    ids=range(7),
)
def test_an_entry_is_a_row(database: AirflowDatabase, run: Run, entry: Entry | str, shown: list[str]) -> None:
    """What is not pending has neither an owner nor an age; of what cannot be read nothing is shown."""
    keep(database, entry)
    assert row_of(run) == [KEY, "source", *shown]


@pytest.mark.parametrize(
    ("age", "shown"),
    # Of seconds some more, on a busy machine.
    [(5, "([5-9]|[1-5][0-9]) s"), (185, "3 min"), (2 * 3600 + 5, "2 h"), (86400 * 3 + 5, "3 d"), (-600, "0 s")],
)
def test_a_pending_entry_names_its_owner_and_its_age(
    database: AirflowDatabase, run: Run, age: float, shown: str
) -> None:
    """DAG, run, task, map index and try, and for how long it has been so: no less than 0, if a clock is ahead."""
    keep(database, Pending("token", OWNER, since=time.time() - age, created_ids=("src-2",)))
    *source, told, owner = row_of(run)
    assert (source, owner) == ([KEY, "source", "pending", "src-2"], "dag/run 1/task/3, try 2")
    assert re.fullmatch(shown, told)


def test_a_pending_entry_that_stands_in_for_another_names_that_source(database: AirflowDatabase, run: Run) -> None:
    """Work on a source that is registered."""
    keep(database, Pending("", OWNER, since=time.time(), previous=COMPLETED))
    assert row_of(run)[2:4] == ["pending", "src-1"]


def test_what_cannot_be_decrypted_is_listed_as_unreadable(database: AirflowDatabase, run: Run) -> None:
    """Airflow itself reads it as absent."""
    keep(database, COMPLETED)
    database.scramble(KEY)
    assert row_of(run)[2] == "unreadable"


def test_the_note_on_a_location_is_an_entry_of_its_own_kind(database: AirflowDatabase, run: Run) -> None:
    """It names the entry whose secret is there."""
    key = location_name("Airflow Variable", "my_key")
    keep(database, KEY, key)
    assert row_of(run, key) == [key, "location", "noted", KEY, "-", "-"]
    keep(database, "canary", key)
    assert row_of(run, key)[1:4] == ["location", "unreadable", "-"]


def test_other_variables_are_not_listed(database: AirflowDatabase, run: Run) -> None:
    """The sentinel, secrets, and what a user calls alike."""
    for key in ("copass_sentinel", "copass_webhook_secret_src-1", "copass_entry_mine", f"x{KEY}"):
        database.set(key, "canary")
    assert run("entries") == (0, "The journal has no entry.\n", "")


def test_json_has_the_same_for_a_program(database: AirflowDatabase, run: Run) -> None:
    """The owner part by part, and the age in seconds."""
    keep(database, Pending("lease canary", OWNER, since=time.time() - 100, rotated_by="canary"))
    done = run("entries", "--output", "json")
    [row] = json.loads(done.out)
    assert 100 <= row.pop("age") < 160
    assert row == {
        "key": KEY,
        "kind": "source",
        "state": "pending",
        "data_source_id": None,
        "entry": None,
        "owner": {"dag_id": "dag", "run_id": "run 1", "task_id": "task", "map_index": 3, "try_number": 2},
        "provider": None,
        "name": None,
    }
    assert "canary" not in done.out


def test_an_owner_cannot_break_the_table(database: AirflowDatabase, run: Run) -> None:
    """A run's id may be any text."""
    keep(database, Pending("token", Owner("dag", "run\n\x1b[2J", "task", -1, 1), since=time.time()))
    assert row_of(run)[-1] == "dag/run??[2J/task/-1, try 1"


def test_no_request_is_sent_unless_a_connection_is_named(
    account: Emulator, database: AirflowDatabase, run: Run
) -> None:
    """The journal is Airflow's."""
    keep(database, COMPLETED)
    row_of(run)
    assert account.requests() == []


def test_a_connection_tells_whose_the_hashes_are(account: Emulator, database: AirflowDatabase, run: Run) -> None:
    """By the provider and the name of each source that the sandbox has; a name cannot break the table."""
    odd = Identity("sb_demo", "slack", "a\x1b[2J")
    account.seed([{"provider": each.provider, "name": each.name} for each in (IDENTITY, odd)])
    keep(database, COMPLETED)
    keep(database, Tombstone("src-3", "by"), entry_name(odd))
    keep(database, Tombstone("src-4", "by"), entry_name(Identity("sb_other", "slack", "chat")))
    lines = run("entries", "--conn-id", "copass_default").out.splitlines()
    assert sum("src-1 slack 'chat'" in line for line in lines) == 1
    assert sum("src-3 slack 'a\\x1b[2J'" in line for line in lines) == 1
    assert [line.count("slack") for line in lines if "src-4" in line] == [0]


@pytest.mark.parametrize(
    ("given", "said"),
    [("--sandbox-id sb_demo", "--sandbox-id is for --conn-id"), ("--yes", "--yes is for --forget")],
)
def test_an_option_that_would_be_of_no_effect_is_a_mistake(
    database: AirflowDatabase, run: Run, given: str, said: str
) -> None:
    """Who gives it means something else."""
    assert said in one_line_of(run("entries", *given.split()))


def test_forgetting_prints_no_json(database: AirflowDatabase, run: Run) -> None:
    """A program that asks for it would read a sentence; nothing is forgotten."""
    keep(database, COMPLETED)
    assert "--output json is for the list" in one_line_of(run("entries", "--forget", KEY, "--yes", "-o", "json"))
    assert database.keys() == [KEY]


def test_the_question_names_the_source_of_a_connection(
    account: Emulator, database: AirflowDatabase, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the list does: the person sees what is forgotten."""
    account.seed([{"provider": IDENTITY.provider, "name": IDENTITY.name}])
    keep(database, COMPLETED)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = run("entries", "--conn-id", "copass_default", "--forget", KEY)
    assert done.err.startswith(f"{KEY}  source  completed  src-1 slack 'chat'  -\n")


def test_a_database_that_cannot_be_read_is_no_empty_journal(run: Run) -> None:
    """There is none in this test; one line says what to check."""
    said = one_line_of(run("entries"))
    assert said.startswith("No entry was listed: Airflow's database cannot be read (OperationalError).")
    assert "[database] sql_alchemy_conn" in said


def test_an_entry_is_forgotten(database: AirflowDatabase, run: Run) -> None:
    """That one and no other; what it means is said, and the secret stays."""
    other = entry_name(Identity("sb_demo", "slack", "other"))
    secret = "copass_webhook_secret_src-1"
    for key in (KEY, other):
        keep(database, COMPLETED, key)
    database.set(secret, "canary")
    done = run("entries", "--forget", KEY, "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Forgot {KEY}. The next run looks at the list of sources as if it had never registered")
    assert "its stored secret stay." in done.out
    assert database.keys() == sorted([other, secret])


def test_a_pending_entry_that_is_forgotten_is_warned_of(database: AirflowDatabase, run: Run) -> None:
    """It may note a write that takes effect later."""
    keep(database, Pending("token", OWNER, since=time.time(), write=Write("register", time.time(), "by")))
    assert "may still take effect is lost" in run("entries", "--forget", KEY, "--yes").out


def test_the_note_on_a_location_can_be_forgotten(database: AirflowDatabase, run: Run) -> None:
    """That means something else."""
    key = location_name("Airflow Variable", "my_key")
    keep(database, KEY, key)
    assert "What is stored there stays." in run("entries", "--forget", key, "--yes").out
    assert database.keys() == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_person_is_asked_before(
    database: AirflowDatabase, run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    """What it is and what it means is shown first; anything but yes, or no terminal, keeps the entry."""
    keep(database, COMPLETED)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    done = run("entries", "--forget", KEY)
    assert done.code == code
    assert done.err.startswith(f"{KEY}  source  completed  src-1  -\nThe next run looks at the list")
    assert database.keys() == ([] if code == 0 else [KEY])
    assert ("Nothing was forgotten: It was not agreed to. Answer y, or give --yes." in done.err) == (code == 1)


class Meanwhile(io.StringIO):
    """A person who thinks for so long that a task writes the entry."""

    def __init__(self, database: AirflowDatabase) -> None:
        super().__init__("y\n")
        self.database = database

    def readline(self, size: int | None = -1, /) -> str:
        """Answer, after the task has written."""
        keep(self.database, Pending("token", OWNER, since=time.time(), previous=COMPLETED))
        return super().readline(-1 if size is None else size)


def test_an_entry_that_has_changed_meanwhile_is_kept(
    database: AirflowDatabase, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was agreed to is not what is there."""
    keep(database, COMPLETED)
    monkeypatch.setattr("sys.stdin", Meanwhile(database))
    done = run("entries", "--forget", KEY)
    assert done.code == 1
    assert "Nothing was forgotten: The entry has changed meanwhile" in done.err
    assert database.keys() == [KEY]


@pytest.mark.parametrize("key", ["copass_entry_" + "0" * 40, "copass_webhook_secret_src-1", "olk_canary", ""])
def test_what_is_no_entry_is_not_forgotten(database: AirflowDatabase, run: Run, key: str) -> None:
    """No secret and no other Variable is removed; what was given is not repeated."""
    keep(database, COMPLETED)
    database.set("copass_webhook_secret_src-1", "a secret")
    said = one_line_of(run("entries", "--forget", key, "--yes"))
    assert said.startswith("Nothing was forgotten: The journal has no entry of this key.")
    assert "canary" not in said
    assert database.keys() == [KEY, "copass_webhook_secret_src-1"]


def test_after_an_entry_is_forgotten_a_plan_adopts_the_source(
    account: Emulator, database: AirflowDatabase, run: Run, tmp_path: Path
) -> None:
    """As the command says: the list is looked at as if nothing had been registered."""
    path = tmp_path / "sources.json"
    path.write_text('[{"provider": "slack", "name": "chat"}]', encoding="utf-8")
    account.seed([{"provider": "slack", "name": "renamed", "data_source_id": "src-1"}])
    keep(database, COMPLETED)
    assert run("plan", str(path)).code == 1
    run("entries", "--forget", KEY, "--yes")
    assert "created" in run("plan", str(path)).out
