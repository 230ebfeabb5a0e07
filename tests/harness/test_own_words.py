"""Airflow's own words are told from everybody else's."""

from tests.harness.own_words import beyond_own_words


def test_what_airflow_does_not_say_by_itself_is_left() -> None:
    """A warning that is in no list is kept, whole, with whichever Airflow."""
    said = "x.py:1 DeprecationWarning: The `copass` thing is deprecated.\n"
    assert beyond_own_words(said) == said
