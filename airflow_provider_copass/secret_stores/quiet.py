"""Keeping other people's loggers quiet while a secret passes them."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quieted(*names: str) -> Iterator[None]:
    """Lift loggers, and all below them that have a level of their own, to INFO, and put them back afterwards.

    :param names: the loggers, such as ``botocore``, which logs the bodies of requests and answers at DEBUG.
    """
    known = [name for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger)]
    loggers = [
        logging.getLogger(name)
        for name in {*names, *(name for name in known if name.startswith(tuple(f"{each}." for each in names)))}
    ]
    lifted = [(each, each.level) for each in loggers if each.getEffectiveLevel() < logging.INFO]
    for each, _ in lifted:
        each.setLevel(logging.INFO)
    try:
        yield
    finally:
        for each, level in lifted:
            each.setLevel(level)
