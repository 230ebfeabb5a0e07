"""Keeping other people's loggers quiet while a secret passes them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOUDS = ("azure", "boto3", "botocore", "google", "grpc", "urllib3")
"""The loggers of the clients by which Airflow's secrets backends ask: botocore logs the bodies of requests and answers
at DEBUG, and Google's and Azure's clients do where they are told to."""


@contextmanager
def quieted(*names: str) -> Iterator[None]:
    """Lift loggers, and all below them that have a level of their own, to INFO, and put them back afterwards.

    :param names: the loggers; all of :data:`CLOUDS` where none is named.
    """
    above = names or CLOUDS
    # A copy, since another thread may come by a new logger at any moment.
    known = [name for name, each in list(logging.root.manager.loggerDict.items()) if isinstance(each, logging.Logger)]
    loggers = [
        logging.getLogger(name)
        for name in {*above, *(name for name in known if name.startswith(tuple(f"{each}." for each in above)))}
    ]
    lifted = [(each, each.level) for each in loggers if each.getEffectiveLevel() < logging.INFO]
    for each, _ in lifted:
        each.setLevel(logging.INFO)
    try:
        yield
    finally:
        for each, level in lifted:
            each.setLevel(level)
