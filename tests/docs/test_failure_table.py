"""The table of failures is the one that playing them gives."""

from __future__ import annotations

from tests.docs.pages import CHECKOUT
from tests.registration.failure_table import table


def test_the_page_shows_the_measured_table() -> None:
    """Each row is what the simulation comes to: ``python -m tests.registration.failure_table`` prints it anew."""
    assert table() in (CHECKOUT / "docs" / "failures.md").read_text(encoding="utf-8")
