"""What of the values that were found stands in processes' outputs, told by the events of Airflow that print them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.harness.leak_search import Leak

RECEIVED = "Received message from task runner [supervisor]"
"""The event of Airflow 3's supervisor that, at DEBUG, prints each message that a task sends to it."""


def printed(leaks: Iterable[Leak], values: Mapping[str, str], outputs: Path) -> set[tuple[str, str, str]]:
    """Tell where in the processes' outputs a value was found: by file, event and message.

    :param leaks: what a search has found.
    :param values: what was searched for, by name.
    :param outputs: the folder of the outputs; what was found elsewhere is left out.
    """
    found = set()
    for leak in leaks:
        if leak.path.parent != outputs:
            continue
        value = values[leak.value].encode()
        lines = [line for line in leak.path.read_bytes().splitlines() if value in line]
        # A form that is not told by a line is named by itself: it is on no list.
        found |= {(leak.path.name, *_event(line.decode())) for line in lines} or {(leak.path.name, leak.form, "")}
    return found


def _event(line: str) -> tuple[str, str]:
    """Return what a line of the supervisor says it is, without a value; of any other line, that it is one."""
    if RECEIVED in line:
        return RECEIVED, line.partition("msg=")[2].partition("(")[0]
    return "another line", ""
