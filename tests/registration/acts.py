"""What tasks do to sources, in the simulated world: one function for each operator, whichever way it is built.

Each ``start_…`` returns a process that has not run yet; its sibling without ``start_`` runs it to its end. A process
mirrors an operator from its rendered fields on: it checks them, looks the source up where the operator does, and runs
the protocol. This module alone knows the constructors of the package; tests use nothing else of ``registration``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import pytest

from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.operators._fields import read_change
from airflow_provider_copass.registration import (
    Deletion,
    Outcome,
    Owner,
    Registered,
    Registration,
    Rotation,
    Runtime,
    SourceRef,
    SourceSpec,
    StoreKey,
    Timing,
    register_many,
)
from airflow_provider_copass.registration import (
    update as update_source,
)
from airflow_provider_copass.registration.ports import Clock, Journal, Secrets
from airflow_provider_copass.secret_stores.guarded import GuardedStore
from tests.registration.simulation import Fault, Killed, Process, Row, Where, World, run_all

SETTLE = 30.0
"""Seconds within which a write takes effect, or never."""
TAKEOVER_AFTER = 300.0
"""Seconds after which a dead task's lease may be taken over by another task."""
LONG = TAKEOVER_AFTER + 100
"""Seconds after which whatever a dead task held is free."""
TASK = "dag/run/task/-1"
NEXT = "dag/next run/task/-1"
OTHER = "other dag/run/task/-1"
THIRD = "third/run/task/-1"
KEY = "copass_webhook_secret_ds-1"
"""Where the secret of the first source is by default."""
SANDBOX = "sb"

TIMING = Timing(settle_timeout=SETTLE, lease_pause=2, wait_timeout=20, takeover_after=TAKEOVER_AFTER, poll_interval=1)

both_ways = pytest.mark.parametrize("way", ["one", "list"])
"""By the operator for one source, and by that for a list of it: see :func:`start_one`."""
Act = Callable[..., Process]
"""One try of an operator, run to its end, such as :func:`register`; given a world, and what the operator is given."""


class Script(TypedDict, total=False):
    """What happens to a process, as of :class:`tests.registration.simulation.Process`."""

    kill_at: Where | None
    freezes: Mapping[Any, float] | None
    faults: Mapping[int | str | tuple[str, int], Fault] | None
    ahead: float
    store: str
    secrets: Secrets | None
    journal: Journal | None


@dataclass(frozen=True)
class Told:
    """What a task tells of one source.

    :param outcome: ``created``, ``unchanged``, ``updated``, ``deleted``, ``failed`` or ``skipped``.
    :param stored_as: the key of its secret; None where none is stored.
    """

    outcome: str
    data_source_id: str | None = None
    stored_as: str | None = None
    error: BaseException | None = None


@dataclass(frozen=True)
class _Work:
    """What a process runs."""

    act: Callable[[], list[Told]]

    def run(self) -> list[Told]:
        """Run."""
        return self.act()


class InTurn:
    """A pool that runs as many jobs as it is wide before it tells of any, so that their answers can be lost together.

    Each takes effect when it is submitted, and its answer comes some time later.

    :param clock: how to wait.
    :param width: how many.
    :param lasts: how many seconds the answer to the n-th job takes.
    """

    def __init__(self, clock: Clock, width: int = 3, lasts: Callable[[int], float] = lambda _: 0.0) -> None:
        self.width = width
        self._clock = clock
        self._lasts = lasts
        self._jobs = 0
        self._ended: list[tuple[float, int, Any, BaseException | None]] = []

    def submit(self, job: Callable[[], Any]) -> object:
        """Run a job."""
        ticket, self._jobs = self._jobs, self._jobs + 1
        value, failure = None, None
        try:
            value = job()
        except Exception as error:  # noqa: BLE001 - raised again at the caller's
            failure = error
        self._ended.append((self._clock.monotonic() + self._lasts(ticket), ticket, value, failure))
        return ticket

    def wait(self) -> tuple[object, Any, BaseException | None]:
        """Wait for the first answer, and return it."""
        due, ticket, value, failure = min(self._ended, key=lambda ended: ended[:2])
        self._ended = [ended for ended in self._ended if ended[1] != ticket]
        if due > self._clock.monotonic():
            self._clock.sleep(due - self._clock.monotonic())
        return ticket, value, failure


def owner(task: str, attempt: int) -> Owner:
    """Return one try of a task: ``dag/run/task/map index``."""
    dag_id, run_id, task_id, map_index = task.split("/")
    return Owner(dag_id, run_id, task_id, int(map_index), attempt)


def runtime(process: Process, task: str, attempt: int, **more: Any) -> Runtime:
    """Return what one try of a task works with."""
    # A process's pauses follow from its token, so that a world that is played again goes the same way.
    process.world.tokens += 1
    return Runtime(
        **{
            "client": process.client,
            "sandbox_id": SANDBOX,
            "secrets": GuardedStore(process.secrets),  # type: ignore[arg-type]  # it has the methods
            "journal": process.journal,
            "log": process.log,
            "clock": process.clock,
            "owner": owner(task, attempt),
            "token": f"{task}/{attempt}/{process.world.tokens}",
            "timing": TIMING,
            **more,
        }
    )


