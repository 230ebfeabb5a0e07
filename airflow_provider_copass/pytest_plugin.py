"""The fixture ``copass_emulator`` for the tests of your own DAGs; pytest finds it where this package is installed.

Every pytest of that environment imports this module, so it imports nothing but what pytest has loaded already.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_copass.emulator import Emulator

__all__ = ["connection_to", "copass_emulator"]

_VARIABLE = "AIRFLOW_CONN_COPASS_DEFAULT"


def connection_to(emulator: Emulator, *, sandbox_id: str | None = "sb_demo", **extra: Any) -> str:
    """Return the Airflow connection to an emulator as JSON, the value of an ``AIRFLOW_CONN_…`` variable.

    :param emulator: a running emulator. Its token is in the value.
    :param sandbox_id: the sandbox of tasks that name none; None for a connection without one.
    :param extra: further members of the connection's extra, such as ``timeout`` in seconds.
    """
    if sandbox_id is not None:
        extra = {"sandbox_id": sandbox_id, **extra}
    return json.dumps({"conn_type": "copass", "host": emulator.url, "password": emulator.token, "extra": extra})


@pytest.fixture
def copass_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Serve an emulated Copass account for this test, which the connection ``copass_default`` leads to.

    Its sandbox is ``sb_demo``, its token made up. A task that runs in the test's own process or in a child of it, as by
    ``dag.test()``, finds the connection in the environment.
    """
    from airflow_provider_copass.emulator import Emulator  # noqa: PLC0415 - costs nothing where it is not used

    emulator = Emulator()
    try:
        emulator.start()
    except ImportError as missing:
        # Its message says what to install; a traceback through this package would bury it.
        pytest.fail(str(missing), pytrace=False)
    try:
        monkeypatch.setenv(_VARIABLE, connection_to(emulator))
        yield emulator
    finally:
        emulator.stop()
