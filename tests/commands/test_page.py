"""The connection page shows what the commands print: each is typed as it is shown, in the situation that it shows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.journal import Completed, Pending, entry_name, to_text
from airflow_provider_copass.registration.spec import Identity
from tests.commands.conftest import Run
from tests.docs import pages
from tests.harness.airflow_database import AirflowDatabase

LINEAR = {"provider": "linear", "name": "Issue tracker", "ingestion_mode": "polling", "poll_interval_seconds": 600}
SLACK = {"provider": "slack", "name": "Support channel", "ingestion_mode": "realtime"}
MANIFEST = """
- {provider: slack, name: Support channel, ingestion_mode: realtime}
- {provider: linear, name: Issue tracker, ingestion_mode: polling, poll_interval_seconds: 900}
- {provider: github, name: Code}
"""


@pytest.fixture(name="situation")
def _situation(account: Emulator, database: AirflowDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account, the journal and the manifest that the page shows."""
    account.seed(
        [
            {**LINEAR, "data_source_id": "src-0c1d8e52e7aa", "last_sync_at": "2026-10-01T06:30:00Z"},
            {**SLACK, "data_source_id": "src-5b7f0f9a4c31", "status": "paused"},
        ]
    )
    monkeypatch.chdir(tmp_path)
    Path("sources.yaml").write_text(MANIFEST, encoding="utf-8")
    key = "copass_webhook_secret_src-5b7f0f9a4c31"
    slack = Completed("src-5b7f0f9a4c31", "Airflow Variable", key)
    database.set(entry_name(Identity("sb_demo", "slack", "Support channel")), to_text(slack))
    database.set(key, "a secret")


def shown(command: str) -> tuple[list[str], str]:
    """Return a command's arguments, which are the same for both command lines, and what it is shown to print."""
    snippets = pages.snippets(pages.CONNECTION)
    [place] = [n for n, each in enumerate(snippets) if f"airflow_provider_copass {command}" in each.text]
    ours, airflows = snippets[place].text.splitlines()
    arguments = ours.removeprefix("python -m airflow_provider_copass ")
    assert airflows == f"airflow copass {arguments}"
    return arguments.split(), snippets[place + 1].text


@pytest.mark.usefixtures("situation")
@pytest.mark.parametrize(("command", "code"), [("sources", 0), ("plan", 3)])
def test_the_page_shows_what_the_command_prints(run: Run, command: str, code: int) -> None:
    """To the letter."""
    arguments, printed = shown(command)
    assert run(*arguments) == (code, printed, "")


@pytest.mark.usefixtures("situation")
def test_the_page_shows_the_journal_as_it_is_printed(database: AirflowDatabase, run: Run) -> None:
    """With one source that a task works on."""
    pending = Pending("token", Owner("sources", "manual__1", "register", -1, 2), since=time.time() - 200)
    database.set(entry_name(Identity("sb_demo", "linear", "Issue tracker")), to_text(pending))
    arguments, printed = shown("entries")
    assert run(*arguments) == (0, printed, "")
