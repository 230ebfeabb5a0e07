"""A process of its own that makes one call, so that its memory can be measured: prints how much it grew, in MiB.

Run as ``python -m tests.api.one_call FLAVOUR CALM_URL URL TIMEOUT``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_provider_copass.api import ClientSettings, CopassError, calls
from tests.api.scripted import send_once


def peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def outcome(flavour: str, url: str, timeout: float) -> str:
    """Make one call, and return the name of its error, or ``answered``."""
    settings = ClientSettings(token="olk_x", base_url=url, timeout=timeout, max_attempts=1)
    try:
        send_once(flavour, settings, calls.list_sources("sb"))
    except CopassError as error:
        return type(error).__name__
    return "answered"


if __name__ == "__main__":
    flavour, calm, url, timeout = sys.argv[1:]
    assert outcome(flavour, calm, 10) == "answered"
    before = peak()
    ended = outcome(flavour, url, float(timeout))
    sys.stdout.write(f"{ended} {peak() - before:.1f}\n")
