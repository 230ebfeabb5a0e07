"""What the operating system knows of the TCP sockets of this process."""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil


def listening_on(port: int) -> list[str]:
    """Return the addresses at which this process listens on a port."""
    return [each.laddr.ip for each in _of_this_process() if each.laddr.port == port and each.status == "LISTEN"]


def open_to(port: int) -> int:
    """Count the connections that this process has opened to a port and not closed."""
    return sum(bool(each.raddr) and each.raddr.port == port for each in _of_this_process())


def accepted_at(port: int) -> list[socket.socket]:
    """Return the connections that this process has accepted at a port; it is for the caller to close them."""
    accepted = [each for each in _of_this_process() if each.laddr.port == port and each.status == "ESTABLISHED"]
    return [socket.socket(fileno=os.dup(each.fd)) for each in accepted]


def _of_this_process() -> list[Any]:
    return psutil.Process().net_connections(kind="tcp")
