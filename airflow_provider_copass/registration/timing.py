"""How long the protocol waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds.

    :param settle: a POST takes effect within this time of being sent, or never.
    :param claim: longer than it takes, at the worst, from reading a free record to one's own mark lying in it.
    :param take_over: longer than one write of a secret takes at the worst; a taker waits so long before it mints.
    :param takeover_after: how old an open record must be before somebody else's is taken for dead's work; longer than
        every time-out between two writes of a record together.
    :param patience: how long somebody else's open record is waited for, before Airflow shall retry.
    :param poll: the pause between two looks.
    """

    settle: float = 30.0
    claim: float = 1.0
    take_over: float = 5.0
    takeover_after: float = 480.0
    patience: float = 90.0
    poll: float = 1.0
