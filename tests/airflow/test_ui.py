"""``make ui`` opens an Airflow in which everything is in place, and ends it on Ctrl-C."""

import re
from pathlib import Path

import httpx
import pytest

from tests.airflow.commands import running
from tests.harness.airflow_home import AIRFLOW_VERSION
from tests.harness.ports import free_port
from tests.tools.ui import alone_in

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="`make ui` is for one Airflow alone, which is 3.3"),
]

UI = "tests.tools.ui"


def test_connection_and_example_dags_are_in_place(tmp_path: Path) -> None:
    """The ui's own check passes: connection stored and tested, DAGs there and fit to run, loopback alone."""
    with running(UI, "--check", "--home", str(tmp_path / "ui"), folder=tmp_path) as ui:
        assert ui.wait() == 0
        for checked in (
            "Airflow shows the connection, without its token",
            "The connection passes its test",
            "The example DAGs can be triggered",
            "example_copass_change_sources finds what it needs",
            "example_copass_register_sources finds what it needs",
            "Everything listens on this machine alone",
        ):
            assert re.search(rf"^ +[0-9.]+ s  ok  {checked}", ui.process.text(), re.MULTILINE)
        assert ui.left_running() == []


def test_it_stays_open_until_ctrl_c_and_opens_again(tmp_path: Path) -> None:
    """It answers at the address that it prints until Ctrl-C, and the same home can be opened once more."""
    port = free_port()
    options = ("--home", str(tmp_path / "ui"), "--port", str(port))
    (tmp_path / "first").mkdir()
    with running(UI, *options, folder=tmp_path / "first") as ui:
        ui.wait_until(lambda shown: "Ctrl-C ends it." in shown, "an open ui")
        assert f"Airflow is open at http://127.0.0.1:{port} (no login)" in ui.process.text()
        assert httpx.get(f"http://127.0.0.1:{port}", trust_env=False, follow_redirects=True).is_success
        ui.process.interrupt()
        assert ui.wait() == 0
        assert "Everything is ended." in ui.process.text()
        assert ui.left_running() == []

    (tmp_path / "again").mkdir()
    with running(UI, *options, "--check", folder=tmp_path / "again") as ui:
        assert ui.wait() == 0


def test_a_home_that_is_open_already_is_refused(tmp_path: Path) -> None:
    """Two Airflows on one database would get in each other's way: the second is refused, saying why."""
    with (
        alone_in(tmp_path / "ui"),
        running(UI, "--check", "--home", str(tmp_path / "ui"), folder=tmp_path) as ui,
    ):
        assert ui.wait() == 1
        assert "Another `make ui` has" in ui.process.text()
