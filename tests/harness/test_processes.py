"""Nothing that the harness starts outlives it, and what does not come up says why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.harness import sessions
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT, NotReadyError, Process, interrupted_by_signals, wait_for

# A process that ignores TERM, with a child that has left its process group, as Airflow's tasks do.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    print("child", flush=True)
else:
    print("parent", flush=True)
time.sleep(600)
"""

# Starts a process, tells its id and waits.
STARTER = """
import sys, time
from pathlib import Path
from tests.harness.environment import clean_environment
from tests.harness.processes import Process
process = Process("sleeper", ["sleep", "600"], environment=clean_environment(), folder=Path(sys.argv[1]))
print(process.pid, flush=True)
time.sleep(600)
"""


def start(code: str, folder: Path, *arguments: str) -> Process:
    """Start a Python that runs the code."""
    command = [sys.executable, "-c", code, *arguments]
    return Process("python", command, environment=clean_environment(), folder=folder)


def is_gone(session: int) -> bool:
    """Tell whether nobody is left in the session of a process."""
    return not sessions.living({session})


def test_a_process_that_ignores_term_is_ended_with_its_children(tmp_path: Path) -> None:
    """After the grace everything in the session gets KILL, in whatever process group it is."""
    process = start(STUBBORN, tmp_path)
    wait_for(lambda: len(process.text().split()) == 2, "both processes", seconds=60, alive=[process])
    assert len(sessions.living({process.pid})) == 2

    process.end(grace_seconds=0.2)

    assert sessions.living({process.pid}) == []
    assert process.exit_code == -signal.SIGKILL


def test_an_exception_in_a_with_block_ends_the_process(tmp_path: Path) -> None:
    """A test that fails leaves nothing running."""
    with pytest.raises(RuntimeError), start("import time; time.sleep(600)", tmp_path) as process:
        raise RuntimeError
    assert process.exit_code == -signal.SIGTERM


def test_what_a_killed_parent_leaves_behind_is_ended(tmp_path: Path) -> None:
    """Even where no ``with`` block can run, since the parent got SIGKILL, the guard ends its processes."""
    with start(STARTER, tmp_path, str(tmp_path)) as parent:
        sleeper = int(wait_for(parent.text, "the id of the sleeper", seconds=60, alive=[parent]))
        assert not is_gone(sleeper)
        parent.kill()

        wait_for(lambda: is_gone(sleeper), "the end of the sleeper", seconds=60)


def test_the_guard_ends_once_nothing_is_left_to_guard(tmp_path: Path) -> None:
    """A Python that started and ended a process leaves no guard behind."""
    code = STARTER.replace("time.sleep(600)", "process.end()")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=CHECKOUT,
        env={**clean_environment(), "GUARDED_IN": str(tmp_path)},
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == b""
    assert [pid for pid in psutil.pids() if _is_guard_of(pid, tmp_path)] == []


def _is_guard_of(pid: int, folder: Path) -> bool:
    try:
        return bool(psutil.Process(pid).environ().get("GUARDED_IN") == str(folder))
    except psutil.Error:
        return False


def test_a_process_that_ends_too_early_is_told_with_its_last_lines(tmp_path: Path) -> None:
    """Waiting for something that cannot come any more stops at once, with exit code and output."""
    with start("print('no such port'); raise SystemExit(3)", tmp_path) as process:
        with pytest.raises(NotReadyError) as told:
            wait_for(lambda: None, "a healthy server", seconds=60, alive=[process])
        assert "a healthy server: python ended with exit code 3" in str(told.value)
        assert "no such port" in str(told.value)


def test_what_a_process_did_before_it_ended_still_counts(tmp_path: Path) -> None:
    """A condition that came true just before the end is no failure."""
    with start("print('done')", tmp_path) as process:
        process.wait(seconds=60)
        assert wait_for(process.text, "its line", seconds=0, alive=[process]) == "done\n"


def test_waiting_has_a_deadline() -> None:
    """A condition that never comes true is given up after the time, and named."""
    began = time.monotonic()
    with pytest.raises(NotReadyError, match=r"the moon: not within 0\.2 s"):
        wait_for(lambda: False, "the moon", seconds=0.2)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_ending_signal_unwinds_like_ctrl_c(number: signal.Signals) -> None:
    """TERM and HUP run the ``with`` blocks too, and a second signal does not cut off the ending."""
    before = signal.getsignal(number)
    ended = False
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():  # noqa: PT012
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)
            ended = True
    assert ended
    assert signal.getsignal(number) is before
