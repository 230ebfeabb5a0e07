"""What became of a list of sources, as a table for a task's log and as rows for its XCom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_copass.registration.batch_item import Outcome
    from airflow_provider_copass.registration.plan import Planned

_MOST_ROWS = 200
# The most telling first: where the rows are too many, the last ones are left out.
_ORDER = ("failed", "not tried", "changed", "made", "adopted", "fail", "rotate", "change", "register", "adopt")


def rows_of(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return what became of each source, for others to see."""
    return [
        {
            "provider": outcome.wish.source.provider,
            "name": outcome.wish.source.name,
            "outcome": outcome.act,
            "data_source_id": None if outcome.registered is None else outcome.registered.source.data_source_id,
            "stored_as": None if outcome.registered is None else outcome.registered.stored_as,
        }
        for outcome in outcomes
    ]


def rows_of_plan(planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """Return what would be done about each source, for others to see."""
    return [
        {
            "provider": each.wish.source.provider,
            "name": each.wish.source.name,
            "step": each.step,
            "data_source_id": each.data_source_id or None,
            "differs_in": list(each.differs_in),
            "why": each.why,
        }
        for each in planned
    ]


def table_of(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Return the lines of a table: what became of the sources, those first that a person looks for."""
    rows: list[tuple[str, ...]] = [
        (
            outcome.act,
            outcome.wish.source.provider,
            outcome.wish.source.name,
            "" if outcome.registered is None else outcome.registered.source.data_source_id,
            "" if outcome.error is None else str(outcome.error),
        )
        for outcome in outcomes
    ]
    return _lines(("outcome", "provider", "name", "data source id", "why"), rows)


def table_of_plan(planned: Sequence[Planned]) -> Iterator[str]:
    """Return the lines of a table: what would be done about the sources."""
    rows: list[tuple[str, ...]] = [
        (
            each.step,
            each.wish.source.provider,
            each.wish.source.name,
            each.data_source_id,
            each.why or (f"differs in: {', '.join(each.differs_in)}" if each.differs_in else ""),
        )
        for each in planned
    ]
    return _lines(("step", "provider", "name", "data source id", "why"), rows)


def counted(words: Sequence[str]) -> str:
    """Return how many there are of each: ``3 made, 1 failed``."""
    count = Counter(words)
    return ", ".join(f"{count[word]} {word}" for word in _ORDER if word in count) or "none"


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    rows = sorted(rows, key=lambda row: _ORDER.index(row[0]))
    shown = [head, *([_one_line(cell) for cell in row] for row in rows[:_MOST_ROWS])]
    # The last column is as long as it has to be.
    widths = [max(len(row[column]) for row in shown) for column in range(len(head) - 1)]
    for row in shown:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*padded, row[-1]]).rstrip()
    if len(rows) > _MOST_ROWS:
        yield f"… and {len(rows) - _MOST_ROWS} more: {counted([row[0] for row in rows[_MOST_ROWS:]])}."


def _one_line(cell: str) -> str:
    """Keep a name from breaking the table."""
    return "".join(sign if sign.isprintable() else "?" for sign in cell)
