"""The fixture ``copass_emulator``, as the tests of a user's DAG have it: in a pytest of their own."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.hooks import CopassHook
from airflow_provider_copass.pytest_plugin import connection_to
from tests.pytest_plugin.users_pytest import STRICT, pytest_of_a_user, python


def test_the_default_connection_leads_to_it(copass_emulator: Emulator) -> None:
    """A hook without an argument talks to the emulator, in its sandbox."""
    with closing(CopassHook()) as hook:
        source = hook.register_source(provider="slack", name="alerts", ingestion_mode="manual")
    assert [row["data_source_id"] for row in copass_emulator.sources()] == [source.data_source_id]
    assert copass_emulator.requests("register")[0]["path_params"] == {"sandbox_id": "sb_demo"}


def test_another_connection_can_lead_to_it(copass_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """``connection_to`` gives the value for a connection of any id, sandbox and extra."""
    copass_emulator.seed(sandboxes=["sb_other"])
    value = connection_to(copass_emulator, sandbox_id="sb_other", timeout=7)
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER", value)
    with closing(CopassHook(copass_conn_id="another")) as hook:
        assert hook.connection.settings.timeout == 7
        assert hook.sandbox_id == "sb_other"
        assert hook.list_sources() == []


def test_a_connection_may_name_no_sandbox(copass_emulator: Emulator) -> None:
    """Then each task has to."""
    assert json.loads(connection_to(copass_emulator, sandbox_id=None))["extra"] == {}


def test_each_test_has_an_account_of_its_own(tmp_path: Path) -> None:
    """Sources, faults and the token of one test are not there in the next, and after it nobody answers."""
    done = pytest_of_a_user(
        tmp_path,
        "import os, json, urllib.request, urllib.error, pytest\n"
        "seen = []\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(copass_emulator, n):\n"
        "    assert copass_emulator.sources() == [] and copass_emulator.faults() == []\n"
        "    copass_emulator.seed([{'provider': 'slack', 'name': 'alerts'}])\n"
        "    copass_emulator.add_fault(operation='list', action='drop')\n"
        "    connection = json.loads(os.environ['AIRFLOW_CONN_COPASS_DEFAULT'])\n"
        "    assert connection['password'] not in seen\n"
        "    seen.append(connection['password'])\n"
        "    seen.append(connection['host'])\n"
        "def test_afterwards():\n"
        "    assert 'AIRFLOW_CONN_COPASS_DEFAULT' not in os.environ\n"
        "    with pytest.raises(urllib.error.URLError):\n"
        "        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(seen[-1], timeout=5)\n",
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_a_pytest_that_does_not_use_it_imports_nothing_for_it(tmp_path: Path) -> None:
    """Neither Airflow, nor the emulator, nor a library of either, nor anything else of this package."""
    done = pytest_of_a_user(
        tmp_path,
        "import sys\n"
        "def test_nothing_is_there():\n"
        "    heavy = {'airflow', 'fastapi', 'httpx', 'pydantic', 'starlette', 'uvicorn'}\n"
        "    assert not heavy & set(sys.modules)\n"
        "    ours = {name for name in sys.modules if name.startswith('airflow_provider_copass')}\n"
        "    assert ours == {'airflow_provider_copass', 'airflow_provider_copass.pytest_plugin'}\n",
        # Other plugins of this environment load what they like.
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:anyio",
    )
    assert done.returncode == 0, done.stdout


def test_pytest_lists_the_fixture(tmp_path: Path) -> None:
    """``pytest --fixtures`` tells what it is for."""
    done = python(tmp_path, "-m", "pytest", *STRICT, "--fixtures")
    assert "copass_emulator" in done.stdout
    assert "emulated Copass account for this test" in done.stdout


def test_a_missing_extra_is_said_in_a_line(tmp_path: Path) -> None:
    """Where fastapi is not installed, the test is told what to install and nothing else."""
    blocked = tmp_path / "fastapi"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ModuleNotFoundError('fastapi', name='fastapi')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    done = pytest_of_a_user(tmp_path, "def test_it(copass_emulator): pass\n")
    assert done.returncode == 1
    assert "pip install '.[emulator]' in a checkout" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_a_package_that_is_loaded_before_pytest_gives_no_warning(tmp_path: Path) -> None:
    """A program that imports this package and then calls pytest, all warnings being errors, runs."""
    (tmp_path / "test_users.py").write_text("def test_it(copass_emulator): pass\n")
    program = f"import airflow_provider_copass.get_provider_info, pytest, sys; sys.exit(pytest.main({list(STRICT)!r}))"
    done = python(tmp_path, "-W", "error", "-c", program)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failing_test_does_not_show_the_token(tmp_path: Path) -> None:
    """Nor does the emulator's representation, which pytest prints beside the failure."""
    done = pytest_of_a_user(
        tmp_path,
        "from pathlib import Path\n"
        "def test_it(copass_emulator):\n"
        "    Path('token').write_text(copass_emulator.token)\n"
        "    assert not copass_emulator\n",
        "--showlocals",
    )
    assert done.returncode == 1
    assert "copass_emulator" in done.stdout
    assert (tmp_path / "token").read_text() not in done.stdout


def test_what_it_serves_answers_over_http(copass_emulator: Emulator) -> None:
    """It is a server, so a process of its own that has the url and the token can use it."""
    answer = httpx.get(
        f"{copass_emulator.url}/api/v1/storage/sandboxes/sb_demo/sources",
        headers={"Authorization": f"Bearer {copass_emulator.token}"},
        trust_env=False,
    )
    assert answer.status_code == 200
