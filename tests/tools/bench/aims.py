"""What this package aims at, and whether the figures say that it got there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.tools.bench.calls import OPERATIONS
from tests.tools.bench.imports import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.tools.bench.calls import Called
    from tests.tools.bench.imports import Imported
    from tests.tools.bench.lists import Listed

MOST_IMPORT_MS = 15.0
MOST_TIMES_HTTPX = 1.3
LEAST_TIMES_COPASS_CORE = 10.0
MOST_SECONDS_A_HUNDRED = 2.5
"""A list is registered by the hundred, and each hundred waits one lease pause of 2 seconds."""
MOST_MIB_ABOVE_AIRFLOW = 150.0


@dataclass(frozen=True)
class Aim:
    """One aim and what was seen.

    :param text: the aim.
    :param seen: the figure, as text.
    :param met: whether it is met; None where it could not be told.
    """

    text: str
    seen: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """In a word."""
        return "cannot be told" if self.met is None else "met" if self.met else "missed"


def judge(imported: Sequence[Imported], called: Sequence[Called], listed: Sequence[Listed]) -> list[Aim]:
    """Hold the figures against the aims."""
    return [*_of_imports(imported), *_of_calls(called), *_of_lists(listed)]


def _told(text: str, seen: float | None, figures: str, is_met: Callable[[float], bool]) -> Aim:
    """Return an aim of a figure.

    :param seen: the figure; None where there is none.
    :param figures: how it is written.
    :param is_met: tells of a figure whether it is good.
    """
    return Aim(text, "-", None) if seen is None else Aim(text, figures.format(seen), is_met(seen))


def _of_imports(imported: Sequence[Imported]) -> Iterator[Aim]:
    ours = next(each for each in imported if each.package is OURS)
    took = ours.median * 1000 if ours.seconds else None
    text = f"importing the operators takes at most {MOST_IMPORT_MS:.0f} ms"
    yield _told(text, took, "{:.1f} ms", lambda seen: seen <= MOST_IMPORT_MS)
    packages = "and no third-party package"
    yield (
        Aim(packages, "-", None)
        if took is None
        else Aim(packages, ", ".join(ours.third_party) or "none", not ours.third_party)
    )


def _of_calls(called: Sequence[Called]) -> Iterator[Aim]:
    seen = {(each.operation, each.client): each.median for each in called if each.seconds}

    def times(operation: str, more: str, less: str) -> float | None:
        both = seen.get((operation, more)), seen.get((operation, less))
        return None if both[0] is None or both[1] is None else both[0] / both[1]

    for operation in OPERATIONS:
        text = f"{operation} takes at most {MOST_TIMES_HTTPX} x a bare httpx call"
        yield _told(text, times(operation, "hook", "httpx"), "{:.2f} x", lambda seen: seen <= MOST_TIMES_HTTPX)
        text = f"{operation} is at least {LEAST_TIMES_COPASS_CORE:.0f} x as fast as copass-core"
        yield _told(
            text, times(operation, "copass-core", "hook"), "{:.1f} x", lambda seen: seen >= LEAST_TIMES_COPASS_CORE
        )


def _of_lists(listed: Sequence[Listed]) -> Iterator[Aim]:
    seen = {each.client: each for each in listed}
    ours, bare, alone = seen["operator"], seen["httpx"], seen["airflow"]
    text = f"a list takes at most {MOST_SECONDS_A_HUNDRED} s a hundred sources above a bare httpx in as many threads"
    more = None if ours.took is None or bare.took is None else (ours.took - bare.took) / math.ceil(ours.count / 100)
    yield _told(text, more, "{:.2f} s", lambda seen: seen <= MOST_SECONDS_A_HUNDRED)
    text = f"a list takes at most {MOST_MIB_ABOVE_AIRFLOW:.0f} MiB above Airflow's own"
    above = None if ours.peak is None or alone.peak is None else ours.peak - alone.peak
    yield _told(text, above, "{:.0f} MiB", lambda seen: seen <= MOST_MIB_ABOVE_AIRFLOW)
