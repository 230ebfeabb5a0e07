"""Runs the steps of many sources side by side.

What is done about a source is written as one generator, from its first look to its last write. It yields what it needs
of others, and the driver serves alike requests together: entries are read with one proof, many leases wait one pause,
one list serves all, and writes to the API go out side by side. One source alone is a list of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.errors import CopassAnswerError, CopassError, CopassNotFoundError
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.ports import Moment

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Runtime

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
class Pause:
    """Wait the lease pause."""


@dataclass(frozen=True, slots=True)
class ListSources:
    """List the sources of a provider: gives the inventory."""

    provider: str


@dataclass(frozen=True, slots=True)
class GetSource:
    """Read a source: gives it, or None if there is none."""

    source_id: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a write: gives what the job returns. The job runs in a thread; it neither logs nor touches the journal."""

    job: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait some seconds, as others do."""

    seconds: float


Request = Read | Pause | ListSources | GetSource | Send | Wait
Steps = Generator[Request, Any, T]


class Driver:
    """Runs generators to their ends.

    :param runtime: what this try works with.
    :param on_failure: is told of each error that ends one.
    """

    def __init__(self, runtime: Runtime, on_failure: Callable[[CopassError], None] = lambda _: None) -> None:
        self._rt = runtime
        self._on_failure = on_failure
        self._steps: Sequence[Steps[Any]] = ()
        self._ready: deque[tuple[int, Any, BaseException | None]] = deque()
        self._asked: list[tuple[int, Request]] = []
        self._sent: dict[object, int] = {}
        self._results: dict[int, Any] = {}
        self._listed: tuple[Inventory, float] | None = None

    def run(self, steps: Sequence[Steps[T]]) -> list[T | CopassError]:
        """Run them side by side.

        :return: in their order, what each returned, or the error that it raised.
        """
        self._steps = steps
        self._results = {}
        self._ready.extend((number, None, None) for number in range(len(steps)))
        while self._ready or self._asked or self._sent:
            if self._sent and (not self._ready or len(self._sent) >= self._rt.pool.width):
                # An answer may hold a secret, so it comes before all else.
                ticket, result, error = self._rt.pool.wait()
                self._resume(self._sent.pop(ticket), result, error)
            elif self._ready:
                self._resume(*self._ready.popleft())
            else:
                self._serve()
        return [self._results[number] for number in range(len(steps))]

    def _resume(self, number: int, value: Any, error: BaseException | None) -> None:
        """Let one generator go on, up to its next request or its end."""
        steps = self._steps[number]
        try:
            request = steps.send(value) if error is None else steps.throw(error)
        except StopIteration as done:
            self._results[number] = done.value
        except CopassError as failure:
            self._on_failure(failure)
            self._results[number] = failure
        else:
            if isinstance(request, Send):
                self._sent[self._rt.pool.submit(request.job)] = number
            else:
                self._asked.append((number, request))

    def _serve(self) -> None:
        """Serve the requests of one kind; those that all the others have to wait for come first."""
        reads = [(number, request) for number, request in self._asked if isinstance(request, Read)][:_MOST_READS]
        if reads:
            self._answer(reads, lambda: self._read([request for _, request in reads]))
            return
        serves: dict[type[Any], Callable[[Sequence[Any]], Callable[[Any], Any]]] = {
            Pause: self._pause,
            GetSource: self._get_sources,
            ListSources: self._list_sources,
            Wait: self._wait,
        }
        kind = next(kind for kind in serves if any(isinstance(request, kind) for _, request in self._asked))
        of_kind = [(number, request) for number, request in self._asked if isinstance(request, kind)]
        self._answer(of_kind, lambda: serves[kind]([request for _, request in of_kind]))

    def _answer(self, asked: Sequence[tuple[int, Request]], serve: Callable[[], Callable[[Any], Any]]) -> None:
        """Give each what it asked for, or what went wrong."""
        numbers = {number for number, _ in asked}
        self._asked = [each for each in self._asked if each[0] not in numbers]
        try:
            answer = serve()
        except CopassError as error:
            self._ready.extend((number, None, error) for number, _ in asked)
        else:
            self._ready.extend((number, answer(request), None) for number, request in asked)

    def _read(self, requests: Sequence[Read]) -> Callable[[Any], Any]:
        looked = Moment.of(self._rt.clock)
        names = tuple(dict.fromkeys(name for request in requests for name in request.names))
        texts = self._rt.journal.read(names)
        return lambda request: ({name: texts[name] for name in request.names}, looked)

    def _pause(self, _: Sequence[Any]) -> Callable[[Any], Any]:
        self._rt.clock.sleep(self._rt.timing.lease_pause)
        return lambda _: None

    def _get_sources(self, requests: Sequence[GetSource]) -> Callable[[Any], Any]:
        ids = {request.source_id for request in requests}
        found: Mapping[str, Source | None]
        if len(ids) > _MOST_GETS:
            found = self._recent_list().by_id
        else:
            found = {source_id: get_source(self._rt, source_id) for source_id in sorted(ids)}
        return lambda request: found.get(request.source_id)

    def _recent_list(self) -> Inventory:
        """Return a list that serves several chunks: what it does not show is looked for under the lease."""
        now = self._rt.clock.monotonic()
        if self._listed is None or now - self._listed[1] > _LIST_LASTS:
            self._listed = (self._list(None), now)
        return self._listed[0]

    def _list_sources(self, requests: Sequence[ListSources]) -> Callable[[Any], Any]:
        providers = {request.provider for request in requests}
        inventory = self._list(providers.pop() if len(providers) == 1 else None)
        return lambda _: inventory

    def _list(self, provider: str | None) -> Inventory:
        listed = self._rt.sources.list_sources(provider)
        return Inventory.of_list(listed, now=self._rt.clock.now())

    def _wait(self, requests: Sequence[Wait]) -> Callable[[Any], Any]:
        self._rt.clock.sleep(min(request.seconds for request in requests))
        return lambda _: None


def run_alone(steps: Steps[T], runtime: Runtime) -> T:
    """Run the steps of one source.

    :raises CopassError: what they raise.
    """
    [result] = Driver(runtime).run([steps])
    if isinstance(result, CopassError):
        raise result
    return result


def get_source(runtime: Runtime, source_id: str) -> Source | None:
    """Read one source; None if there is none."""
    try:
        source = runtime.sources.get_source(source_id)
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
