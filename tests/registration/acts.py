"""What tasks do to sources, in the simulated world: one function for each operator, whichever way it is built.

Each ``start_…`` returns a process that has not run yet; its twin without ``start_`` runs it to its end. A process
mirrors an operator from its rendered fields on: it checks them, looks the source up where the operator does, and runs
the protocol. This module alone knows the constructors of the package; tests use nothing else of ``registration``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Unpack

from airflow_provider_copass.api import CopassError
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.operators import failures
from airflow_provider_copass.operators.register_sources import _check_keys
from airflow_provider_copass.registration import Owner, Registered, Registration, Timing, Wish
from airflow_provider_copass.registration.batch import Batch
from airflow_provider_copass.registration.batch_item import Outcome
from airflow_provider_copass.registration.change import Change, read_declared
from airflow_provider_copass.registration.changing import Changing
from airflow_provider_copass.registration.deletion import Deletion
from airflow_provider_copass.registration.named import Named
from airflow_provider_copass.registration.rotation import Rotation
from airflow_provider_copass.registration.store_key import StoreKey
from tests.registration.simulation import DEAD, Fault, Killed, Process, Row, Where, World, run_all

K = TypeVar("K")
T = TypeVar("T")

SETTLE = 30.0
"""Seconds within which a write takes effect, or never."""
TAKEOVER_AFTER = 300.0
"""Seconds after which a dead task's lease may be taken over by another task."""
TASK = "dag/run/task/-1"
OTHER = "other dag/run/task/-1"
SANDBOX = "sb"

_TIMING = Timing(settle=SETTLE, claim=1, take_over=5, takeover_after=TAKEOVER_AFTER, patience=90, poll=1)
_OUTCOMES = {"made": "created", "adopted": "unchanged", "changed": "updated", "not tried": "skipped"}
_NUMBERS = itertools.count()


class Script(TypedDict, total=False):
    """What happens to a process, as of :class:`tests.registration.simulation.Process`."""

    kill_at: Where | None
    freezes: Mapping[Any, float] | None
    faults: Mapping[int | str | tuple[str, int], Fault] | None
    ahead: float
    store: str


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


class _InTurn:
    """A pool that runs as many jobs as it is wide before it tells of any, so that their answers can be lost together.

    :param width: how many.
    """

    def __init__(self, width: int = 3) -> None:
        self._width = width

    def each(self, jobs: Iterable[tuple[K, Callable[[], T]]]) -> Iterator[tuple[K, T]]:
        """Run them."""
        source = iter(jobs)
        while together := list(itertools.islice(source, self._width)):
            yield from [(word, job()) for word, job in together]


def _ports(process: Process) -> dict[str, Any]:
    return {"sources": process, "records": process.records, "report": process, "clock": process, "timing": _TIMING}


def _identity(task: str, attempt: int) -> dict[str, Any]:
    return {"owner": Owner(task, attempt), "mark": f"{task}/{attempt}/{next(_NUMBERS)}"}


def _key(store_as: str | None) -> StoreKey:
    return StoreKey() if store_as is None else StoreKey(store_as)


def _wish(name: str, store_as: str | None, if_exists: str, on_missing_secret: str, fields: Mapping[str, Any]) -> Wish:
    source = read_register(**{"provider": "slack", "name": name, **fields})
    return Wish(SANDBOX, source, if_exists=if_exists, on_missing_secret=on_missing_secret, key=_key(store_as))


def _registered(done: Registered) -> Told:
    outcome = "created" if done.is_new else "updated" if done.is_changed else "unchanged"
    return Told(outcome, done.source.data_source_id, done.stored_as)


