"""Several processes in one, on one clock that jumps: a world in which everything fails where it is told to.

A process stops at each boundary: before and after every effect, and before and after every sleep. There it can be
killed, frozen or overtaken. The account, the store and the journal outlive all processes. Each process is a thread,
but only one runs at a time: it hands over at every boundary, so a run is the same each time.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

from pydantic import SecretStr

from airflow_provider_copass.api import PurgeResult, Source, SourceList, answers
from airflow_provider_copass.api.calls import Call
from airflow_provider_copass.api.models import SourceStatus
from airflow_provider_copass.errors import (
    CopassConnectionLostError,
    CopassInputError,
    CopassNotFoundError,
    CopassServerError,
    CopassTimeoutError,
    CopassValidationError,
    SecretKeyTakenError,
)
from airflow_provider_copass.registration.ports import SecretOwner, Secrets

T = TypeVar("T")

START = 1_700_000_000.0
DEAD = frozenset({"archived", "disconnected"})

Where = int | str | tuple[str, int] | Callable[[str, int], bool]
"""Which boundaries: by number, counted from 0; all of a name, such as ``before rotate``; the n-th of a name, counted
from 0; or those for whose name and number a function returns True."""


class Work(Protocol):
    """What a process runs: it returns something when it is done."""

    def run(self) -> Any:
        """Run."""


class Killed(BaseException):
    """The process is no more; nothing of it runs on."""


@dataclass
class Fault:
    """What happens to one effect.

    :param applies: whether it takes place; its answer is lost in either case.
    :param late: seconds after which it takes place, for a write to the server.
    :param error: what the process gets in place of an answer.
    """

    applies: bool = True
    late: float | None = None
    error: Callable[[], Exception] = lambda: CopassConnectionLostError("lost")


@dataclass
class Row:
    """A source on the server.

    :param alive: whether it exists; a disconnected one does.
    """

    fields: dict[str, Any]
    secret: str | None
    created_at: float
    alive: bool = True

    @property
    def is_live(self) -> bool:
        """Whether it exists and is neither archived nor disconnected."""
        return self.alive and self.fields.get("status") not in DEAD


@dataclass(frozen=True)
class Late:
    """What takes effect at a later moment: a method of the world by its name, as a copy of the world has its own."""

    due: float
    method: str
    given: dict[str, Any]


@dataclass
class World:
    """What outlives every process. A deep copy of it is a world of its own.

    :param notes_owners: the store notes which source a secret belongs to.
    :param written_for: for which source each location was written last, whether the store notes that or not.
    :param removed_for: of which sources a secret was removed.
    :param names: the id of the n-th source.
    :param serves: which keys are read as secrets; of others the store can only tell that they hold something.
    :param folds: the location of a key in the store; two keys of one location are one.
    :param lag: seconds after which the store shows what was written.
    :param entries: the journal's entries.
    :param locations: the journal's notes on locations.
    :param server_ahead: seconds by which the server's clock is ahead of the world's.
    :param date: the ``Date`` header of every list, in place of an honest one; empty for none.
    :param unlisted: how many sources the list counts and does not send.
    :param hidden: the ids of sources that the list neither counts nor sends.
    :param rewrites: what fields become that are sent as something else.
    :param sent: every write that was sent to the server, whatever became of it.
    :param tokens: how many processes have begun.
    """

    now: float = START
    tokens: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    store: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    written_for: dict[str, str] = field(default_factory=dict)
    removed_for: set[str] = field(default_factory=set)
    notes_owners: bool = False
    names: Callable[[int], str] = "ds-{}".format
    serves: Callable[[str], bool] = lambda _: True
    folds: Callable[[str], str] = str
    lag: float = 0.0
    shown: dict[str, str] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    later: list[Late] = field(default_factory=list)
    server_ahead: float = 0.0
    date: str | None = None
    posts: int = 0
    rotations: int = 0
    sent: list[tuple[str, ...]] = field(default_factory=list)
    shadow: dict[str, str] = field(default_factory=dict)
    unlisted: int = 0
    rewrites: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    masks: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    adds: dict[str, Any] = field(default_factory=dict)
    patches: list[dict[str, Any]] = field(default_factory=list)
    issues_secrets: bool = True
    minted: int = 0

    def live(self) -> list[str]:
        """Return the ids of the live sources."""
        return [source_id for source_id, row in self.rows.items() if row.is_live]

    def mint(self) -> str | None:
        """Make up a secret."""
        self.minted += 1
        return f"canary-{self.minted}" if self.issues_secrets else None

    def advance(self, to: float) -> None:
        """Let the clock run, and let what is late take effect."""
        for late in sorted(self.later, key=lambda late: late.due):
            if late.due <= to:
                self.now = max(self.now, late.due)
                self.later.remove(late)
                # What it is about may be gone by then.
                with suppress(CopassNotFoundError):
                    getattr(self, late.method)(**late.given)
        self.now = max(self.now, to)

    def take_effect(self, after: float, method: str, **given: Any) -> None:
        """Let a method of this world take effect later.

        :param after: in how many seconds.
        """
        self.later.append(Late(self.now + after, method, given))

    # The server.

    def list_sources(self, provider: str | None = None) -> SourceList:
        """List what exists."""
        rows = [
            self.source(source_id)
            for source_id, row in self.rows.items()
            if row.alive and provider in (None, row.fields["provider"]) and source_id not in self.hidden
        ]
        honest = format_datetime(datetime.fromtimestamp(int(self.now + self.server_ahead), UTC), usegmt=True)
        date = honest if self.date is None else self.date
        # As the client reads it.
        answered_at = answers.source_list({"sources": []}, {"date": date} if date else {}).answered_at
        return SourceList(sources=rows, count=len(rows) + self.unlisted).model_copy(update={"answered_at": answered_at})

    def source(self, data_source_id: str, secret: str | None = None) -> Source:
        """Return a source that exists.

        :param secret: the secret that is shown with it.
        """
        row = self.rows.get(data_source_id)
        if row is None or not row.alive:
            raise CopassNotFoundError("gone", status=404)
        return Source(
            data_source_id=data_source_id,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
            **{
                "status": "active",
                "external_account_id": None,
                "poll_interval_seconds": None,
                "kind": None,
                "adapter_config": None,
                **row.fields,
            },
        ).model_copy(update={"webhook_signing_secret": SecretStr(secret) if secret else None})

    def register(self, fields: dict[str, Any]) -> Source:
        """Make a source, and another at each further call."""
        _refuse_null(fields)
        source_id = self.names(len(self.rows) + 1)
        secret = self.mint() if fields.get("ingestion_mode") == "realtime" else None
        self.rows[source_id] = Row({**fields, **self.rewrites}, secret, self.now + self.server_ahead)
        return self.source(source_id, secret)

    def update(self, data_source_id: str, changes: dict[str, Any], *, merge: bool = False) -> Source:
        """Change a source."""
        self.source(data_source_id)
        self.patches.append(dict(changes))
        fields = self.rows[data_source_id].fields
        _refuse_null(changes)
        sent = dict(changes)
        settings = sent.get("adapter_config")
        if settings is not None:
            if merge:
                settings = _merged(fields.get("adapter_config") or {}, settings)
            sent["adapter_config"] = self._shown_of(settings)
        fields.update({name: self.rewrites.get(name, value) for name, value in sent.items()})
        return self.source(data_source_id)

    def _shown_of(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as the server shows them from then on."""
        shown = {k: "***" if k in self.masks else v for k, v in settings.items() if k not in self.drops}
        return {**shown, **self.adds}

    def rotate(self, data_source_id: str) -> Source:
        """Mint a fresh secret."""
        self.source(data_source_id)
        secret = self.rows[data_source_id].secret = self.mint()
        return self.source(data_source_id, secret)

    def delete(self, data_source_id: str) -> None:
        """Remove a source."""
        self.source(data_source_id)
        self.rows[data_source_id].alive = False

    def disconnect(self, data_source_id: str) -> SourceStatus:
        """Disconnect a source for good."""
        self.source(data_source_id)
        self.rows[data_source_id].fields["status"] = "disconnected"
        return SourceStatus(status="disconnected")

    def purge(self, data_source_id: str) -> PurgeResult:
        """Forget what came in through a source."""
        self.source(data_source_id)
        return PurgeResult()

    # The store.

    def show(self, location: str, value: str) -> None:
        """Show what was written a while ago."""
        self.shown[location] = value


