"""Every request that reached the emulated API, in the order of arrival."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.waiting import Bell

if TYPE_CHECKING:
    from collections.abc import Callable

# Old requests make room for new ones, so that an emulator that is left running does not grow for ever.
_KEPT = 100_000


@dataclass
class RecordedRequest:
    """One request.

    :param n: its number, counted from 1.
    :param operation: the operation's name; ``unknown`` where no call of the API matches.
    :param body: the JSON body; None where there was none or it was not JSON. In place of a ``text`` to ingest it
        has the text's length and SHA-256.
    :param fields: of the query, the body with its ``text``, and the path: what a fault can match. Forgotten, and never
        shown, once the request is over.
    :param headers: the names of its headers. Their values are not kept: one is the token.
    :param status: the status that was answered; None while it is under way, and where no answer was sent.
    :param effect: the API itself carried the operation out (its own answer was a 2xx), whatever the client
        got to see of it.
    :param answered: nothing more will happen to this request.
    :param faults: the ids of the faults that it met.
    """

    n: int
    operation: str
    method: str
    path: str
    path_params: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: list[str]
    user_agent: str | None
    request_id: str
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    status: int | None = None
    effect: bool = False
    answered: bool = False
    faults: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return a copy as JSON."""
        shown = {name: value for name, value in vars(self).items() if name != "fields"}
        return {**shown, "faults": list(self.faults)}


class RequestsLog:
    """The record of what came in; used on the server's event loop only."""

    def __init__(self) -> None:
        self._bell = Bell()
        self.reset()

    def reset(self) -> None:
        """Forget everything and count from 1 again."""
        self._numbers = itertools.count(1)
        self._requests: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self._bell.ring()

    def close(self) -> None:
        """Let everyone who waits for a request go."""
        self._bell.close()

    def add(self, make: Callable[[int], RecordedRequest]) -> RecordedRequest:
        """Record a request that has just come in.

        :param make: makes the record, given its number.
        """
        request = make(next(self._numbers))
        self._requests.append(request)
        self._bell.ring()
        return request

    def finish(self, request: RecordedRequest, status: int | None) -> None:
        """Record that a request is over.

        :param request: the request.
        :param status: the status that was answered; None where the connection was cut without an answer.
        """
        request.status = status
        request.answered = True
        request.fields = {}
        self._bell.ring()

    async def read(
        self, *, operation: str | None = None, after: int = 0, answered: bool = False, wait: float = 0
    ) -> list[dict[str, Any]]:
        """Return the requests that match, oldest first.

        :param operation: only those of this operation.
        :param after: only those with a greater number.
        :param answered: only those that are over.
        :param wait: wait up to so many seconds for one that matches.
        """

        def matching() -> list[RecordedRequest]:
            return [
                request
                for request in self._requests
                if request.n > after and operation in (None, request.operation) and (request.answered or not answered)
            ]

        await self._bell.wait_until(lambda: bool(matching()), wait)
        return [request.as_json() for request in matching()]
