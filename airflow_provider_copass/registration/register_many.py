"""Registering a list of sources: each by the steps for one, side by side; and the plan of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeGuard

from airflow_provider_copass.errors import (
    CopassAuthenticationError,
    CopassCallError,
    CopassError,
    CopassNotFoundError,
    CopassPermissionError,
    CopassStatusError,
    EntryBusyError,
    EntryFormatError,
    JournalError,
    SecretStoreError,
)
from airflow_provider_copass.registration.decide import decide, ids_to_look_up
from airflow_provider_copass.registration.driver import Driver, get_source, list_sources
from airflow_provider_copass.registration.journal import (
    Completed,
    Pending,
    entry_name,
    from_text,
    known_of,
    settled_part,
)
from airflow_provider_copass.registration.register import Registered, Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.ports import Log, Runtime
    from airflow_provider_copass.registration.spec import SourceSpec

CHUNK = 100
"""How many sources are registered side by side: as many leases are held at most."""
_FAILURES_IN_A_ROW = 10
"""How many calls may fail one after the other before the rest is left to the next try."""

_OF_THE_SANDBOX = {"list_sources", "register_source"}
"""The calls whose 404 is about the sandbox; that of another call is about its source."""


class SkippedError(CopassError):
    """A source was not tried. Never leaves the protocol."""


class Brake:
    """Stops the POSTs of a list once something is wrong with all of them, and not with one source.

    :param log: where to say why.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._in_a_row = 0
        self.is_on = False

    def check(self) -> None:
        """Refuse to send one more POST.

        :raises SkippedError: if none is to be sent.
        """
        if self.is_on:
            raise SkippedError

    def count(self, end: object) -> None:
        """Count how one source ended: with an error, or else well."""
        if not isinstance(end, CopassError):
            self._in_a_row = 0
        elif _is_hopeless(end):
            self._stop(f"the server answered {end.status}")
        elif isinstance(end, SecretStoreError | JournalError) and not isinstance(end, EntryFormatError):
            # Each further source would be one whose secret is lost.
            self._stop("what was registered cannot be stored")
        elif isinstance(end, CopassCallError) and not end.is_final:
            self._in_a_row += 1
            if self._in_a_row >= _FAILURES_IN_A_ROW:
                self._stop(f"{self._in_a_row} calls have failed one after the other")

    def _stop(self, why: str) -> None:
        if not self.is_on:
            self._log.warning("Registering no more sources: %s. A retry continues from here.", why)
        self.is_on = True


def _is_hopeless(error: CopassError) -> TypeGuard[CopassStatusError]:
    """Tell whether what is wrong with one call is wrong with all of them."""
    if isinstance(error, CopassNotFoundError):
        return error.operation in _OF_THE_SANDBOX
    return isinstance(error, CopassAuthenticationError | CopassPermissionError)


