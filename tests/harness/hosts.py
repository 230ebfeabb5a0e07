"""Processes as hosts of their own: another name, other process ids, another folder, and a power cord."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

FAKETIME = shutil.which("faketime")
NO_FAKETIME = "faketime, which gives a host a clock of its own, is not installed (Debian: apt-get install faketime)"


@cache
def can_unshare() -> bool:
    """Tell whether this machine lets us give a process a host name and process ids of its own; root, mostly."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


_UNSHARE = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--uts", "--mount-proc"]
# What another host of these process ids left in /dev/shm, as faketime does when it is killed, is none of this one's.
# The host stays up when its one service ends by itself; what the service has started goes on then.
_HOST = "trap exit TERM; mount -t tmpfs tmpfs /dev/shm; hostname {name}; {command} & wait $!; sleep 3600 & wait $!"
_FOR_EVER = "trap exit TERM; while :; do {command} & wait $!; sleep 1; done"


def on_host(name: str, command: Sequence[str], *, clock_offset: int = 0) -> list[str]:
    """Return a command that runs another one on a host of its own; without the right to that, as it is.

    To kill the session of it with SIGKILL is to cut the host's power.

    :param name: the host's name.
    :param command: what runs there.
    :param clock_offset: seconds by which the host's clock is ahead.
    """
    if clock_offset:
        command = [str(FAKETIME), "-f", f"{clock_offset:+d}s", *command]
    if not can_unshare():
        return list(command)
    return [*_UNSHARE, "sh", "-c", _HOST.format(name=shlex.quote(name), command=shlex.join(command))]


def supervised(command: Sequence[str]) -> list[str]:
    """Return a command that starts another one again whenever it ends, as a deployment does."""
    return ["sh", "-c", _FOR_EVER.format(command=shlex.join(command))]
