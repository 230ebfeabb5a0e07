"""Several processes in one, on one clock that jumps: a world in which everything fails where it is told to.

A process stops at each boundary: before and after every effect, and before and after every sleep. There it can be
killed, frozen or overtaken. The account, the store and the journal outlive all processes. Each process is a thread,
but only one runs at a time: it hands over at every boundary, so a run is the same each time.

- ``world``: what outlives every process;
- ``boundaries``: where a process stops, and what befalls it there;
- ``ports``: the world as one process has it, through the ports of a registration;
- ``process``: one try of a task, and how several are played.
"""

from tests.registration.simulation.boundaries import Fault, Killed, Where, server_error, timed_out, turned_away
from tests.registration.simulation.process import Process, Work, killed, run_all, run_to
from tests.registration.simulation.world import START, Row, World, settle

__all__ = [
    "START",
    "Fault",
    "Killed",
    "Process",
    "Row",
    "Where",
    "Work",
    "World",
    "killed",
    "run_all",
    "run_to",
    "server_error",
    "settle",
    "timed_out",
    "turned_away",
]
