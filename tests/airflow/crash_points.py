"""Where a task is killed, said in words that the DAG file and the test share, and how a task waits there."""

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.harness.airflow_home import AIRFLOW_3

REQUESTS = {"list": "list", "POST": "register", "rotate": "rotate"}
"""The places that the emulator holds a request at, with its own words for them; all others are in the task."""

KILLED = "killed"
TIMED_OUT = "timed_out"
PREPARED = "prepared"
"""Registers what a rotation is about, without a kill."""
ROTATED = "rotated"
LISTED = "listed"


@dataclass(frozen=True)
class Kill:
    """A place in one try of a task, and what ends the try there.

    :param side: ``before`` or ``after``; of a request, before or after its effect on the server.
    :param thing: ``list``, ``POST``, ``rotate``, ``entry`` or ``store`` (each write of it), ``look past entry`` or
        ``look past store`` (the first read of an entry after such a write: how many there are depends on how fast a
        machine is) or ``execute``.
    :param nth: which one of that try; of a look, of the write before it.
    :param late: the request that was held goes on all the same, once the blow has fallen.
    :param by: a signal, or ``timeout`` for the task's own ``execution_timeout``.
    """

    side: str
    thing: str
    nth: int = 1
    late: bool = False
    by: str = "SIGKILL"

    @property
    def ends_the_try(self) -> bool:
        """Airflow 3 answers a SIGTERM with the operator's ``on_kill`` alone, and the task goes on."""
        return self.by != "SIGTERM" or not AIRFLOW_3

    def __str__(self) -> str:
        by = "" if self.by == "SIGKILL" else f"{self.by} "
        return f"{by}{self.side} {self.thing} {self.nth}{' (late)' if self.late else ''}"


@dataclass(frozen=True)
class Point:
    """One run of the task: killed once in each of its first tries, and then left alone.

    :param act: ``register`` a source, ``rotate`` the secret of one that is there, or register a ``list`` of them.
    """

    kills: tuple[Kill, ...]
    act: str = "register"

    @property
    def word(self) -> str:
        """What names it in files and URLs, and the provider of its source."""
        kills = "_then_".join(re.sub(r"\W+", "_", str(kill)).strip("_") for kill in self.kills)
        return kills if self.act == "register" else f"{self.act}_{kills}"

    @property
    def dag_id(self) -> str:
        """The DAG whose task does what is wanted, with the ``execution_timeout`` that is wanted."""
        if self.act != "register":
            return {"rotate": ROTATED, "list": LISTED}[self.act]
        return TIMED_OUT if self.kills[0].by == "timeout" else KILLED

    @property
    def task_id(self) -> str:
        """The task that is killed."""
        return self.act

    def __str__(self) -> str:
        return ("" if self.act == "register" else f"{self.act}: ") + ", then ".join(map(str, self.kills))


_LOST = Kill("after", "POST")
"""The usual beginning of a second act: the source is there, and its secret is lost."""

_ONCE = tuple(
    Point((kill,))
    for kill in (
        *(Kill(side, "list") for side in ("before", "after")),
        Kill("before", "POST"),
        Kill("before", "POST", late=True),
        Kill("after", "POST"),
        # The lease, the POST that is about to be sent, the answered id, the end.
        *(Kill(side, "entry", nth) for nth in (1, 2, 3, 4) for side in ("before", "after")),
        # After the pause, right before the POST, before the end.
        *(Kill("after", "look past entry", nth) for nth in (1, 2)),
        Kill("after", "look past store"),
        *(Kill(side, "store") for side in ("before", "after")),
        Kill("after", "execute"),
    )
)
_LESS_HARD = tuple(
    Point((Kill(side, "POST", late=late, by=by),))
    for by, side, late in (
        ("SIGTERM", "before", True),
        ("SIGTERM", "after", True),
        ("SIGINT", "before", True),
        ("SIGINT", "after", False),
        ("timeout", "before", True),
        ("timeout", "after", False),
    )
)
_ROTATING = tuple(
    Point((_LOST, kill))
    for kill in (Kill("before", "rotate"), Kill("before", "rotate", late=True), Kill("after", "rotate"))
)
SHORT_LIST = (*_ONCE, *_LESS_HARD, *_ROTATING)
_TWICE = tuple(
    Point((first, second))
    for first, seconds in (
        (
            _LOST,
            (
                *(Kill(side, "list") for side in ("before", "after")),
                # The lease, the rotation that is about to be sent, its answer, the end.
                *(Kill(side, "entry", nth) for nth in (1, 2, 3, 4) for side in ("before", "after")),
                # After the pause, right before the rotation, before the end.
                *(Kill("after", "look past entry", nth) for nth in (1, 2)),
                Kill("after", "look past store"),
                *(Kill(side, "store") for side in ("before", "after")),
                Kill("after", "execute"),
            ),
        ),
        (Kill("before", "POST"), (Kill("before", "POST"), Kill("after", "POST"), Kill("after", "store"))),
        (Kill("after", "store"), (Kill("before", "entry"), Kill("after", "entry"), Kill("after", "execute"))),
    )
    for second in seconds
)
_THRICE = (
    Point((_LOST, Kill("after", "rotate"), Kill("after", "rotate"))),
    Point((_LOST, Kill("before", "store"), Kill("before", "store"))),
    Point((_LOST, Kill("after", "store"), Kill("after", "entry", 2))),
)
LONG_LIST = (*_TWICE, *_THRICE)


