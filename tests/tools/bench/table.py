"""The figures as text for a person at a terminal."""

from __future__ import annotations

import os
import platform
import statistics
from typing import TYPE_CHECKING

from tests.tools.bench.calls import CLIENTS
from tests.tools.bench.imports import OURS, version_of
from tests.tools.bench.lists import CLIENTS as LISTERS
from tests.tools.bench.waits import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tools.bench.aims import Aim
    from tests.tools.bench.calls import Called
    from tests.tools.bench.imports import Imported
    from tests.tools.bench.lists import Listed
    from tests.tools.bench.waits import Waited

MOST_NAMED = 4


def machine() -> str:
    """Say on what the figures were taken."""
    return (
        f"airflow-provider-copass {version_of(OURS.distribution)} on Airflow {version_of('apache-airflow')}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    )


def of_imports(imported: Sequence[Imported]) -> str:
    """Return the table of the imports."""
    ours = next((each.median for each in imported if each.package is OURS and each.seconds), None)
    rows = [("operators of", "version", "ms", "x ours", "modules", "third-party packages that it adds")]
    for each in imported:
        if each.version is None:
            rows.append((each.package.name, "-", "-", "-", "-", "not installed"))
        elif each.failure is not None:
            rows.append((each.package.name, each.version, "-", "-", "-", f"could not be measured: {each.failure}"))
        else:
            times = "-" if ours is None else f"{each.median / ours:.1f}"
            took, modules = f"{each.median * 1000:.1f}", f"{each.modules}"
            rows.append((each.package.name, each.version, took, times, modules, _few(each.third_party)))
    return aligned(rows, right={2, 3, 4})


def _few(packages: Sequence[str]) -> str:
    """Name the largest packages and count the others."""
    named = ", ".join(packages[:MOST_NAMED]) or "none"
    more = len(packages) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def of_calls(called: Sequence[Called]) -> str:
    """Return the table of the calls."""
    bare = {each.operation: each.median for each in called if each.client == "httpx" and each.seconds}
    rows = [("call", "client", "ms", "x httpx", "calls", "")]
    for each in called:
        head = (each.operation, CLIENTS[each.client])
        if each.failure is not None:
            rows.append((*head, "-", "-", "-", f"could not be measured: {each.failure}"))
        elif not each.seconds:
            rows.append((*head, "-", "-", "-", "not installed"))
        else:
            times = f"{each.median / bare[each.operation]:.2f}"
            rows.append((*head, f"{each.median * 1000:.2f}", times, f"{len(each.seconds)}", ""))
    return aligned(rows, right={2, 3, 4})


def of_lists(listed: Sequence[Listed]) -> str:
    """Return the table of the lists."""
    bare = next((each.rate for each in listed if each.client == "httpx"), None)
    alone = next((each.peak for each in listed if each.client == "airflow"), None)
    rows = [("list of sources", "client", "POSTs/s", "x httpx", "seconds in all", "peak MiB", "above Airflow's", "")]
    for each in listed:
        head = (str(each.count), LISTERS[each.client])
        if each.failure is not None:
            rows.append((*head, *"-----", f"could not be measured: {each.failure}"))
            continue
        rate = "-" if each.rate is None else f"{each.rate:.0f}"
        times = "-" if each.rate is None or bare is None else f"{each.rate / bare:.2f}"
        above = "-" if each.peak is None or alone is None else f"{each.peak - alone:.0f}"
        peak = "-" if each.peak is None else f"{each.peak:.0f}"
        rows.append((*head, rate, times, f"{statistics.median(each.seconds):.2f}", peak, above, ""))
    return aligned(rows, right={0, 2, 3, 4, 5, 6})


def of_waits(waited: Sequence[Waited]) -> str:
    """Return the table of the waits."""
    rows = [("waits", "with", "requests", "CPU s", "loop blocked ms", "")]
    for each in waited:
        head = (str(each.count), WAYS[each.way])
        if each.failure is not None:
            rows.append((*head, "-", "-", "-", f"could not be measured: {each.failure}"))
            continue
        rows.append((*head, str(each.requests), f"{each.cpu:.2f}", f"{each.blocked * 1000:.0f}", ""))
    return aligned(rows, right={0, 2, 3, 4})


def of_aims(aims: Sequence[Aim]) -> str:
    """Return the table of the aims."""
    rows = [("aim", "seen", ""), *((aim.text, aim.seen, aim.verdict) for aim in aims)]
    return aligned(rows, right={1})


def last_line(aims: Sequence[Aim]) -> str:
    """Say which aims were met."""
    missed = [f"{aim.text} ({aim.seen}: {aim.verdict})" for aim in aims if not aim.met]
    if not missed:
        return f"All {len(aims)} aims were met."
    return f"{len(aims) - len(missed)} of {len(aims)} aims were met. Not: {'; '.join(missed)}."


def aligned(rows: Sequence[Sequence[str]], *, right: set[int]) -> str:
    """Put rows into columns.

    :param rows: the first is the head.
    :param right: the columns of figures.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(f"  {line}".rstrip() for line in lines)
