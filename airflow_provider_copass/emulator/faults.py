"""The script of faults: which request meets which, how often, and who is being held back."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.emulator.errors import ControlError
from airflow_provider_copass.emulator.fault_actions import Action, parse_action
from airflow_provider_copass.emulator.waiting import Bell

if TYPE_CHECKING:
    from airflow_provider_copass.emulator.requests_log import RecordedRequest


class DiscardedError(Exception):
    """The request that was held back is to be forgotten: the emulator was reset or is about to stop."""


@dataclass
class Fault:
    """One rule of the script.

    :param operation: the operation that it is for, or ``*``.
    :param when: ``before`` or ``after`` the operation is carried out.
    :param action: what it does.
    :param times: how many requests it is for; None for no end.
    :param skip: how many matching requests it lets pass first.
    :param match: fields that the request must have, by name: of its body, its query or its path.
    :param hits: how many requests it has met.
    :param passed: how many it has let pass.
    :param waiting: the requests that it holds back now.
    """

    id: int
    operation: str
    when: str
    action: Action
    times: int | None = 1
    skip: int = 0
    match: dict[str, Any] = field(default_factory=dict)
    hits: int = 0
    passed: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def matches(self, request: RecordedRequest, when: str) -> bool:
        """Tell whether this rule is for a request and not spent.

        :param request: the request.
        :param when: ``before`` or ``after``.
        """
        if self.when != when or (self.times is not None and self.hits >= self.times):
            return False
        if self.operation not in ("*", request.operation):
            return False
        fields = request.fields
        return all(name in fields and fields[name] == value for name, value in self.match.items())

    def as_json(self) -> dict[str, Any]:
        """Return the rule and what it has met so far."""
        return {
            "id": self.id,
            "operation": self.operation,
            "when": self.when,
            "action": self.action.as_json(),
            "times": self.times,
            "skip": self.skip,
            "match": self.match,
            "hits": self.hits,
            "passed": self.passed,
            "waiting": len(self.waiting),
        }


class Faults:
    """The rules in their order; used on the server's event loop only.

    :param operations: the names that a rule may be for.
    """

    def __init__(self, operations: frozenset[str]) -> None:
        self._operations = operations
        self._bell = Bell()
        self._ids = itertools.count(1)
        self._rules: list[Fault] = []

    def add(self, script: dict[str, Any]) -> dict[str, Any]:
        """Add a rule behind the others and return it.

        :param script: ``operation`` and ``action``, and as wanted ``when``, ``times``, ``skip``, ``match``.
        :raises ControlError: where it makes no sense.
        """
        action = parse_action(script.get("action"))
        # Only the API's own answer can be cut short.
        when = script.get("when", "after" if action.kind == "truncate" else "before")
        times, skip, match = script.get("times", 1), script.get("skip", 0), script.get("match", {})
        if unknown := set(script) - {"operation", "when", "action", "times", "skip", "match"}:
            raise ControlError(f"a fault has no {', '.join(sorted(unknown))}")
        operation = script.get("operation")
        if not isinstance(operation, str) or operation not in self._operations | {"*"}:
            raise ControlError(f"operation is * or one of {', '.join(sorted(self._operations))}")
        if when not in ("before", "after") or (action.kind == "truncate" and when == "before"):
            raise ControlError("when is before or after; for truncate, after")
        if times is not None and not (isinstance(times, int) and times >= 1):
            raise ControlError("times is a count from 1, or null for no end")
        if not (isinstance(skip, int) and skip >= 0):
            raise ControlError("skip is a count from 0")
        if not isinstance(match, dict):
            raise ControlError("match is an object of fields")
        fault = Fault(next(self._ids), operation, when, action, times, skip, match)
        self._rules.append(fault)
        return fault.as_json()

    def claim(self, request: RecordedRequest, when: str) -> Fault | None:
        """Return the fault that a request meets, and count it.

        A rule that lets the request pass leaves it to the rules behind; one that takes it hides it from them.

        :param request: the request.
        :param when: ``before`` or ``after`` the operation is carried out.
        """
        for fault in self._rules:
            if not fault.matches(request, when):
                continue
            if fault.passed < fault.skip:
                fault.passed += 1
                continue
            fault.hits += 1
            request.faults.append(fault.id)
            self._bell.ring()
            return fault
        return None

    async def hold_back(self, fault: Fault) -> None:
        """Keep a request waiting as long as its fault says, or until it is released.

        :param fault: the fault that it met.
        :raises DiscardedError: where the request is to be forgotten instead.
        """
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fault.waiting.append(released)
        self._bell.ring()
        seconds = fault.action.pause
        try:
            await asyncio.wait_for(released, None if seconds is None or math.isinf(seconds) else seconds)
        except TimeoutError:
            return
        finally:
            fault.waiting.remove(released)
            self._bell.ring()

    def release(self, fault_id: int) -> int:
        """Let go on what a rule holds back, and return how many that are. Later requests are held again.

        :param fault_id: the rule.
        :raises ControlError: for an unknown one.
        """
        for fault in self._rules:
            if fault.id == fault_id:
                return _let_go(fault)
        raise ControlError("no such fault")

    def clear(self) -> int:
        """Forget every rule, let go on what they hold back, and return how many rules there were."""
        rules, self._rules = self._rules, []
        for fault in rules:
            _let_go(fault)
        return len(rules)

    def discard(self) -> None:
        """Forget every rule and every request that one holds back: its connection is closed, without effect."""
        rules, self._rules = self._rules, []
        for fault in rules:
            for released in fault.waiting:
                if not released.done():
                    released.set_exception(DiscardedError())

    def close(self) -> None:
        """Forget everything and let everyone who waits for a hit go."""
        self.discard()
        self._bell.close()

    async def read(
        self, *, fault_id: int | None = None, hits: int = 1, waiting: int = 0, wait: float = 0
    ) -> list[dict[str, Any]]:
        """Return the rules in their order.

        :param fault_id: only this one.
        :param hits: wait until one of them has met so many requests.
        :param waiting: wait until the same one holds so many back, too.
        :param wait: how long to wait for that at most, in seconds.
        """

        def chosen() -> list[Fault]:
            return [fault for fault in self._rules if fault_id in (None, fault.id)]

        def met() -> bool:
            return any(fault.hits >= hits and len(fault.waiting) >= waiting for fault in chosen())

        await self._bell.wait_until(met, wait)
        return [fault.as_json() for fault in chosen()]


def _let_go(fault: Fault) -> int:
    held = [released for released in fault.waiting if not released.done()]
    for released in held:
        released.set_result(None)
    return len(held)
