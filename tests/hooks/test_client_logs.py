"""Loggers are lifted for as long as anybody needs it, and then put back."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from airflow_provider_copass.client_logs import suppress_client_logs


def test_levels_are_put_back_when_something_goes_wrong() -> None:
    """Those of the loggers below with a level of their own as well."""
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


def test_levels_are_put_back_when_the_last_one_is_done() -> None:
    """Several threads may let secrets pass at once, and the first to be done is not the last."""
    logger = logging.getLogger("copass_test_of_two")
    logger.setLevel(logging.DEBUG)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(suppress_client_logs("copass_test_of_two"))
        second.enter_context(suppress_client_logs("copass_test_of_two"))
        first.close()
        assert logger.level == logging.INFO
        second.close()
        assert logger.level == logging.DEBUG
