"""Loggers are raised for as long as a thread needs it, and then restored."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from airflow_provider_copass.client_logs import suppress_client_logs


def test_levels_are_restored_after_an_error() -> None:
    """Also those of the loggers below that have a level of their own."""
    above, below = logging.getLogger("copass_test"), logging.getLogger("copass_test.below")
    above.setLevel(logging.DEBUG)
    below.setLevel(5)

    def fail() -> None:
        with suppress_client_logs("copass_test"):
            assert (above.level, below.level) == (logging.INFO, logging.INFO)
            raise OSError("the store")

    with pytest.raises(OSError, match="the store"):
        fail()
    assert (above.level, below.level) == (logging.DEBUG, 5)


def test_levels_are_restored_when_the_last_thread_is_done() -> None:
    """Several threads may raise a logger at once, and the first to end is not the last."""
    logger = logging.getLogger("copass_test_of_two")
    logger.setLevel(logging.DEBUG)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(suppress_client_logs("copass_test_of_two"))
        second.enter_context(suppress_client_logs("copass_test_of_two"))
        first.close()
        assert logger.level == logging.INFO
        second.close()
        assert logger.level == logging.DEBUG
