"""The outcomes of a list of sources, as a table for the task's log and as rows for its XCom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_copass.registration import Outcome

MOST_ROWS = 200
# The most important first: if there are too many rows, the last ones are left out.
_ORDER = ("failed", "skipped", "updated", "created", "unchanged")


def outcome_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return what became of each source, as JSON values without secrets."""
    return [
        {
            **_identity(outcome),
            "stored_as": None if outcome.registered is None else outcome.registered.stored_as,
        }
        for outcome in outcomes
    ]


def plan_rows(planned: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return what would become of each source, as JSON values without secrets."""
    return [
        {
            **_identity(outcome),
            "changed": list(outcome.changed),
            "why": outcome.why,
        }
        for outcome in planned
    ]


def outcome_table(outcomes: Sequence[Outcome], *, most_rows: int | None = MOST_ROWS) -> Iterator[str]:
    """Return the lines of a table of outcomes, those first that a person looks for.

    :param outcomes: the outcomes.
    :param most_rows: how many are shown; None for all.
    """
    rows = [
        (
            outcome.outcome,
            outcome.spec.source.provider,
            outcome.spec.source.name,
            outcome.data_source_id,
            _reason(outcome),
        )
        for outcome in outcomes
    ]
    rows.sort(key=lambda row: _ORDER.index(row[0]))
    shown = rows[:most_rows]
    yield from table(("outcome", "provider", "name", "data source id", "why"), shown)
    if len(rows) > len(shown):
        more = rows[len(shown) :]
        yield f"… and {len(more)} more: {_count_words([row[0] for row in more])}."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a table.

    :param head: the names of the columns.
    :param rows: their texts, which cannot break the table.
    """
    shown = [head, *([one_line(cell) for cell in row] for row in rows)]
    # The last column is as wide as its text.
    widths = [max(_width(row[column]) for row in shown) for column in range(len(head) - 1)]
    for row in shown:
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*padded, row[-1]]).rstrip()


def outcome_counts(outcomes: Sequence[Outcome]) -> str:
    """Return how often each outcome occurs, such as ``1 failed, 3 created``."""
    return _count_words([outcome.outcome for outcome in outcomes])


def _count_words(words: Sequence[str]) -> str:
    count = Counter(words)
    return ", ".join(f"{count[word]} {word}" for word in _ORDER if word in count) or "none"


def _identity(outcome: Outcome) -> dict[str, Any]:
    return {
        "provider": outcome.spec.source.provider,
        "name": outcome.spec.source.name,
        "outcome": outcome.outcome,
        "data_source_id": outcome.data_source_id or None,
    }


def _reason(outcome: Outcome) -> str:
    """Return the error, the reason, or else which fields change."""
    if outcome.error is not None:
        return str(outcome.error)
    return outcome.why or (f"changes: {', '.join(outcome.changed)}" if outcome.changed else "")


def _width(text: str) -> int:
    """Return how many places a text takes in a terminal: a Chinese character takes two, an accent of its own none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in {"W", "F"}) for sign in text)


def one_line(cell: str) -> str:
    """Return a text that cannot break the table."""
    return "".join(sign if sign.isprintable() else "?" for sign in cell)
