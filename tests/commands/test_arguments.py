"""What is given to an argument that names something: nothing is refused as by an operator, before any request."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_copass.emulator import Emulator
from tests.commands.conftest import Run

pytestmark = pytest.mark.usefixtures("database")

LINES = [
    "check --conn-id",
    "sources --conn-id",
    "sources --sandbox-id",
    "plan sources.yaml --conn-id",
    "plan sources.yaml --sandbox-id",
    "plan sources.yaml --store-as",
    "entries --conn-id",
    "entries --conn-id copass_default --sandbox-id",
]


@pytest.fixture(autouse=True)
def _manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest of one source."""
    monkeypatch.chdir(tmp_path)
    Path("sources.yaml").write_text("- {provider: slack, name: chat}\n", encoding="utf-8")


@pytest.mark.parametrize("nothing", ["", " ", "None", "\u200b"])
@pytest.mark.parametrize("line", LINES)
def test_nothing_is_no_name(account: Emulator, run: Run, line: str, nothing: str) -> None:
    """A variable of the shell that is not set, or Python's None: the argument is named, and what to do."""
    done = run(*line.split(), nothing)
    assert done.code == 1
    flag = line.rpartition(" ")[2]
    assert f"{flag} is blank or None. Check the variable that it is from, or leave it out." in done.out + done.err
    assert (done.out + done.err).count("\n") == 1
    assert account.requests() == []


@pytest.mark.parametrize("line", LINES)
def test_half_of_a_character_is_refused_as_such(account: Emulator, run: Run, line: str) -> None:
    """Bytes that are no UTF-8 become one. It is no connection that cannot be decrypted."""
    done = run(*line.split(), "\udcff")
    assert done.code == 1
    assert f"{line.rpartition(' ')[2]} holds half of a character" in done.out + done.err
    assert account.requests() == []


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_manifest_is_no_folder(account: Emulator, run: Run, blank: str) -> None:
    """A path that is empty would be the current folder."""
    done = run("plan", blank)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("No plan was made: MANIFEST is blank. Give the path of a file")
