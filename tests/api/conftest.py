"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.scripted import FLAVOURS, Script, ScriptedClient, Step

ClientOf = Callable[..., tuple[ScriptedClient, Script]]


@pytest.fixture(params=FLAVOURS)
def client_of(request: pytest.FixtureRequest) -> Iterator[ClientOf]:
    """Make a client, synchronous in one run of the test and asynchronous in the other, over scripted answers."""
    made: list[ScriptedClient] = []

    def make(*steps: Step, **settings: Any) -> tuple[ScriptedClient, Script]:
        script = Script(*steps)
        made.append(ScriptedClient(request.param, script, **settings))
        return made[-1], script

    yield make
    for client in made:
        client.close()
