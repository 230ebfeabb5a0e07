"""Ends what a killed parent leaves behind: ``python -m tests.harness.guard``, started by :mod:`.processes`.

The parent writes ``+SESSION`` when it starts a process and ``-SESSION`` when it has ended it. However the parent goes,
SIGKILL included, its end of the pipe closes; whatever is still listed then is ended.
"""

import signal
import sys

from tests.harness import sessions


def main() -> None:
    """Read lines until the parent is gone, then end the sessions that it has not ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Anyone who signals the parent may signal its guard as well, whose work only begins then.
        signal.signal(number, signal.SIG_IGN)
    kept: set[int] = set()
    for line in sys.stdin:
        session = int(line[1:])
        if line.startswith("+"):
            kept.add(session)
        else:
            kept.discard(session)
    if kept:
        sessions.end(kept)


if __name__ == "__main__":
    main()
