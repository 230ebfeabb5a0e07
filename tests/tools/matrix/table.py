"""What ran where, as text for a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tests.tools.bench.table import aligned
from tests.tools.matrix.outcome import Outcome


def of(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each version, and below them what was skipped and why."""
    folders = sorted({folder for outcome in outcomes for folder in outcome.passed})
    rows = [("Airflow", "passed", *folders, "failed", "skipped", "seconds", "")]
    rows += [
        (
            outcome.version,
            f"{outcome.passed.total()}",
            *(f"{outcome.passed[folder]}" for folder in folders),
            f"{outcome.failed}",
            f"{outcome.skipped.total()}",
            f"{outcome.seconds:.0f}",
            _verdict(outcome),
        )
        for outcome in outcomes
    ]
    reasons = [
        f"  {outcome.version} skipped {count}: {reason}"
        for outcome in outcomes
        for reason, count in outcome.skipped.most_common()
    ]
    return "\n".join([aligned(rows, right=set(range(1, len(rows[0]) - 1))), *([""] if reasons else []), *reasons])


def _verdict(outcome: Outcome) -> str:
    """Say in a word or a sentence how it stands."""
    if outcome.green:
        return "ok"
    if outcome.ran_with is None:
        return f"did not run (exit code {outcome.exit_code})"
    if outcome.ran_with != outcome.version:
        return f"ran with {outcome.ran_with} instead"
    return f"NOT ok (exit code {outcome.exit_code})"
