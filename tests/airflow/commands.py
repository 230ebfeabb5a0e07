"""How the tests of this folder run a command of ``make``: as a process, whose every descendant is watched."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.harness.descendants import Descendants
from tests.harness.environment import clean_environment
from tests.harness.processes import NotReadyError, Process, wait_for


class Command:
    """A command that is under way.

    :param process: its process.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.descendants = Descendants(process.pid)

    def wait_until(self, condition: Callable[[str], bool], what: str, *, seconds: float = 120) -> None:
        """Wait until what it printed is so.

        :raises NotReadyError: when it ends before, or the time is up.
        """

        def met() -> bool:
            self.descendants.look()
            return condition(self.process.text())

        wait_for(met, what, seconds=seconds, alive=[self.process])

    def wait(self, *, seconds: float = 600) -> int:
        """Wait until it ends by itself, and return its exit code."""

        def over() -> bool:
            self.descendants.look()
            return not self.process.running

        wait_for(over, f"the end of {self.process.name}", seconds=seconds)
        code = self.process.exit_code
        assert code is not None
        return code

    def left_running(self) -> list[str]:
        """Return what it started and left running, after a while in which that may end."""
        # Otherwise there was nothing to look for, and nothing would look like success.
        assert self.descendants.seen > 0
        with suppress(NotReadyError):
            wait_for(lambda: not self.descendants.left(), "the end of all processes", seconds=30)
        return self.descendants.left()


@contextmanager
def running(module: str, *arguments: str, folder: Path) -> Iterator[Command]:
    """Run ``python -m MODULE`` as ``make`` does, for a ``with`` block.

    :param folder: where it has its temporary files, in ``tmp``, and its output.
    """
    (folder / "tmp").mkdir()
    with Process(
        module.rpartition(".")[2],
        [sys.executable, "-m", module, *arguments],
        environment={**clean_environment(), "TMPDIR": str(folder / "tmp")},
        folder=folder,
    ) as process:
        yield Command(process)
