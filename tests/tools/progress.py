"""What a person sees while the steps of a command go by: a line a step, and a spinner where there is a terminal."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FRAMES = "|/-\\"
_GREEN, _RED, _BOLD, _DIM = "32", "31", "1", "2"


class StepFailedError(Exception):
    """A step went wrong.

    :param step: what it was to do.
    :param cause: what came instead.
    """

    def __init__(self, step: str, cause: Exception) -> None:
        super().__init__(f"{step}: {cause}")
        self.step = step
        self.cause = cause


class Step:
    """A step that is under way.

    :param name: what it does.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.note = ""

    def tell(self, note: str) -> None:
        """Show something beside the step's name, in the place of what was there."""
        self.note = note


class Progress:
    """Prints to standard output; colours and a spinner only where that is a terminal.

    ``transcript`` holds every line that was printed.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._terminal and "NO_COLOR" not in os.environ
        self.transcript: list[str] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show that a step is under way, then how long it took.

        :raises StepFailedError: for whatever error the step raises.
        """
        step = Step(name)
        began = time.monotonic()
        over = threading.Event()
        spinner = threading.Thread(target=self._spin, args=(step, began, over), daemon=True)
        if self._terminal:
            spinner.start()
        mark = self._colour(_RED, "FAILED")
        try:
            yield step
            mark = self._colour(_GREEN, "ok")
        except Exception as error:
            raise StepFailedError(name, error) from error
        except BaseException:
            mark = "ended"
            raise
        finally:
            over.set()
            if self._terminal:
                spinner.join()
            note = f"  {self._colour(_DIM, step.note)}" if step.note else ""
            self.line(f"{time.monotonic() - began:6.1f} s  {mark}  {name}{note}")

    def heading(self, text: str) -> None:
        """Print a heading, with an empty line before it."""
        self.line(f"\n{self._colour(_BOLD, text)}")

    def line(self, text: str = "") -> None:
        """Print a line, and keep it in the transcript."""
        self.transcript.append(text)
        print(text, flush=True)

    def table(self, rows: list[tuple[str, ...]]) -> None:
        """Print rows in columns; the first row is their names."""
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            padded = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(f"  {self._colour(_DIM, padded) if number == 0 else padded}")

    def failure(self, failed: StepFailedError, tail: str) -> None:
        """Say which step failed, why, and what was written last.

        :param tail: the last lines of the log or the output that tells more; may be empty.
        """
        self.heading(self._colour(_RED, f"FAILED: {failed.step}"))
        self.line(f"  {failed.cause.args[0] if failed.cause.args else type(failed.cause).__name__}")
        if tail:
            self.line("\n  The last that was written:")
            for line in tail.splitlines():
                self.line(f"  | {line}")

    def _spin(self, step: Step, began: float, over: threading.Event) -> None:
        for frame in itertools.cycle(_FRAMES):
            shown = f"{time.monotonic() - began:6.1f} s  {frame}   {step.name}  {step.note}"
            # Cut to the width, since a line that wraps cannot be taken back.
            width = os.get_terminal_size(sys.stdout.fileno()).columns - 1
            sys.stdout.write(f"\r\x1b[K{shown[:width]}")
            sys.stdout.flush()
            if over.wait(0.1):
                break
        sys.stdout.write("\r\x1b[K")

    def _colour(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text
