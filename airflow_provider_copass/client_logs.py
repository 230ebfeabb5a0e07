"""Suppress what other libraries log while a secret passes through them."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOUDS = ("azure", "boto3", "botocore", "google", "grpc", "urllib3")
"""The loggers of the clients that Airflow's secrets backends use. At DEBUG, botocore logs the bodies of requests and
answers, and Google's and Azure's clients do so if they are told to."""

_lock = threading.Lock()
_raised: dict[logging.Logger, tuple[int, int]] = {}
"""The former level of each raised logger, and how many want it raised: one thread may end before another does."""


@contextmanager
def suppress_client_logs(*names: str) -> Iterator[None]:
    """Raise loggers, and all below them that have a level of their own, to INFO, and restore them afterwards.

    :param names: the loggers; all of :data:`CLOUDS` if none is named.
    """
    with _lock:
        raised = _raise_levels(names or CLOUDS)
    try:
        yield
    finally:
        with _lock:
            _restore(raised)


def _raise_levels(above: tuple[str, ...]) -> list[logging.Logger]:
    # A copy, since another thread may add a logger at any moment.
    known = [name for name, each in list(logging.root.manager.loggerDict.items()) if isinstance(each, logging.Logger)]
    below = [name for name in known if name.startswith(tuple(f"{each}." for each in above))]
    loggers = [logging.getLogger(name) for name in {*above, *below}]
    raised = [each for each in loggers if each in _raised or each.getEffectiveLevel() < logging.INFO]
    for each in raised:
        level, wanted = _raised.get(each, (each.level, 0))
        _raised[each] = (level, wanted + 1)
        each.setLevel(logging.INFO)
    return raised


def _restore(raised: list[logging.Logger]) -> None:
    for each in raised:
        level, wanted = _raised.pop(each)
        if wanted > 1:
            _raised[each] = (level, wanted - 1)
        else:
            each.setLevel(level)
