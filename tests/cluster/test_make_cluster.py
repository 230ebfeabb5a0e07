"""``make cluster`` opens a cluster on which an example runs, and ends all of it."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.commands import running

pytestmark = [pytest.mark.airflow, pytest.mark.cluster, pytest.mark.deep]

CLUSTER = "tests.tools.cluster"


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="copass-make-cluster-") as name:
        folder = Path(name)
        # Where root runs the tests, PostgreSQL runs as another user, and its data are below.
        folder.chmod(0o711)
        yield folder


def test_an_example_runs_on_it_and_nothing_is_left(folder: Path) -> None:
    """Its own check passes: healthy, an example run, loopback alone."""
    with running(CLUSTER, "--check", folder=folder) as cluster:
        assert cluster.wait() == 0, cluster.process.tail()
        for checked in (
            "Run example_copass_register_source on the workers",
            "Everything listens on this machine alone",
        ):
            assert re.search(rf"^ +[0-9.]+ s  ok  {checked}", cluster.process.text(), re.MULTILINE)
        assert cluster.left_running() == []


def test_a_worker_whose_power_is_cut_starts_again(folder: Path) -> None:
    """It prints each process, what to try, and that a killed worker is back; Ctrl-C ends it."""
    with running(CLUSTER, folder=folder) as cluster:
        cluster.wait_until(lambda shown: "Ctrl-C ends it." in shown, "an open cluster", seconds=400)
        [pid] = re.findall(r"kill -KILL -?(\d+) +# worker-a", cluster.process.text())
        os.kill(int(pid), signal.SIGKILL)
        cluster.wait_until(lambda shown: "worker-a has ended" in shown, "a worker that starts again", seconds=60)
        cluster.process.interrupt()
        assert cluster.wait() == 0
        assert "Everything is ended." in cluster.process.text()
        assert cluster.left_running() == []