class Process:
    """One try of a task.

    :param build: returns what it runs, given this process: the API of one sandbox, a clock and a report at once, with
        ``secrets`` and ``journal`` beside it.
    :param kill_at: the boundary at which it is killed, or the first after it, where that is a number.
    :param freezes: for boundaries, for how many seconds it is paused there; at a sleep this comes on top of the sleep.
    :param faults: what happens to the n-th effect, counted from 0 over all effects; or, by name and number, to the
        n-th of a name; or, by name, to each of a name.
    :param ahead: seconds by which its wall clock is ahead of the world's.
    :param store: the name of its store.
    :param secrets: another store than the world's own, such as a real one.
    """

    def __init__(
        self,
        world: World,
        build: Callable[[Process], Work],
        *,
        kill_at: Where | None = None,
        freezes: Mapping[Any, float] | None = None,
        faults: Mapping[int | str | tuple[str, int], Fault] | None = None,
        ahead: float = 0.0,
        store: str = "test store",
        secrets: Secrets | None = None,
    ) -> None:
        self.world = world
        self.result: Any = None
        self.error: BaseException | None = None
        self.trace: list[str] = []
        self.frozen_at: list[str] = []
        self.said: list[str] = []
        self.started_at = self.ended_at = self.wakes_at = world.now
        self.secrets: Secrets = secrets or _Store(self, store)
        self.journal = _Journal(self)
        self.is_over = False
        self._kill_at = kill_at
        self._freezes = freezes or {}
        self._faults = faults or {}
        self._is_killed = False
        self._effects = 0
        self._effects_of: dict[str, int] = {}
        self._boundaries_of: dict[str, int] = {}
        self._ahead = ahead
        self._go = threading.Lock()
        self._go.acquire()
        self._stopped = threading.Lock()
        self._stopped.acquire()
        self._thread = threading.Thread(target=self._run, args=(build(self),), daemon=True)
        self._thread.start()

    @property
    def effects(self) -> list[str]:
        """The names of its effects, in their order; a sleep is none."""
        befores = [name.removeprefix("before ") for name in self.trace if name.startswith("before ")]
        return [name for name in befores if name != "sleep"]

    @property
    def elapsed(self) -> float:
        """For how many seconds it ran, or has run so far."""
        return (self.ended_at if self.is_over else self.world.now) - self.started_at

    def step(self) -> None:
        """Let it run to its next boundary, or its end."""
        self._go.release()
        self._stopped.acquire()
        if self.is_over:
            self._thread.join()

    def _run(self, work: Work) -> None:
        self._go.acquire()
        self.started_at = self.world.now
        try:
            self.result = work.run()
        except BaseException as error:  # noqa: BLE001 - the killed included
            self.error = error
        self.ended_at = self.world.now
        self.is_over = True
        self._stopped.release()

    def _boundary(self, name: str, pause: float = 0.0) -> None:
        """Stop at a boundary.

        :param pause: the seconds of the sleep that ends here.
        """
        number = len(self.trace)
        of_name = self._boundaries_of.get(name, 0)
        self._boundaries_of[name] = of_name + 1
        self.trace.append(name)

        def is_here(where: Where) -> bool:
            return where(name, number) if callable(where) else where in (number, name, (name, of_name))

        frozen = sum(seconds for where, seconds in self._freezes.items() if is_here(where))
        if frozen:
            self.frozen_at.append(name)
        self.wakes_at = self.world.now + pause + frozen
        self._stopped.release()
        self._go.acquire()
        kill_at = self._kill_at
        if kill_at is not None and (is_here(kill_at) or (isinstance(kill_at, int) and number >= kill_at)):
            self._is_killed = True
        if self._is_killed:
            raise Killed

    def effect(self, name: str, act: Callable[[], T], given: dict[str, Any] | None = None) -> T:
        """Do something to the world, with a boundary before and after it, and what was scripted for it.

        :param given: what a write to the server, a method of the world of this name, is given. Of a journal entry or a
            secret the protocol takes it that a write has its effect soon or never: a stated limit.
        """
        of_name = self._effects_of.get(name, 0)
        self._effects_of[name] = of_name + 1
        keys = (self._effects, (name, of_name), name)
        fault = next((self._faults[key] for key in keys if key in self._faults), None)
        self._effects += 1
        self._boundary(f"before {name}")
        if given is not None:
            # Counted when it is sent, whatever becomes of it.
            self.world.posts += name == "register"
            self.world.rotations += name == "rotate"
            self.world.sent.append(_said_of(name, given))
        if fault is None:
            result = act()
            self._boundary(f"after {name}")
            return result
        if fault.late is not None and given is not None:
            self.world.take_effect(fault.late, name, **given)
        elif fault.applies:
            # A refusal of the server's own is an answer, and lost as well.
            with suppress(CopassNotFoundError):
                act()
        self._boundary(f"after {name}")
        raise fault.error()

    def said_of(self, part: str) -> list[str]:
        """Return the lines of its report that hold a text."""
        return [line for line in self.said if part in line]

    # The clock.

    def now(self) -> float:
        """Tell the time by this process's wall clock."""
        return self.world.now + self._ahead

    def monotonic(self) -> float:
        """Tell for how many seconds the world has run."""
        return self.world.now - START

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._boundary("before sleep")
        self._boundary("after sleep", seconds)

    # The report.

    def info(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.said.append(msg % args)

    warning = info

    # The API.

    def send(self, call: Call[T], *, before_attempt: Callable[[], None] | None = None) -> T:
        """Send a call, as the client does: before a write it asks the caller."""
        given = _given(call)
        name = call.operation.removesuffix("_source").removesuffix("_sources").removesuffix("_webhook_secret")
        result: T
        if not call.writes:
            name, act = (
                ("get", self.world.source) if given else ("list", partial(self.world.list_sources, **dict(call.query)))
            )
            result = self.effect(name, partial(act, **given))
            return result
        if before_attempt is not None:
            before_attempt()
        result = self.effect(name, partial(getattr(self.world, name), **given), given)
        return result


def _given(call: Call[Any]) -> dict[str, Any]:
    """Return what a method of the world is given for a call."""
    parts = [unquote(part) for part in call.path.split("/sources", 1)[1].split("/")]
    given: dict[str, Any] = {"data_source_id": parts[1]} if len(parts) > 1 else {}
    if call.operation == "register_source":
        given["fields"] = dict(call.body or {})
    if call.operation == "update_source":
        given |= {"changes": dict(call.body or {}), "merge": bool(call.query)}
    return given


def _said_of(name: str, given: dict[str, Any]) -> tuple[str, ...]:
    """Return a write as it is noted in a world."""
    if name == "register":
        return (name, str(given["fields"]["name"]))
    return (name, given["data_source_id"], *sorted(given.get("changes", ())))


def _refuse_null(fields: dict[str, Any]) -> None:
    """Refuse what the page does not allow: ``adapter_config`` is an object, and its neighbours alone may be null."""
    if fields.get("adapter_config", {}) is None:
        raise CopassValidationError("refused", status=422)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge deeply, as the API does."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


class _Store:
    def __init__(self, process: Process, name: str) -> None:
        self.name = name
        self._process = process

    def check(self, key: str) -> None:
        """Take any key that is served."""
        if not self._process.world.serves(key):
            raise CopassInputError(f"{key} is not served", fields=("store_as",))

    def check_write(self, key: str) -> None:
        """Take any key."""

    def location(self, key: str) -> str:
        """Tell where a key is."""
        return self._process.world.folds(key)

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        world = self._process.world
        location = self.location(key)

        def act() -> str | None:
            if location in world.store and not world.serves(key):
                raise SecretKeyTakenError("it holds something")
            return world.shadow.get(location, (world.shown if world.lag else world.store).get(location))

        value = self._process.effect("read secret", act)
        return None if value is None else SecretStr(value)

    def owner_of(self, key: str) -> str | None:
        """Tell what was noted, in a world whose store keeps notes."""
        return self._process.world.owners.get(self.location(key))

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        value = secret.get_secret_value()
        world = self._process.world
        location = self.location(key)

        def act() -> None:
            world.store[location] = value
            world.written_for[location] = owner.data_source_id
            if world.lag:
                world.take_effect(world.lag, "show", location=location, value=value)
            if world.notes_owners:
                world.owners[location] = owner.data_source_id

        self._process.effect("write secret", act)

    def remove(self, key: str) -> None:
        """Remove."""
        world, location = self._process.world, self.location(key)

        def act() -> None:
            if world.store.pop(location, None) is not None:
                world.removed_for.add(world.written_for.get(location, ""))

        self._process.effect("remove secret", act)


class _Journal:
    def __init__(self, process: Process) -> None:
        self._process = process

    def _of(self, name: str) -> dict[str, str]:
        """Return where a text is kept."""
        world = self._process.world
        return world.locations if name.startswith("copass_location_") else world.entries

    def read(self, names: Sequence[str]) -> dict[str, str | None]:
        """Read, one after the other."""
        return {name: self._process.effect("read entry", lambda n=name: self._of(n).get(n)) for name in names}

    def write(self, name: str, text: str, *, within: float = 0.0) -> None:
        """Write, at once."""
        self._process.effect("write entry", lambda: self._of(name).__setitem__(name, text))

    def remove(self, name: str) -> None:
        """Remove."""
        self._process.effect("remove entry", lambda: self._of(name).pop(name, None))


def run_all(
    world: World, processes: list[Process], choose: Callable[[int], int] = lambda _: 0, *, most: int = 40_000
) -> None:
    """Let processes run until all are over; among those awake ``choose`` picks, and where all sleep, time jumps."""
    for _ in range(most):
        alive = [process for process in processes if not process.is_over]
        if not alive:
            return
        awake = [process for process in alive if process.wakes_at <= world.now]
        if not awake:
            world.advance(min(process.wakes_at for process in alive))
            continue
        awake[choose(len(awake))].step()
        world.advance(world.now + 0.01)
    raise AssertionError("the processes do not come to an end")


def run_to(world: World, process: Process, boundary: int) -> bool:
    """Let one process run alone to a boundary, where it is paused until it is told to run on.

    :param boundary: its number, counted from 0.
    :return: whether it stands there; False where it is over before.
    """
    while not process.is_over and len(process.trace) <= boundary:
        if process.wakes_at > world.now:
            world.advance(process.wakes_at)
        process.step()
        world.advance(world.now + 0.01)
    return not process.is_over


def killed(world: World, process: Process) -> Iterator[World]:
    """Give the world that a process leaves if it is killed, for each of its boundaries, or if it comes to its end."""
    before = ""
    is_alive = True
    while is_alive:
        is_alive = run_to(world, process, len(process.trace))
        left = repr((world.rows, world.store, world.entries, world.locations, world.later))
        if left != before:
            yield copy.deepcopy(world)
        before = left


def settle(world: World) -> None:
    """Let everything that is still in flight take effect."""
    world.advance(max([world.now, *(late.due for late in world.later)]) + 1)


def server_error() -> Exception:
    """A 503 whose effect took place or not."""
    return CopassServerError("503", status=503)


def timed_out() -> Exception:
    """No answer in time."""
    return CopassTimeoutError("timeout")
