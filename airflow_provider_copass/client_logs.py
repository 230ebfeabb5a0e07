"""Keeping other people's loggers quiet while a secret passes them."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOUDS = ("azure", "boto3", "botocore", "google", "grpc", "urllib3")
"""The loggers of the clients by which Airflow's secrets backends ask: botocore logs the bodies of requests and answers
at DEBUG, and Google's and Azure's clients do where they are told to."""


_lock = threading.Lock()
_lifted: dict[logging.Logger, tuple[int, int]] = {}
"""The level that each lifted logger had, and how many want it lifted: one thread may be done while another is not."""


@contextmanager
def suppress_client_logs(*names: str) -> Iterator[None]:
    """Lift loggers, and all below them that have a level of their own, to INFO, and put them back afterwards.

    :param names: the loggers; all of :data:`CLOUDS` where none is named.
    """
    with _lock:
        lifted = _lift(names or CLOUDS)
    try:
        yield
    finally:
        with _lock:
            _put_back(lifted)


def _lift(above: tuple[str, ...]) -> list[logging.Logger]:
    # A copy, since another thread may come by a new logger at any moment.
    known = [name for name, each in list(logging.root.manager.loggerDict.items()) if isinstance(each, logging.Logger)]
    below = [name for name in known if name.startswith(tuple(f"{each}." for each in above))]
    loggers = [logging.getLogger(name) for name in {*above, *below}]
    lifted = [each for each in loggers if each in _lifted or each.getEffectiveLevel() < logging.INFO]
    for each in lifted:
        level, wanted = _lifted.get(each, (each.level, 0))
        _lifted[each] = (level, wanted + 1)
        each.setLevel(logging.INFO)
    return lifted


def _put_back(lifted: list[logging.Logger]) -> None:
    for each in lifted:
        level, wanted = _lifted.pop(each)
        if wanted > 1:
            _lifted[each] = (level, wanted - 1)
        else:
            each.setLevel(level)
