"""Free ports on the loopback interface."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return that many different ports that nobody listens on right now."""
    with ExitStack() as held:
        # All are held until the last is found, so that none comes twice.
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind((LOOPBACK, 0))
        return [listener.getsockname()[1] for listener in listeners]


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    return free_ports(1)[0]


def is_free(port: int) -> bool:
    """Tell whether that port can be listened on."""
    with socket.socket() as listener:
        # As servers do: the remains of a closed connection do not block the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
