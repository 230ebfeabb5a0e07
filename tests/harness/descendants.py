"""Every process that a process starts, to tell later whether one is left."""

import psutil


class Descendants:
    """Collects what a process has started, directly or not.

    A process that has lost its parent cannot be traced to it any more, so :meth:`look` has to be called while the
    tree stands, the more often the better.

    :param pid: the process at the root.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: set[psutil.Process] = set()

    def look(self) -> None:
        """Note all that is there now."""
        try:
            self._seen.update(self._root.children(recursive=True))
        except psutil.NoSuchProcess:
            return

    @property
    def seen(self) -> int:
        """How many were ever noted."""
        return len(self._seen)

    def left(self) -> list[str]:
        """Return those that still run, as ``PID COMMAND``."""
        found = []
        for process in self._seen:
            try:
                # An id that belongs to somebody else by now does not count.
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.NoSuchProcess:
                continue
        return found
