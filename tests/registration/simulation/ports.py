"""The world as one process has it, through the ports of a registration: API client, clock, log, store and journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import SecretStr

from airflow_provider_copass.api.calls import Call
from airflow_provider_copass.errors import CopassInputError, CopassRateLimitError, SecretKeyTakenError
from airflow_provider_copass.registration.ports import SecretOwner
from tests.registration.simulation.boundaries import Boundaries, Effects
from tests.registration.simulation.world import START, World

T = TypeVar("T")

_ATTEMPTS = 4
"""How often the client sends a write that is turned away."""


class SimulatedClient:
    """The API of one sandbox.

    :param clock: waits between two attempts.
    """

    def __init__(self, world: World, effects: Effects, clock: SimulatedClock) -> None:
        self._world = world
        self._effects = effects
        self._clock = clock

    def send(self, call: Call[T], *, before_attempt: Callable[[], None] | None = None) -> T:
        """Send a call, as the client does: before each attempt of a write it asks the caller."""
        given = _given(call)
        name = call.operation.removesuffix("_source").removesuffix("_sources").removesuffix("_webhook_secret")
        result: T
        if not call.writes:
            name, act = (
                ("get", self._world.source)
                if given
                else ("list", partial(self._world.list_sources, **dict(call.query)))
            )
            result = self._effects.run(name, partial(act, **given))
            return result
        failure: CopassRateLimitError | None = None
        for _ in range(_ATTEMPTS):
            try:
                if before_attempt is not None:
                    before_attempt()
            except Exception:
                if failure is None:
                    raise
                break
            try:
                result = self._effects.run(name, partial(getattr(self._world, name), **given), given)
            except CopassRateLimitError as error:
                failure = error
                self._clock.sleep(error.retry_after or 0.0)
            else:
                return result
        assert failure is not None
        raise failure


def _given(call: Call[Any]) -> dict[str, Any]:
    """Return what a method of the world is given for a call."""
    parts = [unquote(part) for part in call.path.split("/sources", 1)[1].split("/")]
    given: dict[str, Any] = {"data_source_id": parts[1]} if len(parts) > 1 else {}
    if call.operation == "register_source":
        given["fields"] = dict(call.body or {})
    if call.operation == "update_source":
        given |= {"changes": dict(call.body or {}), "merge": bool(call.query)}
    return given


class SimulatedClock:
    """The clock of one host.

    :param ahead: seconds by which its wall clock is ahead of the world's.
    """

    def __init__(self, world: World, boundaries: Boundaries, ahead: float) -> None:
        self._world = world
        self._boundaries = boundaries
        self._ahead = ahead

    def now(self) -> float:
        """Tell the time by the wall clock."""
        return self._world.now + self._ahead

    def monotonic(self) -> float:
        """Tell for how many seconds the world has run."""
        return self._world.now - START

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._boundaries.stop("before sleep")
        self._boundaries.stop("after sleep", seconds)


class MemoryLog:
    """A task's log.

    :ivar lines: what was logged.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.lines.append(msg % args)

    warning = info

    def with_text(self, part: str) -> list[str]:
        """Return the lines that hold a text."""
        return [line for line in self.lines if part in line]


class StoreOfWorld:
    """The world's secret store, as one process has it.

    :param name: what it is called.
    """

    def __init__(self, world: World, effects: Effects, name: str) -> None:
        self.name = name
        self._world = world
        self._effects = effects

    def check(self, key: str) -> None:
        """Take any key that is served."""
        if not self._world.serves(key):
            raise CopassInputError(f"{key} is not served", fields=("store_as",))

    def check_write(self, key: str) -> None:
        """Take any key."""

    def location(self, key: str) -> str:
        """Tell where a key is."""
        return self._world.folds(key)

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        world = self._world
        location = self.location(key)

        def act() -> str | None:
            if location in world.store and not world.serves(key):
                raise SecretKeyTakenError("it holds something")
            return world.shadow.get(location, (world.shown if world.lag else world.store).get(location))

        value = self._effects.run("read secret", act)
        return None if value is None else SecretStr(value)

    def owner_of(self, key: str) -> str | None:
        """Tell what was noted, in a world whose store keeps notes."""
        return self._world.owners.get(self.location(key))

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        value = secret.get_secret_value()
        world = self._world
        location = self.location(key)

        def act() -> None:
            world.store[location] = value
            world.written_for[location] = owner.data_source_id
            if world.lag:
                world.take_effect(world.lag, "show", location=location, value=value)
            if world.notes_owners:
                world.owners[location] = owner.data_source_id

        self._effects.run("write secret", act)

    def remove(self, key: str) -> None:
        """Remove."""
        world, location = self._world, self.location(key)

        def act() -> None:
            if world.store.pop(location, None) is not None:
                world.removed_for.add(world.written_for.get(location, ""))

        self._effects.run("remove secret", act)


class JournalOfWorld:
    """The world's journal, as one process has it."""

    def __init__(self, world: World, effects: Effects) -> None:
        self._world = world
        self._effects = effects

    def _of(self, name: str) -> dict[str, str]:
        """Return where a text is kept."""
        return self._world.locations if name.startswith("copass_location_") else self._world.entries

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read, one after the other."""
        return {name: self._effects.run("read entry", lambda n=name: self._of(n).get(n)) for name in names}

    def write(self, name: str, text: str, *, within: float = 0.0) -> None:
        """Write, at once."""
        self._effects.run("write entry", lambda: self._of(name).__setitem__(name, text))

    def remove(self, name: str) -> None:
        """Remove."""
        self._effects.run("remove entry", lambda: self._of(name).pop(name, None))
