"""Real processes for the tests, the demo and the ui: started, awaited, and ended by their own id.

Each process leads a session of its own and writes to a file. Nothing survives the Python that started it: a ``with``
block ends it, and where that cannot run (SIGKILL) the guard does.
"""

import atexit
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self, TypeVar

from tests.harness import sessions

CHECKOUT = Path(__file__).resolve().parents[2]

Answer = TypeVar("Answer")


class NotReadyError(Exception):
    """Something that was waited for did not come: a process ended, or the time was up.

    :param what: what was waited for, as a sentence for a person.
    :param tail: the last lines that the process wrote, or an empty string.
    """

    def __init__(self, what: str, tail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.tail = tail

    def __str__(self) -> str:
        return f"{self.what}\n{self.tail}" if self.tail else self.what


def wait_for(
    condition: Callable[[], Answer | None],
    what: str,
    *,
    seconds: float,
    interval: float = 0.1,
    alive: "Sequence[Process]" = (),
) -> Answer:
    """Ask again and again until the condition answers with something true, and return that.

    This is the one place that sleeps.

    :param condition: what is asked; an answer that is not true means "not yet".
    :param what: what is waited for, for the error.
    :param seconds: how long to wait at most.
    :param interval: seconds between two asks.
    :param alive: processes without which waiting makes no sense.
    :raises NotReadyError: when the time is up, or one of the processes has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        # Looked at before the ask: what a process did just before it ended still counts.
        ended = [process for process in alive if not process.running]
        answer = condition()
        if answer:
            return answer
        if ended:
            first = ended[0]
            raise NotReadyError(f"{what}: {first.name} ended with exit code {first.exit_code}", first.tail())
        if time.monotonic() > deadline:
            tail = "\n".join(f"--- {process.name}\n{process.tail(10)}" for process in alive)
            raise NotReadyError(f"{what}: not within {seconds:g} s", tail)
        time.sleep(interval)


class Process:
    """A command in a session of its own, with its output (both streams) in a file.

    :param name: what to call it, in messages and in the name of its file.
    :param command: program and arguments.
    :param environment: the whole environment; nothing is inherited beside it.
    :param folder: where its output goes, as ``NAME.out``.
    :param cwd: its working directory; the checkout by default, so that ``-m tests...`` works.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        cwd: Path = CHECKOUT,
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.out"
        self._ended = False
        folder.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as sink:
            self._child = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _Guard.of_this_python().keep(self.pid)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process itself still runs."""
        return self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; negative for a signal, None while it runs."""
        return self._child.poll()

    def text(self) -> str:
        """Return all that it wrote so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def tail(self, lines: int = 30) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(self.text().splitlines()[-lines:])

    def wait(self, *, seconds: float) -> int:
        """Wait until it ends by itself, and return its exit code.

        :raises NotReadyError: when it still runs after that time.
        """
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise NotReadyError(f"{self.name} still runs after {seconds:g} s", self.tail()) from None

    def interrupt(self) -> None:
        """Send what Ctrl-C sends, to the process alone."""
        self._child.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the process alone."""
        self._child.kill()

    def end(self, *, grace_seconds: float = 15.0) -> None:
        """End it and everything it started. Does nothing when all of that is over already."""
        end_all([self], grace_seconds=grace_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def end_all(processes: Sequence[Process], *, grace_seconds: float = 15.0) -> None:
    """End several at once, which takes as long as the slowest of them."""
    # Once is enough: later the id may be somebody else's.
    due = [process for process in processes if not process._ended]
    sessions.end(
        {process.pid for process in due},
        grace_seconds=grace_seconds,
        reap=lambda: [process.exit_code for process in due],
    )
    for process in due:
        # The first thread of a program can be over, which looks like its end, a moment before the others are.
        process._child.wait(grace_seconds)
        process._ended = True
        _Guard.of_this_python().forget(process.pid)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let TERM and HUP unwind the ``with`` blocks, as Ctrl-C does, and Ctrl-C too where it was ignored.

    A script that puts a command in the background makes it ignore SIGINT; a command that a person ends with
    ``kill -INT`` should end all the same.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        # A second signal must not cut off the ending that the first one began.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


class _Guard:
    """The one guard of this Python (see :mod:`.guard`), started with its first process."""

    _only: "_Guard | None" = None

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.guard"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self._close)

    @classmethod
    def of_this_python(cls) -> "_Guard":
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def keep(self, session: int) -> None:
        self._tell(f"+{session}\n")

    def forget(self, session: int) -> None:
        self._tell(f"-{session}\n")

    def _close(self) -> None:
        self._child.communicate()

    def _tell(self, line: str) -> None:
        pipe: IO[bytes] | None = self._child.stdin
        if pipe is not None:
            # Anyone who killed the guard has lost it; the ``with`` blocks still hold.
            with suppress(BrokenPipeError):
                pipe.write(line.encode())
                pipe.flush()