def store_key(store_as: str | None) -> StoreKey:
    """Return the key of a secret."""
    return StoreKey() if store_as is None else StoreKey(store_as)


def spec(
    name: str, store_as: str | None, if_exists: str, on_missing_secret: str, fields: Mapping[str, Any]
) -> SourceSpec:
    """Declare a source."""
    source = read_register(**{"provider": "slack", "name": name, **fields})
    return SourceSpec(SANDBOX, source, if_exists, on_missing_secret, store_key(store_as))


def _registered(done: Registered) -> Told:
    assert done.source.webhook_signing_secret is None, "a task goes on with a source that shows no secret"
    return Told(done.outcome, done.source.data_source_id, done.stored_as)


def _listed(outcome: Outcome) -> Told:
    done = outcome.registered
    return Told(outcome.outcome, error=outcome.error) if done is None else _registered(done)


def start_register(
    world: World,
    name: str = "n",
    *,
    task: str = TASK,
    attempt: int = 1,
    store_as: str | None = None,
    if_exists: str = "reuse",
    on_missing_secret: str = "fail",
    ingestion_mode: str = "realtime",
    fields: Mapping[str, Any] | None = None,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``RegisterSourceOperator``.

    :param fields: the source's other fields.
    """
    given = {"ingestion_mode": ingestion_mode, **(fields or {})}

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            declared = spec(name, store_as, if_exists, on_missing_secret, given)
            return [_registered(Registration(declared, runtime(process, task, attempt)).run())]

        return _Work(act)

    return Process(world, build, **script)


def start_register_list(
    world: World,
    names: Iterable[str] = ("n",),
    *,
    task: str = TASK,
    attempt: int = 1,
    store_as: str | None = None,
    if_exists: str = "reuse",
    on_missing_secret: str = "fail",
    ingestion_mode: str = "realtime",
    fields: Mapping[str, Any] | None = None,
    lasts: Callable[[int], float] = lambda _: 0.0,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``RegisterSourcesOperator``, with a list of sources that differ by their names.

    :param lasts: how many seconds the answer to its n-th write takes; others come meanwhile.
    """
    given = {"ingestion_mode": ingestion_mode, **(fields or {})}

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            declared = [spec(name, store_as, if_exists, on_missing_secret, given) for name in names]
            of_list = runtime(process, task, attempt, pool=InTurn(process.clock, lasts=lasts))
            return [_listed(outcome) for outcome in register_many(declared, of_list)]

        return _Work(act)

    return Process(world, build, **script)


def start_rotate(
    world: World,
    name: str = "n",
    *,
    data_source_id: str | None = None,
    task: str = "rotate/run/task/-1",
    attempt: int = 1,
    store_as: str | None = None,
    keep_previous: bool = False,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``RotateWebhookSecretOperator``.

    :param data_source_id: names the source in place of its provider and name.
    """

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            ref, key = _ref(name, data_source_id), store_key(store_as)
            done = Rotation(ref, key, runtime(process, task, attempt), keep_previous=keep_previous).run()
            return [_registered(done)]

        return _Work(act)

    return Process(world, build, **script)


def start_update(
    world: World,
    name: str = "n",
    *,
    data_source_id: str | None = None,
    new_name: str | None = None,
    task: str = "update/run/task/-1",
    attempt: int = 1,
    fields: Mapping[str, Any] | None = None,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``UpdateSourceOperator``.

    :param fields: the declared fields.
    """

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            change = read_change(new_name=new_name, **(fields or {}))
            done = update_source(_ref(name, data_source_id), change, runtime(process, task, attempt, secrets=None))
            return [Told("updated" if done.changed else "unchanged", done.source.data_source_id)]

        return _Work(act)

    return Process(world, build, **script)


def start_rename(world: World, name: str = "n", new_name: str = "new", **how: Any) -> Process:
    """Start one try of ``UpdateSourceOperator`` with a new name."""
    return start_update(world, name, new_name=new_name, **{"task": "rename/run/task/-1", **how})


def start_delete(
    world: World,
    name: str = "n",
    *,
    data_source_id: str | None = None,
    task: str = "delete/run/task/-1",
    attempt: int = 1,
    store_as: str | None = None,
    remove_secret: bool = False,
    purge: bool = False,
    teardown_of: str | None = None,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``DeleteSourceOperator``.

    :param teardown_of: the task of the setup that this is the teardown of, as ``task`` names it.
    """

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            setups = frozenset() if teardown_of is None else frozenset({owner(teardown_of, 1).task_id})
            source_id = Deletion(
                _ref(name, data_source_id),
                runtime(process, task, attempt, setups=setups),
                "delete",
                store_key=store_key(store_as) if remove_secret else None,
                purge=purge,
            ).run()
            return [Told("unchanged" if source_id is None else "deleted", source_id)]

        return _Work(act)

    return Process(world, build, **script)


def start_disconnect(
    world: World,
    name: str = "n",
    *,
    data_source_id: str | None = None,
    task: str = "disconnect/run/task/-1",
    attempt: int = 1,
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``DisconnectSourceOperator``."""

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            source_id = Deletion(
                _ref(name, data_source_id), runtime(process, task, attempt, secrets=None), "disconnect"
            ).run()
            return [Told("unchanged" if source_id is None else "updated", source_id)]

        return _Work(act)

    return Process(world, build, **script)


def _ref(name: str, data_source_id: str | None) -> SourceRef:
    if data_source_id is not None:
        return SourceRef(SANDBOX, data_source_id=data_source_id)
    return SourceRef(SANDBOX, provider="slack", name=name)


def register(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``RegisterSourceOperator``."""
    return ended(start_register(world, name, **how))


def register_list(world: World, names: Iterable[str] = ("n",), **how: Any) -> Process:
    """Run one try of ``RegisterSourcesOperator``."""
    return ended(start_register_list(world, names, **how))


def rotate(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``RotateWebhookSecretOperator``."""
    return ended(start_rotate(world, name, **how))


def update(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``UpdateSourceOperator``."""
    return ended(start_update(world, name, **how))


def rename(world: World, name: str = "n", new_name: str = "new", **how: Any) -> Process:
    """Run one try of ``UpdateSourceOperator`` with a new name."""
    return ended(start_rename(world, name, new_name, **how))


def delete(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``DeleteSourceOperator``."""
    return ended(start_delete(world, name, **how))


def disconnect(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``DisconnectSourceOperator``."""
    return ended(start_disconnect(world, name, **how))


def ended(process: Process) -> Process:
    """Run a process to its end, with nothing beside it."""
    run_all(process.world, [process])
    return process


def start_one(way: str, world: World, name: str = "n", **how: Any) -> Process:
    """Start one try of a registration of one source.

    :param way: ``one``, the operator for one source, or ``list``, a list of it.
    """
    return start_register(world, name, **how) if way == "one" else start_register_list(world, (name,), **how)


def register_one(way: str, world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of a registration of one source.

    :param way: as of :func:`start_one`.
    """
    return ended(start_one(way, world, name, **how))


def until_green(
    act: Callable[..., Process],
    world: World,
    *given: Any,
    first: int = 1,
    tries: int = 4,
    pause: float = 0.0,
    **how: Any,
) -> Process:
    """Run a task's tries one after the other, as Airflow does, until one is green or fails for good.

    :param first: the number of the first try.
    :param pause: seconds between two tries.
    :return: the last try.
    """
    for attempt in range(first, first + tries):
        process = act(world, *given, attempt=attempt, **how)
        error = error_of(process)
        if error is None or (isinstance(error, CopassError) and is_final(error)):
            break
        world.advance(world.now + pause)
    return process


def told(process: Process) -> Told:
    """Return what a task that is over tells of its one source."""
    if process.error is not None:
        return Told("failed", error=process.error)
    (one,) = process.result
    assert isinstance(one, Told)
    return one


def all_told(process: Process) -> list[Told]:
    """Return what a task that is over tells of its sources; nothing where it failed as a whole."""
    return [] if process.error is not None else list(process.result)


def error_of(process: Process) -> BaseException | None:
    """Return why a task failed: the first error of a list; None where it is green."""
    if process.error is not None:
        return process.error
    return next((one.error for one in process.result if one.error is not None), None)


def is_green(process: Process) -> bool:
    """Tell whether a task is over and green."""
    return process.is_over and error_of(process) is None


def is_killed(process: Process) -> bool:
    """Tell whether a process was killed."""
    return isinstance(process.error, Killed)


def is_final(error: BaseException | None) -> bool:
    """Tell whether a failure fails the task at once, with no retry."""
    assert isinstance(error, CopassError), repr(error)
    return error.is_final


def registered(**how: Any) -> World:
    """Return a world in which a realtime source was registered.

    :param how: how, as of :func:`register`.
    """
    world = World()
    assert is_green(register(world, **how))
    return world


def seeded(name: str = "n") -> World:
    """Return a world in which somebody has made a realtime source by hand."""
    world = World()
    seed(world, name)
    return world


def seed(world: World, name: str = "n", *, ingestion_mode: str = "realtime", **fields: Any) -> str:
    """Put a source there as if somebody had made it by hand long ago, and return its id."""
    source_id = world.names(len(world.rows) + 1)
    secret = world.mint() if ingestion_mode == "realtime" else None
    known = {"provider": "slack", "name": name, "ingestion_mode": ingestion_mode, **fields}
    world.rows[source_id] = Row(known, secret, world.now - 1000)
    return source_id