def _listed(outcome: Outcome) -> Told:
    done = outcome.registered
    word = _OUTCOMES.get(outcome.act, outcome.act)
    if done is None:
        return Told(word, error=outcome.error)
    return Told(word, done.source.data_source_id, done.stored_as)


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
            wish = _wish(name, store_as, if_exists, on_missing_secret, given)
            registration = Registration(wish, secrets=process.secrets, **_ports(process), **_identity(task, attempt))
            return [_registered(registration.run())]

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
    **script: Unpack[Script],
) -> Process:
    """Start one try of ``RegisterSourcesOperator``, with a list of sources that differ by their names."""
    given = {"ingestion_mode": ingestion_mode, **(fields or {})}

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            wishes = [_wish(name, store_as, if_exists, on_missing_secret, given) for name in names]
            _check_keys(wishes)
            batch = Batch(
                wishes,
                secrets=process.secrets,
                pool=_InTurn(),
                mask=lambda _: None,
                **_ports(process),
                **_identity(task, attempt),
            )
            return [_listed(outcome) for outcome in batch.run()]

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
            source = _named(name, data_source_id).there(process, SANDBOX)
            rotation = Rotation(
                _wish(source.name, store_as, "reuse", "fail", {"ingestion_mode": "realtime"}),
                found=source,
                keep_previous=keep_previous,
                secrets=process.secrets,
                **_ports(process),
                **_identity(task, attempt),
            )
            done = rotation.run()
            return [Told("updated", done.source.data_source_id, done.stored_as)]

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
            declared = read_declared(new_name=new_name, **(fields or {}))
            change = Change(SANDBOX, _named(name, data_source_id), declared)
            done = Changing(change, **_ports(process), **_identity(task, attempt)).run()
            return [Told("updated" if done.names else "unchanged", done.source.data_source_id)]

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

    :param teardown_of: the task of the setup that this is the teardown of, as ``task`` names it; today's protocol knows
        no such thing.
    """

    def build(process: Process) -> _Work:
        def act() -> list[Told]:
            source = _named(name, data_source_id).found(process)
            if source is None:
                return [Told("unchanged")]
            deletion = Deletion(
                SANDBOX,
                key=_key(store_as),
                secrets=process.secrets if remove_secret else None,  # type: ignore[arg-type]
                purge=purge,
                **_ports(process),
            )
            deletion.run(source)
            return [Told("deleted", source.data_source_id)]

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
            source = _named(name, data_source_id).found(process)
            if source is None or source.status in DEAD:
                return [Told("unchanged")]
            process.disconnect_source(source.data_source_id)
            return [Told("updated", source.data_source_id)]

        return _Work(act)

    return Process(world, build, **script)


def _named(name: str, data_source_id: str | None) -> Named:
    return Named(provider="slack", name=name) if data_source_id is None else Named(data_source_id=data_source_id)


def register(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``RegisterSourceOperator``."""
    return _to_its_end(start_register(world, name, **how))


def register_list(world: World, names: Iterable[str] = ("n",), **how: Any) -> Process:
    """Run one try of ``RegisterSourcesOperator``."""
    return _to_its_end(start_register_list(world, names, **how))


def rotate(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``RotateWebhookSecretOperator``."""
    return _to_its_end(start_rotate(world, name, **how))


def update(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``UpdateSourceOperator``."""
    return _to_its_end(start_update(world, name, **how))


def rename(world: World, name: str = "n", new_name: str = "new", **how: Any) -> Process:
    """Run one try of ``UpdateSourceOperator`` with a new name."""
    return _to_its_end(start_rename(world, name, new_name, **how))


def delete(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``DeleteSourceOperator``."""
    return _to_its_end(start_delete(world, name, **how))


def disconnect(world: World, name: str = "n", **how: Any) -> Process:
    """Run one try of ``DisconnectSourceOperator``."""
    return _to_its_end(start_disconnect(world, name, **how))


def _to_its_end(process: Process) -> Process:
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
    return _to_its_end(start_one(way, world, name, **how))


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
    return failures.is_final(error)


def seed(world: World, name: str = "n", *, ingestion_mode: str = "realtime", **fields: Any) -> str:
    """Put a source there as if somebody had made it by hand long ago, and return its id."""
    source_id = world.names(len(world.rows) + 1)
    secret = world.mint() if ingestion_mode == "realtime" else None
    known = {"provider": "slack", "name": name, "ingestion_mode": ingestion_mode, **fields}
    world.rows[source_id] = Row(known, secret, world.now - 1000)
    return source_id