OutcomeWord = Literal["created", "unchanged", "updated", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source of a list, or what would become of it.

    :param spec: what is declared.
    :param outcome: ``created``, ``unchanged``, ``updated``, ``failed``, or ``skipped``: what went wrong with another
        one would have gone wrong with it as well.
    :param registered: the source; None if it failed, was skipped, or is only planned.
    :param error: why it failed.
    :param changed: of a plan, the names of the fields that differ.
    :param why: of a plan, what a person should know.
    :param planned_id: of a plan, the id of the source that exists; empty if none does.
    """

    spec: SourceSpec
    outcome: OutcomeWord
    registered: Registered | None = None
    error: CopassError | None = None
    changed: tuple[str, ...] = ()
    why: str = ""
    planned_id: str = ""

    @property
    def data_source_id(self) -> str:
        """The id of the source; empty if there is none."""
        return self.planned_id if self.registered is None else self.registered.source.data_source_id


def _say_nothing(_: str, /, *__: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A log that says what a person should know, if anything, and not what is so a thousand times."""

    warning: Callable[..., object] = _say_nothing
    info: Callable[..., object] = _say_nothing


def register_many(specs: Sequence[SourceSpec], runtime: Runtime) -> list[Outcome]:
    """Ensure that sources exist and their webhook secrets are stored.

    :param specs: the sources, of one sandbox; no two of the same identity.
    :param runtime: what this try works with.
    :return: what became of each, in their order: one that fails leaves the others as they are.
    :raises CopassInputError: before any request, if the store cannot hold a key.
    """
    brake = Brake(runtime.log)
    quiet = replace(runtime, log=_Quiet(runtime.log.warning))
    registrations = [Registration(spec, quiet, before_post=brake.check) for spec in specs]
    for registration in registrations:
        registration.check()
    driver = Driver(quiet, on_end=brake.count)
    results: dict[Registration, Registered | CopassError] = {}

    def run(some: Sequence[Registration], *, is_patient: bool) -> None:
        if brake.is_on:
            results.update({each: results.get(each) or SkippedError() for each in some})
            return
        ended = driver.run([each.steps(is_patient=is_patient) for each in some])
        results.update(zip(some, ended, strict=True))

    for begin in range(0, len(registrations), CHUNK):
        chunk = registrations[begin : begin + CHUNK]
        # What another task holds is left for later: no task waits for a whole list.
        run(chunk, is_patient=False)
        if len(registrations) > CHUNK:
            runtime.log.info("%d of %d sources are done.", len(results), len(registrations))
    # One that owes something has waited for long already.
    held = [each for each in registrations if isinstance(results[each], EntryBusyError) and not each.owes]
    if held:
        run(held, is_patient=True)
    _warn_of_duplicates([each for each in results.values() if isinstance(each, Registered)], specs, runtime)
    return [_outcome(each.spec, results[each]) for each in registrations]


def _outcome(spec: SourceSpec, result: Registered | CopassError) -> Outcome:
    if isinstance(result, Registered):
        return Outcome(spec, result.outcome, result)
    if isinstance(result, SkippedError):
        return Outcome(spec, "skipped")
    return Outcome(spec, "failed", error=result)


def _warn_of_duplicates(registered: Sequence[Registered], specs: Sequence[SourceSpec], runtime: Runtime) -> None:
    """Look once more at what a list has created: duplicates are seen whenever a list is made."""
    created = [each.source for each in registered if each.outcome == "created"]
    if len(specs) == 1 or not created:
        return
    try:
        inventory = list_sources(runtime)
    except CopassCallError as error:
        runtime.log.warning("The sources were not listed once more, to look for duplicates (%s).", type(error).__name__)
        return
    by_id = {source.data_source_id: source for source in created}
    for spec in specs:
        ids = [source.data_source_id for source in inventory.matching(spec.identity)]
        if len(ids) > 1 and any(source_id in by_id for source_id in ids):
            runtime.on_duplicates(len(ids) - 1)
            runtime.log.warning("Several live sources are %s, and were not touched: %s.", spec.label, ", ".join(ids))


def plan_many(specs: Sequence[SourceSpec], runtime: Runtime) -> list[Outcome]:
    """Tell what registering a list would do, and do nothing of it.

    :param specs: the sources, of one sandbox.
    :param runtime: what this try works with; its journal writes nothing.
    :raises CopassInputError: if the store cannot hold a key.
    :raises CopassCallError: if the sources cannot be listed.
    """
    quiet = replace(runtime, log=_Quiet())
    registrations = [Registration(spec, quiet) for spec in specs]
    for registration in registrations:
        registration.check()
    names = [entry_name(spec.identity) for spec in specs]
    texts = runtime.journal.read(names)
    inventory = list_sources(runtime)
    return [
        _planned(registration, texts[name], name, inventory, runtime)
        for registration, name in zip(registrations, names, strict=True)
    ]


def _planned(
    registration: Registration, text: str | None, name: str, inventory: Inventory, runtime: Runtime
) -> Outcome:
    spec = registration.spec
    outcome: OutcomeWord
    try:
        entry = from_text(text, name=name)
        if isinstance(entry, Pending) and entry.lease_token:
            return Outcome(spec, "skipped", why="another task works on it, or died while it did")
        unlisted = [get_source(runtime, source_id) for source_id in ids_to_look_up(entry, inventory)]
        known_inventory = inventory.with_sources(source for source in unlisted if source is not None)
        decision = decide(spec.identity, entry, known_inventory, runtime.timing)
        source = decision.source
        if source is None:
            registration.check_create(settled_part(entry))
            return Outcome(spec, "created")
        source_id = source.data_source_id
        if decision.step == "finish":
            outcome = "created" if known_of(entry, source_id) is None else "unchanged"
            return Outcome(spec, outcome, why="an interrupted try is finished", planned_id=source_id)
        known = known_of(entry, source_id) or Completed(source_id)
        seen = registration.assess(known, source, before=settled_part(entry))
    except CopassError as error:
        return Outcome(spec, "failed", error=error, why=str(error))
    outcome, why = "updated" if seen.asks_for_update else "unchanged", ""
    if seen.asks_for_secret:
        outcome, why = "updated", "its webhook secret is not in the store: a new one is minted"
    elif seen.secret == "missing" and spec.on_missing_secret == "fail":
        outcome, why = "failed", "its webhook secret is not in the store, and on_missing_secret is 'fail'"
    return Outcome(spec, outcome, changed=seen.differing, why=why, planned_id=source_id)
