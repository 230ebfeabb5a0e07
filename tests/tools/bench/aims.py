"""What this package aims at, and whether the figures say that it got there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.tools.bench.calls import OPERATIONS
from tests.tools.bench.imports import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def _of_imports(imported: Sequence[Imported]) -> Iterator[Aim]:
    ours = next(each for each in imported if each.package is OURS)
    took, packages = f"importing the operators takes at most {MOST_IMPORT_MS:.0f} ms", "and no third-party package"
    if not ours.seconds:
        yield Aim(took, "-", None)
        yield Aim(packages, "-", None)
        return
    milliseconds = ours.median * 1000
    yield Aim(took, f"{milliseconds:.1f} ms", milliseconds <= MOST_IMPORT_MS)
    yield Aim(packages, ", ".join(ours.third_party) or "none", not ours.third_party)


def _of_calls(called: Sequence[Called]) -> Iterator[Aim]:
    seen = {(each.operation, each.client): each.median for each in called if each.seconds}
    for operation in OPERATIONS:
        ours = seen.get((operation, "hook"))
        bare, vendor = seen.get((operation, "httpx")), seen.get((operation, "copass-core"))
        text = f"{operation} takes at most {MOST_TIMES_HTTPX} x a bare httpx call"
        if ours is None or bare is None:
            yield Aim(text, "-", None)
        else:
            yield Aim(text, f"{ours / bare:.2f} x", ours / bare <= MOST_TIMES_HTTPX)
        text = f"{operation} is at least {LEAST_TIMES_COPASS_CORE:.0f} x as fast as copass-core"
        if ours is None or vendor is None:
            yield Aim(text, "-", None)
        else:
            yield Aim(text, f"{vendor / ours:.1f} x", vendor / ours >= LEAST_TIMES_COPASS_CORE)


def _of_lists(listed: Sequence[Listed]) -> Iterator[Aim]:
    seen = {each.client: each for each in listed}
    ours, bare, alone = seen["operator"], seen["httpx"], seen["airflow"]
    text = f"a list takes at most {MOST_SECONDS_A_HUNDRED} s a hundred sources above a bare httpx in as many threads"
    if ours.took is None or bare.took is None:
        yield Aim(text, "-", None)
    else:
        more = (ours.took - bare.took) / math.ceil(ours.count / 100)
        yield Aim(text, f"{more:.2f} s", more <= MOST_SECONDS_A_HUNDRED)
    text = f"a list takes at most {MOST_MIB_ABOVE_AIRFLOW:.0f} MiB above Airflow's own"
    if ours.peak is None or alone.peak is None:
        yield Aim(text, "-", None)
    else:
        above = ours.peak - alone.peak
        yield Aim(text, f"{above:.0f} MiB", above <= MOST_MIB_ABOVE_AIRFLOW)
