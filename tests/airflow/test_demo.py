"""``make demo`` shows what it says, says clearly what went wrong, and leaves nothing running."""

import re
import signal
from pathlib import Path

import pytest

from tests.airflow.commands import Command, running
from tests.harness.airflow_home import AIRFLOW_VERSION

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.deep,
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="`make demo` is for one Airflow alone, which is 3.3"),
]

DEMO = "tests.tools.demo"
UUID = "[0-9a-f-]{36}"


def test_the_demo_shows_sources_xcoms_and_checks(tmp_path: Path) -> None:
    """A person reads each source, each XCom, where the secret is, and that every claim was checked."""
    with running(DEMO, folder=tmp_path) as demo:
        ended = demo.wait()
        shown = demo.process.text()
        assert ended == 0, shown

        assert re.search(rf"^  {UUID}  slack +realtime +active +Support channel$", shown, re.MULTILINE)
        assert re.search(rf"^  {UUID}  linear +polling +active +Issue tracker$", shown, re.MULTILINE)
        assert re.search(rf"in the Airflow Variable copass_webhook_secret_{UUID}$", shown, re.MULTILINE)
        assert re.search(rf"^    return_value = {UUID}$", shown, re.MULTILINE)
        assert re.search(rf"^    stored_as = copass_webhook_secret_{UUID}$", shown, re.MULTILINE)
        assert "requests to register: 2 in the first run, 0 in the second" in shown
        for checked in (
            "Every source exists once",
            "Each secret is stored encrypted in Airflow, and is the one that Copass accepts",
            "The webhook takes an event with that secret, and the source has synced",
            "No secret and no token is in a log or an output, or unencrypted in the database",
        ):
            assert re.search(rf"^ +[0-9.]+ s  ok  {checked}", shown, re.MULTILINE)
        assert "FAILED" not in shown
        # Colours and spinners are for terminals; this is a file.
        assert "\x1b" not in shown
        assert "\r" not in shown
        assert list((tmp_path / "tmp").iterdir()) == []
        assert demo.left_running() == []


def test_a_broken_step_is_named_with_its_log(tmp_path: Path) -> None:
    """When the API refuses the token, the demo ends with 1, names the step and its cause, and keeps the home."""
    with running(DEMO, "--refuse-token", folder=tmp_path) as demo:
        assert demo.wait() == 1
        shown = demo.process.text()

        assert "FAILED: Run example_copass_register_source" in shown
        assert "register[0] failed" in shown
        assert "401" in shown
        assert "Traceback" not in shown
        [kept] = (tmp_path / "tmp").iterdir()
        assert f"is kept: {kept}" in shown
        assert (kept / "home" / "outputs" / "scheduler.out").is_file()
        assert demo.left_running() == []


def wait_for_the_first_run(demo: Command) -> None:
    """Wait until the DAG is about to run, when there are most processes to end."""
    demo.wait_until(lambda shown: "ok  Start Airflow" in shown, "a started Airflow")


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    """An interrupted demo ends what it started, removes its home and says so."""
    with running(DEMO, folder=tmp_path) as demo:
        wait_for_the_first_run(demo)
        demo.process.interrupt()
        assert demo.wait() == 128 + signal.SIGINT
        assert "Interrupted. Everything that was started is ended." in demo.process.text()
        assert "Traceback" not in demo.process.text()
        assert list((tmp_path / "tmp").iterdir()) == []
        assert demo.left_running() == []


def test_a_killed_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """Even SIGKILL, which no program can answer, leaves no process behind."""
    with running(DEMO, folder=tmp_path) as demo:
        wait_for_the_first_run(demo)
        demo.process.kill()
        assert demo.wait() == -signal.SIGKILL
        assert demo.left_running() == []
