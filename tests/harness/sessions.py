"""Who lives in a session, and how to end one.

Airflow's task processes leave the process *group* of the scheduler that started them, but not its *session*: so a
process of the tests is started as the leader of a session, and ended together with everything in it.
"""

import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import psutil


def living(sessions: Collection[int]) -> list[int]:
    """Return the ids of all processes that are in one of the sessions and not yet dead."""
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess, psutil.AccessDenied):
            if os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def listening(sessions: Collection[int]) -> set[tuple[str, int]]:
    """Return each address and port that a process of the sessions listens on."""
    found = set()
    for pid in living(sessions):
        with suppress(psutil.NoSuchProcess):
            found |= {
                (each.laddr.ip, each.laddr.port)
                for each in psutil.Process(pid).net_connections(kind="inet")
                if each.status == psutil.CONN_LISTEN
            }
    return found


def end(sessions: Collection[int], *, grace_seconds: float = 15.0, reap: Callable[[], object] = lambda: None) -> None:
    """End everything in the sessions: first TERM, so that it can close what it holds, then KILL.

    :param sessions: ids of sessions, which are the process ids of their leaders.
    :param grace_seconds: how long after TERM to wait before KILL.
    :param reap: called between looks, for a parent that has to collect its children.
    """
    for leader in sessions:
        # The group of the leader alone: a scheduler ends its own workers, and a TERM out of turn confuses it.
        _signal_group(leader, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while living(sessions):
        if time.monotonic() > deadline:
            for pid in living(sessions):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.05)
    reap()


def _signal_group(leader: int, number: signal.Signals) -> None:
    # A group can be gone, or (on macOS) hold nothing but a zombie.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
