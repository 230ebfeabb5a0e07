"""The user page keeps its word: what it shows is run here."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.emulator.__main__ import _arguments
from airflow_provider_copass.emulator.errors import ControlError
from airflow_provider_copass.emulator.jobs import CONTENT
from airflow_provider_copass.emulator.settings import Settings

if TYPE_CHECKING:
    import httpx

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
FENCES = re.findall(r"^```([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
JSON_CALLS = [(head.split()[1], head.split()[2], text) for head, text in FENCES if head.startswith("json ")]


def test_the_pytest_example_passes(tmp_path: Path) -> None:
    """The Python of the page is a test module that passes."""
    (module,) = (text for head, text in FENCES if head == "python")
    (tmp_path / "test_page.py").write_text(module)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


@pytest.mark.parametrize(("method", "path", "body"), JSON_CALLS)
def test_each_control_example_is_accepted(control: httpx.Client, method: str, path: str, body: str) -> None:
    """Each JSON of the page that names a control call is a body that it takes."""
    answer = control.request(method, path.removeprefix("/_emulator"), json=json.loads(body))
    assert answer.status_code in (200, 201), answer.text


def test_the_page_has_examples_of_the_calls_with_a_body() -> None:
    """Seeding, faults and settings are each shown by an example."""
    assert {path for _, path, _ in JSON_CALLS} == {"/_emulator/seed", "/_emulator/faults", "/_emulator/settings"}


def test_the_start_command_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of the page is one that the emulator takes, with the token from the environment."""
    (line,) = (text for head, text in FENCES if head == "sh" and "-m airflow_provider_copass.emulator" in text)
    variable, *words = shlex.split(line)
    monkeypatch.setenv(*variable.split("="))
    # To run it would take the port of the page.
    arguments = _arguments(words[words.index("-m") + 2 :])
    assert (arguments.port, arguments.token) == (9099, "olk_local")


def test_the_connection_of_the_page_is_json() -> None:
    """The connection example is JSON that points at the host, port and token of the start command."""
    (line,) = (text for head, text in FENCES if head == "sh" and "AIRFLOW_CONN" in text)
    connection = json.loads(shlex.split(line)[1].split("=", 1)[1])
    assert (connection["host"], connection["port"], connection["password"]) == ("127.0.0.1", 9099, "olk_local")


def test_the_page_names_the_content_of_a_job() -> None:
    """The sentence to look for is the one that a job holds."""
    assert f"`{CONTENT}`" in PAGE


def test_an_emulator_is_made_as_the_page_says() -> None:
    """With these arguments and defaults."""
    [shown] = re.findall(r"^\| `(Emulator\(.*?\))` \|", PAGE, re.MULTILINE)
    taken = inspect.signature(Emulator).parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in taken]
    assert shown == f"Emulator{inspect.Signature(bare)}".replace("'", '"')


def named_in(error: ControlError) -> list[str]:
    """Return what the control surface takes, as a refusal names it."""
    names = str(error).partition("one of ")[2].split(", ")
    assert len(names) > 5
    return names


def test_every_action_setting_method_and_call_is_in_the_page(emulator: Emulator) -> None:
    """Nothing that the emulator offers is left out of the page."""
    methods = [name for name, _ in inspect.getmembers(Emulator, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in methods if f"{name}(" not in PAGE] == []
    assert [name for name in vars(Settings()) if f"| `{name}` |" not in PAGE] == []
    with pytest.raises(ControlError, match="an action is one of ") as refused:
        emulator.add_fault(operation="*", action="none")
    assert [kind for kind in named_in(refused.value) if f'"{kind}"' not in PAGE] == []
    with pytest.raises(ControlError, match=r"operation is \* or one of ") as refused:
        emulator.add_fault(operation="none", action="drop")
    assert [name for name in named_in(refused.value) if f"`{name}`" not in PAGE] == []


def test_the_defaults_of_the_page_are_the_defaults() -> None:
    """The table of settings shows the values that a new emulator has."""
    for name, value in Settings().as_json().items():
        (shown,) = re.findall(rf"^\| `{name}` \| `?([^|]*?)`? \|", PAGE, re.MULTILINE)
        assert json.loads(shown) == value
