"""The command ``sources``: a sandbox as a table or as JSON, whatever the server writes into it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from tests.commands.conftest import Run, one_line_of
from tests.hooks.connections import ENVIRONMENT, as_json, of

SYNCED = {
    "provider": "slack",
    "name": "Support",
    "ingestion_mode": "realtime",
    "last_sync_at": "2026-10-01T10:20:30.5+00:00",
}


def test_the_sources_are_a_table(account: Emulator, run: Run) -> None:
    """Sorted by provider and name, a column each, and nothing but the table."""
    first, second = account.seed([SYNCED, {"provider": "github", "name": "Code", "ingestion_mode": "manual"}])
    done = run("sources")
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["data", "source", "id", "provider", "name", "mode", "status", "last", "sync"]
    assert [row.split() for row in rows] == [
        [second, "github", "Code", "manual", "active", "-"],
        [first, "slack", "Support", "realtime", "active", "2026-10-01", "10:20:30Z"],
    ]


def test_the_columns_stand_below_one_another(account: Emulator, run: Run) -> None:
    """Each text begins where its column's name does."""
    account.seed([{**SYNCED, "name": "a"}, {**SYNCED, "name": "a long name of a source"}])
    head, *rows = run("sources").out.splitlines()
    for column, text in (("provider", "slack"), ("mode", "realtime"), ("status", "active"), ("last sync", "2026")):
        assert [row.index(text) for row in rows] == [head.index(column)] * 2


def test_wide_signs_do_not_move_the_columns(account: Emulator, run: Run) -> None:
    """In a terminal a Chinese or Japanese sign takes two places, and an accent of its own none."""
    account.seed(
        [{**SYNCED, "name": "ab" * 3}, {**SYNCED, "name": "\u65e5\u672c\u8a9e"}, {**SYNCED, "name": "e\u0301" * 6}]
    )
    _, *rows = run("sources").out.splitlines()
    assert sorted(row.index("realtime") - row.index("slack") for row in rows) == [15, 18, 24]


def test_an_empty_sandbox_says_so(account: Emulator, run: Run) -> None:
    """Not a head without rows."""
    assert run("sources") == (0, "The sandbox holds no source.\n", "")


def test_json_is_what_a_source_s_summary_has(account: Emulator, run: Run) -> None:
    """And so nothing of adapter_config."""
    account.seed([{**SYNCED, "adapter_config": {"api_key": "canary"}}])
    done = run("sources", "--output", "json")
    with CopassHook() as hook:
        assert json.loads(done.out) == [source.summary() for source in hook.list_sources()]
    assert "canary" not in done.out
    assert "adapter_config" not in done.out


def test_another_sandbox_can_be_named(account: Emulator, run: Run) -> None:
    """The option comes before the connection's default."""
    account.seed([{**SYNCED, "sandbox_id": "sb_two", "name": "elsewhere"}], sandboxes=["sb_two"])
    assert "elsewhere" not in run("sources").out
    assert "elsewhere" in run("sources", "--sandbox-id", "sb_two").out


HOSTILE = "\x1b[2J\x1b]0;gone\x07 a\nb\r\tc \u202etxt\u202c \x9b31m\x7f"


@pytest.mark.parametrize("field", ["provider", "name", "status", "ingestion_mode"])
def test_a_server_s_text_cannot_break_the_table(account: Emulator, run: Run, field: str) -> None:
    """Each control character is a question mark, also one that turns the direction of writing; a source is one row."""
    [source_id] = account.seed([SYNCED])
    account.set_source(source_id, **{field: HOSTILE})
    out = run("sources").out
    assert out.count("\n") == 2
    assert all(sign.isprintable() for sign in out.replace("\n", ""))
    assert "?[2J" in out


def test_a_hostile_name_is_escaped_in_json(account: Emulator, run: Run) -> None:
    """A terminal that shows it does nothing, and a program reads the name as it is."""
    [source_id] = account.seed([SYNCED])
    account.set_source(source_id, name=HOSTILE + "ü")
    out = run("sources", "-o", "json").out
    assert all(32 <= ord(sign) < 127 for sign in out.replace("\n", ""))
    assert json.loads(out)[0]["name"] == HOSTILE + "ü"


def test_a_text_of_any_length_leaves_a_table(account: Emulator, run: Run) -> None:
    """It is cut, and the id stays whole."""
    [source_id] = account.seed([SYNCED])
    account.set_source(source_id, name="n" * 5000)
    row = run("sources").out.splitlines()[1]
    assert len(row) < 300
    assert row.startswith(source_id)
    assert "n…" in row


def test_a_wrong_token_is_one_line(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """It says what is wrong, what was not done and what to do, and shows no token."""
    monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_canary", host=emulator.url, extra={"sandbox_id": "sb_demo"}))
    said = one_line_of(run("sources"))
    assert said.startswith("No source was listed: list_sources: the server answered 401. The token is not accepted")
    assert "canary" not in said


def test_a_list_that_says_there_is_more_is_no_list(account: Emulator, run: Run) -> None:
    """A sandbox that has grown a page would look smaller than it is."""
    account.seed([SYNCED])
    account.add_fault(operation="list", action={"status": 200, "body": {"sources": [], "count": 7}}, times=None)
    assert "the list is cut short: the server counts 7 sources and sent 0" in one_line_of(run("sources"))


def test_a_connection_that_is_not_there_is_one_line(database: object, run: Run) -> None:
    """By its name, and where was looked."""
    said = one_line_of(run("sources", "--conn-id", "nowhere"))
    assert said.startswith("No source was listed: There is no Airflow connection 'nowhere' in the environment")


def test_a_connection_without_a_sandbox_asks_for_the_option(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """The way out is the command's own option."""
    monkeypatch.setenv(ENVIRONMENT, of(emulator, sandbox_id=None))
    assert "names no sandbox. Give one with --sandbox-id" in one_line_of(run("sources"))
    assert emulator.requests() == []


def test_a_sandbox_that_is_no_id_is_refused(account: Emulator, run: Run) -> None:
    """Before any request, and without being repeated."""
    said = one_line_of(run("sources", "--sandbox-id", "../canary"))
    assert "sandbox_id holds '/'" in said
    assert "canary" not in said
    assert account.requests() == []


def test_a_server_that_fails_is_one_line(account: Emulator, run: Run) -> None:
    """It says what to do, and nothing of the answer is repeated."""
    account.add_fault(operation="list", action={"status": 503, "body": "canary\n\x1b[2J"}, times=None)
    said = one_line_of(run("sources"))
    assert "the server answered 503. It, or a proxy before it, failed: try again later." in said
    assert "canary" not in said