ROTATIONS = tuple(
    Point(kills, act="rotate")
    for kills in (
        # Under the lease.
        (Kill("after", "list", 2),),
        # The lease, the rotation that is about to be sent, its answer, the end.
        *((Kill(side, "entry", nth),) for nth in (1, 2, 3, 4) for side in ("before", "after")),
        # After the pause, right before the rotation, before the end.
        *((Kill("after", "look past entry", nth),) for nth in (1, 2)),
        (Kill("after", "look past store", 2),),
        # The secret that was valid before, then the new one.
        *((Kill(side, "store", nth),) for nth in (1, 2) for side in ("before", "after")),
        (Kill("before", "rotate"),),
        (Kill("before", "rotate", late=True),),
        (Kill("after", "rotate"),),
        (Kill("after", "execute"),),
        (Kill("after", "rotate"), Kill("before", "store")),
    )
)
"""A task that rotates and keeps the secret before it."""

OF_LISTS = tuple(
    Point(kills, act="list")
    for kills in (
        (Kill("before", "list"),),
        (Kill("before", "POST", 2),),
        (Kill("before", "POST", 2, late=True),),
        (Kill("after", "POST"),),
        (Kill("after", "POST", 3),),
        # The first lease and the last, the first POST that is about to be sent and the second.
        *((Kill("after", "entry", nth),) for nth in (1, 3, 4, 5)),
        # The answer to the first of them, the end of the first, the end of the last.
        *((Kill(side, "entry", nth),) for nth in (6, 7, 12) for side in ("before", "after")),
        # After the pause. Later looks are of one source or of another, as fast as the machine is.
        (Kill("after", "look past entry", 3),),
        *((Kill(side, "store", nth),) for nth in (1, 3) for side in ("before", "after")),
        (Kill("after", "list", 2),),
        (Kill("after", "execute"),),
        (Kill("after", "POST", 2), Kill("after", "rotate")),
        (Kill("after", "POST", 2), Kill("before", "store")),
    )
)
"""A task that registers a list of :data:`NAMES`."""

NAMES = ("Crashed 1", "Crashed 2", "Crashed 3")

BY_WORD = {point.word: point for point in (*SHORT_LIST, *LONG_LIST, *ROTATIONS, *OF_LISTS)}
MOST_TRIES = 1 + max(len(point.kills) for point in BY_WORD.values())


class Marks:
    """Files by which a task tells the test its process id, and that it waits."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "marks"

    def begin(self, word: str) -> int:
        """Leave the id of this process for a try that begins, and return which one it is.

        They are counted here: Airflow 2.11 may take a dead try for two, and count one that never began.
        """
        attempt = self.begun(word) + 1
        self.write("pid", word, attempt)
        return attempt

    def begun(self, word: str) -> int:
        """Return how many tries have begun."""
        return len(list(self._folder.glob(f"{word}.*.pid")))

    def write(self, kind: str, word: str, attempt: int) -> None:
        """Leave the id of this process."""
        self._folder.mkdir(exist_ok=True)
        self._path(kind, word, attempt).write_text(f"{os.getpid()}\n", encoding="utf-8")

    def read(self, kind: str, word: str, attempt: int) -> int | None:
        """Return the id that was left, None where there is none yet."""
        path = self._path(kind, word, attempt)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return int(text) if text.endswith("\n") else None

    def _path(self, kind: str, word: str, attempt: int) -> Path:
        return self._folder / f"{word}.{attempt}.{kind}"

    def stand_still(self, word: str, attempt: int) -> None:
        """Say so, and wait to be killed."""
        self.write("still", word, attempt)
        while True:
            signal.pause()
