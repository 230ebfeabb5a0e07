"""Several processes in one, on one clock that jumps: a world in which everything can go wrong where it is told to.

Each process stops before and after every effect, where it may be killed, frozen or overtaken; the account, the store
and the records outlive them all. Each is a thread, but only one ever runs: it hands over at every boundary, so a run is
the same each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import SecretStr

from airflow_provider_copass.api import PurgeResult, Source, SourceList
from airflow_provider_copass.errors import (
    CopassConnectionLostError,
    CopassInputError,
    CopassNotFoundError,
    CopassServerError,
    CopassTimeoutError,
    SecretKeyTakenError,
)
from airflow_provider_copass.registration import Owner, Registration, Timing, Wish
from airflow_provider_copass.registration.ports import SecretOwner, Secrets

T = TypeVar("T")

START = 1_700_000_000.0


class Work(Protocol):
    """What a process runs: it returns something when it is done."""

    def run(self) -> Any:
        """Do it."""


class Killed(BaseException):
    """The process is no more; nothing of it runs on."""


@dataclass
class Fault:
    """What happens to one effect: it is late, or it takes place (or not) and its answer is lost."""

    applies: bool = True
    late: float | None = None
    error: Callable[[], Exception] = lambda: CopassConnectionLostError("lost")


@dataclass
class Row:
    """A source on the server."""

    fields: dict[str, Any]
    secret: str | None
    created_at: float
    alive: bool = True


@dataclass
class World:
    """What outlives every process.

    :param notes_owners: the store notes whose a secret is.
    :param names: the id of the n-th source.
    :param serves: which keys are read as secrets; of others the store can but tell that they hold something.
    :param lag: seconds after which the store shows what was written.
    """

    now: float = START
    rows: dict[str, Row] = field(default_factory=dict)
    store: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    notes_owners: bool = False
    names: Callable[[int], str] = "ds-{}".format
    serves: Callable[[str], bool] = lambda _: True
    lag: float = 0.0
    shown: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)
    later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    posts: int = 0
    rotations: int = 0
    shadow: dict[str, str] = field(default_factory=dict)
    unlisted: int = 0
    renames: str = ""
    hidden: set[str] = field(default_factory=set)
    masks: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    adds: dict[str, Any] = field(default_factory=dict)
    patches: list[dict[str, Any]] = field(default_factory=list)
    issues_secrets: bool = True
    minted: int = 0

    def live(self) -> list[str]:
        """Return the ids of the live sources."""
        return [source_id for source_id, row in self.rows.items() if row.alive]

    def mint(self) -> str | None:
        """Make up a secret."""
        self.minted += 1
        return f"canary-{self.minted}" if self.issues_secrets else None

    def advance(self, to: float) -> None:
        """Let the clock run, and what is late take effect."""
        self.now = max(self.now, to)
        for due, effect in sorted(self.later, key=lambda late: late[0]):
            if due <= self.now:
                self.later.remove((due, effect))
                effect()


class Process:
    """One try of a task.

    :param kills: the boundaries, counted from 0, at which it is killed.
    :param freezes: for a boundary, how many seconds it stands still there.
    :param secrets: another store than the world's own, such as a real one.
    :param build: what it runs.
    :param faults: what happens to the n-th effect, counted from 0 over all effects; or, by name and number, to the
        n-th of a name; or, by name, to each of a name.
    """

    def __init__(
        self,
        world: World,
        wish: Wish,
        owner: Owner,
        timing: Timing,
        *,
        kill_at: int | None = None,
        freezes: dict[int, float] | None = None,
        faults: dict[int | str | tuple[str, int], Fault] | None = None,
        ahead: float = 0.0,
        store: str = "test store",
        secrets: Secrets | None = None,
        build: Callable[..., Work] = Registration,
    ) -> None:
        self.world = world
        self.result: Any = None
        self.error: BaseException | None = None
        self.trace: list[str] = []
        self.said: list[str] = []
        self.wakes_at = world.now
        self._kill_at = kill_at
        self._freezes = freezes or {}
        self._faults = faults or {}
        self._effects = 0
        self._named: dict[str, int] = {}
        self._ahead = ahead
        self._go = threading.Event()
        self._stopped = threading.Event()
        registration = build(
            wish,
            sources=self,
            secrets=secrets or _Store(self, store),
            records=_Records(self),
            report=self,
            clock=self,
            owner=owner,
            mark=f"{owner}/{id(self)}",
            timing=timing,
        )
        self._thread = threading.Thread(target=self._run, args=(registration,), daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return not self._thread.is_alive()

    def step(self) -> None:
        """Let it run to its next boundary, or its end."""
        self._stopped.clear()
        self._go.set()
        self._stopped.wait()
        if self.result is not None or self.error is not None:
            self._thread.join()

    def _run(self, registration: Work) -> None:
        self._go.wait()
        self._go.clear()
        try:
            self.result = registration.run()
        except BaseException as error:  # noqa: BLE001 - the killed included
            self.error = error
        self._stopped.set()

    def _hand_over(self) -> None:
        self._stopped.set()
        self._go.wait()
        self._go.clear()

    def _boundary(self, name: str) -> None:
        number = len(self.trace)
        self.trace.append(name)
        self.wakes_at = self.world.now + self._freezes.get(number, 0.0)
        self._hand_over()
        if self._kill_at is not None and number >= self._kill_at:
            raise Killed

    def effect(self, name: str, act: Callable[[], T]) -> T:
        """Do something to the world, with a boundary before and after it, and what was scripted for it."""
        of_name = self._named.get(name, 0)
        self._named[name] = of_name + 1
        keys = (self._effects, (name, of_name), name)
        fault = next((self._faults[key] for key in keys if key in self._faults), None)
        self._effects += 1
        self._boundary(f"before {name}")
        # Counted when it is sent, whatever becomes of it.
        self.world.posts += name == "register"
        self.world.rotations += name == "rotate"
        if fault is None:
            result = act()
            self._boundary(f"after {name}")
            return result
        # Of a record or a secret the protocol takes it that a write has its effect soon or never: a stated limit.
        if fault.late is not None and name in {"register", "rotate", "update", "delete"}:
            self.world.later.append((self.world.now + fault.late, act))
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
        """Tell the time by this process's clock."""
        return self.world.now + self._ahead

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.trace.append("sleep")
        self.wakes_at = self.world.now + seconds
        self._hand_over()

    # The report.

    def info(self, msg: str, /, *args: object) -> None:
        """Remember."""
        self.said.append(msg % args)

    warning = info

    # The API.

    def list_sources(self, provider: str | None = None, status: str | None = None) -> SourceList:
        """List what is there."""

        def act() -> SourceList:
            rows = [
                self._source(source_id)
                for source_id in self.world.live()
                if provider in (None, self.world.rows[source_id].fields["provider"])
                and source_id not in self.world.hidden
            ]
            now = datetime.fromtimestamp(int(self.world.now), UTC)
            return SourceList(sources=rows, count=len(rows) + self.world.unlisted, answered_at=now)

        return self.effect("list", act)

    def get_source(self, data_source_id: str) -> Source:
        """Read one."""
        return self.effect("get", lambda: self._source(data_source_id))

    def register_source(self, **fields: Any) -> Source:
        """Make one, and another at each further call."""

        def act() -> Source:
            source_id = self.world.names(len(self.world.rows) + 1)
            secret = self.world.mint() if fields.get("ingestion_mode") == "realtime" else None
            made = {**fields, "name": self.world.renames} if self.world.renames else fields
            self.world.rows[source_id] = Row(made, secret, self.world.now)
            return self._source(source_id, secret)

        return self.effect("register", act)

    def update_source(self, data_source_id: str, *, merge_adapter_config: bool = False, **changes: Any) -> Source:
        """Change one."""

        def act() -> Source:
            self.world.patches.append(dict(changes))
            fields = self.world.rows[data_source_id].fields
            sent = dict(changes)
            settings = sent.get("adapter_config")
            if settings is not None:
                if merge_adapter_config:
                    settings = _merged(fields.get("adapter_config") or {}, settings)
                sent["adapter_config"] = self._shown(settings)
            if self.world.renames and "name" in sent:
                sent["name"] = self.world.renames
            fields.update(sent)
            return self._source(data_source_id)

        return self.effect("update", act)

    def _shown(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as the server shows them from then on."""
        shown = {k: "***" if k in self.world.masks else v for k, v in settings.items() if k not in self.world.drops}
        return {**shown, **self.world.adds}

    def purge_source(self, data_source_id: str, *, delete_source: bool | None = None) -> PurgeResult:
        """Forget what came in."""

        def act() -> PurgeResult:
            self._source(data_source_id)
            return PurgeResult()

        return self.effect("purge", act)

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Mint a fresh secret."""

        def act() -> Source:
            source = self._source(data_source_id)
            secret = self.world.rows[data_source_id].secret = self.world.mint()
            return source.model_copy(update={"webhook_signing_secret": SecretStr(secret) if secret else None})

        return self.effect("rotate", act)

    def delete_source(self, data_source_id: str) -> None:
        """Remove one."""

        def act() -> None:
            self._source(data_source_id)
            self.world.rows[data_source_id].alive = False

        self.effect("delete", act)

    def _source(self, source_id: str, secret: str | None = None) -> Source:
        row = self.world.rows.get(source_id)
        if row is None or not row.alive:
            raise CopassNotFoundError("gone", status=404)
        return Source(
            data_source_id=source_id,
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

    def read(self, key: str) -> SecretStr | None:
        """Read."""
        world = self._process.world

        def act() -> str | None:
            if key in world.store and not world.serves(key):
                raise SecretKeyTakenError("it holds something")
            return world.shadow.get(key, (world.shown if world.lag else world.store).get(key))

        value = self._process.effect("read secret", act)
        return None if value is None else SecretStr(value)

    def owner_of(self, key: str) -> str | None:
        """Tell what was noted, in a world whose store keeps notes."""
        return self._process.world.owners.get(key)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write."""
        value = secret.get_secret_value()
        world = self._process.world

        def act() -> None:
            world.store[key] = value
            if world.lag:
                world.later.append((world.now + world.lag, lambda: world.shown.__setitem__(key, value)))
            if world.notes_owners:
                world.owners[key] = owner.data_source_id

        self._process.effect("write secret", act)

    def remove(self, key: str) -> None:
        """Remove."""
        self._process.effect("remove secret", lambda: self._process.world.store.pop(key, None))


class _Records:
    def __init__(self, process: Process) -> None:
        self._process = process

    def _of(self, key: str) -> dict[str, str]:
        """Return where a text is kept: the sign that sources are being registered is no record."""
        world = self._process.world
        return world.signs if key.startswith("copass_record_singles_") else world.records

    def read(self, key: str) -> str | None:
        """Read."""
        return self._process.effect("read record", lambda: self._of(key).get(key))

    def write(self, key: str, value: str) -> None:
        """Write."""
        self._process.effect("write record", lambda: self._of(key).__setitem__(key, value))

    def remove(self, key: str) -> None:
        """Remove."""
        self._process.effect("remove record", lambda: self._of(key).pop(key, None))


def run_all(
    world: World, processes: list[Process], choose: Callable[[int], int] = lambda _: 0, *, most: int = 20_000
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


def server_error() -> Exception:
    """A 503 whose effect took place or not."""
    return CopassServerError("503", status=503)


def timed_out() -> Exception:
    """No answer in time."""
    return CopassTimeoutError("time-out")
