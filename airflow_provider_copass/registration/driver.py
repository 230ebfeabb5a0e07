"""Runs the steps of many sources side by side.

What is done about a source is written as one generator, from its first look to its last write. It yields what it needs
of others, and the driver serves alike requests together: entries are read with one proof, many leases wait one pause,
one list serves all, and writes to the API go out side by side. One source alone is a list of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassAnswerError, CopassError, CopassNotFoundError
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.ports import Moment

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.registration.ports import Guard, Runtime

T = TypeVar("T")

_MOST_READS = 8
"""How many entries are read before the first of them is claimed: all that has to fit into the lease pause."""
_LIST_LASTS = 10.0
"""Seconds for which a list tells whether sources are in place."""
_MOST_GETS = 3
"""How many sources are read one by one; for more a list is cheaper."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read journal texts: gives them by name, and the moment before the first was read."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeasePause:
    """Wait the lease pause."""


@dataclass(frozen=True, slots=True)
class ListSources:
    """List the sources, all or those of a provider: gives the inventory."""

    provider: str | None


@dataclass(frozen=True, slots=True)
class GetSource:
    """Read a source: gives it, or None if there is none."""

    source_id: str


@dataclass(frozen=True, slots=True)
class SendWrite:
    """Send a write, in a thread: gives its answer.

    :param call: the write.
    :param before_attempt: called right before each attempt, in that thread; it neither logs nor touches the journal.
    """

    call: Call[Any]
    before_attempt: Guard


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait some seconds, as others do."""

    seconds: float


Request = Read | LeasePause | ListSources | GetSource | SendWrite | Wait
_Answer = tuple[int, Any, BaseException | None]
"""The number of a generator, and what it is to go on with."""
_ORDER = (Read, LeasePause, GetSource, ListSources, Wait)
"""Which kind of request is served first: what all the others have to wait for."""
Steps = Generator[Request, Any, T]


class Driver:
    """Runs generators to their ends.

    :param runtime: what this try works with.
    :param on_end: is told of each end as it comes: what was returned, or the error.
    """

    def __init__(self, runtime: Runtime, on_end: Callable[[object], None] = lambda _: None) -> None:
        self._rt = runtime
        self._on_end = on_end
        self._listed: tuple[Inventory, float] | None = None

    def run(self, steps: Sequence[Steps[T]]) -> list[T | CopassError]:
        """Run them side by side.

        :return: in their order, what each returned, or the error that it raised.
        """
        results: dict[int, T | CopassError] = {}
        ready: deque[_Answer] = deque((number, None, None) for number in range(len(steps)))
        asked: list[tuple[int, Request]] = []
        sent: dict[object, int] = {}
        while ready or asked or sent:
            if sent and (not ready or len(sent) >= self._rt.pool.width):
                # An answer may hold a secret: nothing else is asked for or waited for before it is handled.
                ticket, value, error = self._rt.pool.wait()
                number = sent.pop(ticket)
            elif ready:
                number, value, error = ready.popleft()
            else:
                ready.extend(self._serve(asked))
                continue
            try:
                request = steps[number].send(value) if error is None else steps[number].throw(error)
            except StopIteration as done:
                results[number] = done.value
            except CopassError as failure:
                results[number] = failure
            else:
                if isinstance(request, SendWrite):
                    send = partial(self._rt.client.send, request.call, before_attempt=request.before_attempt)
                    sent[self._rt.pool.submit(send)] = number
                else:
                    asked.append((number, request))
                continue
            self._on_end(results[number])
        return [results[number] for number in range(len(steps))]

    def run_one(self, steps: Steps[T]) -> T:
        """Run one alone, and return what it returned; raises what it raised."""
        [result] = self.run([steps])
        if isinstance(result, CopassError):
            raise result
        return result

    def _serve(self, asked: list[tuple[int, Request]]) -> list[_Answer]:
        """Take the requests of one kind, and give each its answer, or what went wrong."""
        kind = min((type(request) for _, request in asked), key=_ORDER.index)
        served = [each for each in asked if isinstance(each[1], kind)]
        if kind is Read:
            served = served[:_MOST_READS]
        numbers = [number for number, _ in served]
        asked[:] = [each for each in asked if each[0] not in numbers]
        if kind is GetSource and len(served) <= _MOST_GETS:
            # What goes wrong with one source is not the others'.
            return [answer for each in served for answer in self._serve_together([each])]
        return self._serve_together(served)

    def _serve_together(self, served: Sequence[tuple[int, Request]]) -> list[_Answer]:
        numbers = [number for number, _ in served]
        try:
            answers = self._answers([request for _, request in served])
        except CopassError as error:
            return [(number, None, error) for number in numbers]
        return [(number, answer, None) for number, answer in zip(numbers, answers, strict=True)]

    def _answers(self, requests: Sequence[Any]) -> Iterable[Any]:
        """Return the answers to requests of one kind."""
        rt = self._rt
        if isinstance(requests[0], LeasePause | ListSources):
            # From here on an older list tells nothing: what it shows may be gone.
            self._listed = None
        match requests[0]:
            case Read():
                looked = Moment.of(rt.clock)
                texts = rt.journal.read(tuple(dict.fromkeys(name for request in requests for name in request.names)))
                return [({name: texts[name] for name in request.names}, looked) for request in requests]
            case GetSource():
                ids = sorted({request.source_id for request in requests})
                if len(ids) > _MOST_GETS:
                    found: Mapping[str, Source | None] = self._recent_list().by_id
                else:
                    found = {source_id: get_source(rt, source_id) for source_id in ids}
                return [found.get(request.source_id) for request in requests]
            case ListSources():
                providers = {request.provider for request in requests}
                inventory = list_sources(rt, providers.pop() if len(providers) == 1 else None)
                return [inventory for _ in requests]
            case LeasePause():
                rt.clock.sleep(rt.timing.lease_pause)
            case Wait():
                rt.clock.sleep(min(request.seconds for request in requests))
        return [None for _ in requests]

    def _recent_list(self) -> Inventory:
        """Return a list that serves several chunks, as long as no lease is acquired."""
        now = self._rt.clock.monotonic()
        if self._listed is None or now - self._listed[1] > _LIST_LASTS:
            self._listed = (list_sources(self._rt), now)
        return self._listed[0]


def list_sources(runtime: Runtime, provider: str | None = None) -> Inventory:
    """List the sources, or those of one provider.

    :raises CopassAnswerError: if the list is cut short.
    """
    begun = Moment.of(runtime.clock)
    listed = runtime.client.send(calls.list_sources(runtime.sandbox_id, provider=provider))
    return Inventory.of_list(listed, now=runtime.clock.now(), took=begun.age(runtime.clock))


def get_source(runtime: Runtime, source_id: str) -> Source | None:
    """Read one source; None if there is none."""
    try:
        source = runtime.client.send(calls.get_source(runtime.sandbox_id, source_id))
    except CopassNotFoundError:
        return None
    check_answered(source, source_id, "get_source")
    return source


def check_answered(source: Source, source_id: str, operation: str) -> None:
    """Refuse an answer that is about another source.

    :raises CopassAnswerError: if it is.
    """
    if source.data_source_id != source_id:
        raise CopassAnswerError(
            f"{operation}: source {source_id} was asked for, and the answer is about another one. Nothing was "
            "concluded from it. Check that the connection's host is the Copass API.",
            operation=operation,
        )
