"""The check of our words finds what it is for."""

from __future__ import annotations

import pytest

from tests.tools.prose import found_in

ONCE_WRITTEN = [
    "a task says which data source shall be there",
    "retried, killed, raced by a twin or robbed of its answers",
    "What trying again cannot mend does not use up the task's retries",
    "a process that stood still while its retry did the work",
    "Have a source be there",
    "has its fields, and its name, be as declared, whatever came of it",
    "nobody's of ours",
]
PLAIN = [
    "Declare a Copass source in a DAG; the task creates it if it is missing and reuses it if it exists.",
    "Permanent errors fail the task at once.",
    "A worker that was paused while its retry ran.",
    "The recommended value, and a command that is extended.",
]


@pytest.mark.parametrize("sentence", ONCE_WRITTEN)
def test_a_sentence_that_had_to_be_explained_is_found(sentence: str) -> None:
    """Each is one that once stood in a page of ours."""
    assert found_in(f"First line.\n{sentence}\n")[0][0] == 2


@pytest.mark.parametrize("sentence", PLAIN)
def test_a_plain_sentence_is_left_alone(sentence: str) -> None:
    """Also where a longer word holds one of those that are looked for."""
    assert found_in(sentence) == []
