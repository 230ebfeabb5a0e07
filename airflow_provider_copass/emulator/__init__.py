"""An independent Copass API on this machine, for demos and tests, with scripted faults.

Started as a command, ``python -m airflow_provider_copass.emulator --port 0``, or inside a test::

    with Emulator(token="olk_any") as emulator:
        emulator.add_fault(operation="register", when="after", action="drop")

It is written from what is known of the API alone and imports nothing else of this package, so that a field
which the client misspells is not misspelt here as well. It needs the extra ``emulator``; importing this module
does not.
"""

from airflow_provider_copass.emulator.in_process import Emulator

__all__ = ["Emulator"]
