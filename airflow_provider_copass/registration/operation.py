"""What every operation has in common: the wait for an entry that is held, the lease around the work, the looks."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import (
    CopassAnswerError,
    CopassError,
    CopassNotFoundError,
    DuplicateSourcesError,
    EntryBusyError,
    SourceChangedError,
    SourceMissingError,
)
from airflow_provider_copass.registration.decide import DATE_SLACK, ids_to_look_up, may_still_act
from airflow_provider_copass.registration.driver import Driver, GetSource, LeasePause, ListSources, Read, Wait
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.journal import completed_of, from_text, kind_of_name, known_of
from airflow_provider_copass.registration.lease import (
    HeldError,
    Lease,
    LookAgainError,
    LostLeaseError,
    give_back,
    read_entry,
)
from airflow_provider_copass.registration.minter import AtRisk, Minter
from airflow_provider_copass.registration.spec import Identity, StoreKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.journal import Completed, Entry
    from airflow_provider_copass.registration.location import LocationClaim
    from airflow_provider_copass.registration.ports import Moment, Runtime
    from airflow_provider_copass.registration.spec import SourceRef

_LONGEST_POLL = 5.0
"""Seconds: no pause between two looks is longer."""

T = TypeVar("T")


class Operation(Generic[T]):
    """Something that is done about a source, once, whatever is in its way.

    :param runtime: what this try works with.
    :param label: the source, for messages.
    """

    minted_by = ""
    """The task instance that was asked to rotate; empty if none was."""

    def __init__(self, runtime: Runtime, label: str) -> None:
        self._rt = runtime
        self._label = label
        self.at_risk = AtRisk()
        self._leases: dict[Identity, Lease] = {}
        self._locations: set[str] = set()
        self._began = 0.0

    def check(self) -> None:
        """Refuse what can be refused before any request."""

    @abstractmethod
    def attempt(self) -> Steps[T]:
        """Look, and do what can be done. Leases that are still held when it fails are given back, with the facts.

        :raises LookAgainError: if what was seen has changed since.
        """

    def run(self) -> T:
        """Do it.

        :raises CopassInputError: before any request, if what is declared breaks a rule.
        :raises CopassRegistrationError: if the source cannot be as declared; the message says what to do.
        :raises CopassCallError: if a call failed.
        """
        self.check()
        return Driver(self._rt).run_one(self.steps())

    @property
    def owes(self) -> bool:
        """Whether this process must make up for something that it did while another one held the lease."""
        return bool(self.at_risk)

    def steps(self, *, is_patient: bool = True) -> Steps[T]:
        """Attempt it until it could be done, for as long as another task may be waited for.

        :param is_patient: wait for an entry that another task holds.
        :raises EntryBusyError: if another task holds it for longer.
        :raises CopassError: what :meth:`attempt` raises.
        """
        clock, timing = self._rt.clock, self._rt.timing
        since: float | None = None
        is_last = is_debtor = False
        # Many that wait for one do not look at the same moment, nor often: that alone could slow the one down.
        pause, jitter = timing.poll_interval, Random(self._rt.token)  # noqa: S311 - nothing secret
        self._began = clock.now()
        while True:
            sent = self._sent()
            try:
                try:
                    if self.at_risk:
                        yield from self._mint_again()
                    return (yield from self.attempt())
                except (CopassError, LookAgainError):
                    give_back(self._leases.values())
                    raise
            except (CopassError, LookAgainError) as error:
                failure = error
            if isinstance(failure, LostLeaseError) and self._sent() > sent:
                # Another process has worked on the source since: what is owed now is another debt.
                is_debtor = False
            if self.owes and not is_debtor:
                # However long it has waited until now: the time to make up for something begins with what it owes.
                is_debtor, is_last, since = True, False, None
            if isinstance(failure, HeldError) and not (is_patient or self.owes):
                is_last = True
            if isinstance(failure, CopassError) and (failure.is_final or is_last or not self._is_untold()):
                raise failure
            if is_last:
                raise EntryBusyError(self._busy(failure))
            since = clock.monotonic() if since is None else since
            yield Wait(jitter.uniform(0.5, 1.0) * pause)
            pause = min(2 * pause, _LONGEST_POLL)
            # A process that was paused for long looks once more before it gives up.
            limit = 2 * timing.takeover_after if self.owes else timing.wait_timeout
            is_last = clock.monotonic() - since > limit

    def _sent(self) -> int:
        """Return how often this process has changed anything but the journal."""
        return sum(lease.sent for lease in self._leases.values())

    def _is_untold(self) -> bool:
        """Tell whether no entry tells what this process owes, or that a write which it has noted was not sent."""
        return any(
            lease.is_note_unsent or (self.owes and (lease.was_lost or lease.was_late))
            for lease in self._leases.values()
        )

    def identity_of(self, source: Source) -> Identity:
        """Return the identity of a source as it is now."""
        return Identity(self._rt.sandbox_id, source.provider, source.name)

    def lease_on(self, identity: Identity) -> Lease:
        """Return this process's lease on an identity, which remembers whether it was lost."""
        return self._leases.setdefault(identity, Lease(identity, self._rt))

    def acquire(
        self,
        leases: Sequence[Lease],
        *,
        locations: Sequence[LocationClaim] = (),
        seen: tuple[Entry | None, Moment] | None = None,
    ) -> Steps[None]:
        """Claim leases and locations, each in its order, and wait the lease pause. Each is verified by its next look.

        :param seen: what the entry of the only lease was a moment ago; None to read it.
        :raises HeldError: if another process holds one.
        """
        self._locations |= {location.name for location in locations}
        ordered = sorted(leases, key=lambda lease: lease.name)
        if seen is None:
            texts, looked = yield Read(tuple(lease.name for lease in ordered))
            entries = [from_text(texts[lease.name], name=lease.name) for lease in ordered]
        else:
            entries, looked = [seen[0]], seen[1]
        for lease, entry in zip(ordered, entries, strict=True):
            if not lease.may_acquire(entry):
                raise HeldError(lease.name)
        for lease, entry in zip(ordered, entries, strict=True):
            lease.claim(entry, looked)
        for location in sorted(locations, key=lambda location: location.name):
            yield from location.claim()
        yield LeasePause()

    def list_all(self, lease: Lease) -> Steps[Inventory]:
        """List what lives, and read what the entry in hand knows and the list does not show.

        :raises CopassAnswerError: if the list is cut short.
        """
        listed: Inventory = yield ListSources(lease.identity.provider)
        inventory = yield from self._look_up_known(lease, listed)
        for source in inventory.matching(lease.identity):
            if source.data_source_id not in listed.by_id:
                raise CopassAnswerError(
                    f"list_sources: the list is cut short: it does not hold source {source.data_source_id}, which "
                    "lives. Nothing was concluded from it. Try again later.",
                    operation="list_sources",
                )
        return inventory

    def _look_up_known(self, lease: Lease, inventory: Inventory) -> Steps[Inventory]:
        """Read what the entry in hand knows and an inventory does not show."""
        found = []
        for source_id in ids_to_look_up(lease.held, inventory):
            source: Source | None = yield GetSource(source_id)
            if source is not None:
                found.append(source)
        return inventory.with_sources(found) if found else inventory

    def look_beside(self, source: Source | None, lease: Lease) -> Steps[Inventory]:
        """Return a source that was just read, before all others, and what else the entry of its identity knows.

        :raises LookAgainError: if it has another identity now.
        """
        if source is not None and self.identity_of(source) != lease.identity:
            raise LookAgainError
        return (yield from self._look_up_known(lease, Inventory.of([] if source is None else [source])))

    def look_until_settled(self, leases: Sequence[Lease], look: Callable[[], Steps[Inventory]]) -> Steps[Inventory]:
        """Look, with the leases in hand, until no write may still take effect that an entry or this process knows.

        The entries tell by then what became of a deletion.
        """
        timing = self._rt.timing
        pause = timing.poll_interval
        while True:
            unsettled = [(lease, write) for lease in leases for write in lease.unsettled()]
            is_hidden = any(lease.may_hide_a_write() for lease in leases)
            inventory = yield from look()
            for lease in leases:
                lease.verify()
            is_open = any(
                may_still_act(write, lease.identity, lease.held, inventory, timing) for lease, write in unsettled
            )
            if not is_open and not is_hidden:
                for lease in leases:
                    lease.resolve(inventory)
                return inventory
            yield Wait(pause)
            pause = min(2 * pause, _LONGEST_POLL)

    def _mint_again(self) -> Steps[None]:
        """Mint once more what this process may have voided, wherever another one has completed it since."""
        texts, _ = yield Read(tuple(self._locations))
        names = {lease.name for lease in self._leases.values()}
        names |= {name for name in texts.values() if name is not None and kind_of_name(name) == "source"}
        source_ids = {*self.at_risk.source_ids, *self.at_risk.keys.values()}
        for name in sorted(names):
            entry, _ = yield from read_entry(name)
            known = completed_of(entry)
            if known is not None and self._is_at_risk(known):
                source_ids.add(known.source_id)
        for source_id in sorted(source_ids):
            source: Source | None = yield GetSource(source_id)
            if source is not None and source.is_live:
                yield from self._mint_for(source, self.lease_on(self.identity_of(source)))
        for source_id in source_ids:
            self.at_risk.discard(source_id)

    def _is_at_risk(self, known: Completed) -> bool:
        """Tell whether a secret may be void, by its source, its key, or the place that the key names."""
        return self.at_risk.covers(known) or (bool(self.at_risk.keys) and known.location in self._locations)

    def _mint_for(self, source: Source, lease: Lease) -> Steps[None]:
        """Mint the secret of one source once more, under the name that it has now, if it may be void."""
        lost_at = self.at_risk.lost_at.get(source.data_source_id)
        while lost_at is not None and self._rt.clock.monotonic() - lost_at <= self._rt.timing.settle_timeout:
            yield Wait(_LONGEST_POLL)
        yield from self.acquire([lease])
        known = known_of(lease.held, source.data_source_id)
        is_stored = known is not None and known.key and self._rt.secrets and known.store == self._rt.secrets.name
        if known is None or not is_stored or not self._is_at_risk(known):
            lease.release()
            return
        before = lease.held.rotating
        # If a look fails now, or the mint is refused, the next try mints.
        lease.amend(rotating=known.source_id)

        def look() -> Steps[Inventory]:
            again: Source | None = yield GetSource(known.source_id)
            if again is None or not again.is_live:
                raise LookAgainError
            return (yield from self.look_beside(again, lease))

        yield from self.look_until_settled([lease], look)
        self._rt.log.warning(
            "Minting the webhook secret of source %s once more: this process may have voided it while another task "
            "held the lease.",
            known.source_id,
        )
        minter = Minter(lease, StoreKey(known.key), self.at_risk, self._rt)
        try:
            minted = yield from minter.mint(source, by=self.minted_by)
        except SourceChangedError:
            if self.at_risk.keys.get(known.key, known.source_id) != known.source_id:
                raise
            # The server offers no rotation, so nothing has voided the secret of this source that was stored.
            lease.amend(rotating=before)
            lease.release()
            return
        minter.complete(replace(minted, location=known.location))

    def delete_source(self, source_id: str, lease: Lease) -> Steps[None]:
        """Delete a source, with the lease in hand; one that is gone already is fine."""
        with suppress(CopassNotFoundError):
            yield from lease.send(calls.delete_source(self._rt.sandbox_id, source_id), source_id)

    def came_up_since(self, source: Source, inventory: Inventory) -> bool:
        """Tell whether a source was registered after this process began.

        If this process may have replaced an entry, or lost a lease, what came up since is the work of another one.
        """
        began = self._began + inventory.server_ahead - DATE_SLACK
        return source.created_at is not None and source.created_at.timestamp() >= began

    def _busy(self, failure: Exception) -> str:
        touched = sorted(set().union(*(lease.touched for lease in self._leases.values())))
        done = "Nothing was done."
        if touched:
            done = f"Before that, this process has changed {', '.join(touched)}; look at it if the next try fails, too."
        if not isinstance(failure, HeldError):
            return (
                f"The journal was too slow for {self._label}: a write of an Airflow Variable took longer than "
                f"{self._rt.timing.lease_pause:.0f} seconds again and again, or the lease was lost each time. "
                f"{done} Try again later."
            )
        return (
            f"Another task works on {failure.label or self._label} at this moment, or died while it did (journal "
            f"entry {failure.name!r}). {done} Try again later; if that task no longer runs, delete the entry."
        )


def look_up_steps(ref: SourceRef) -> Steps[Source | None]:
    """Look a source up: by its id with one request, by its name with a list.

    :return: the source; None if there is none, or by its name no live one.
    :raises DuplicateSourcesError: if several live sources have the name.
    """
    identity = ref.identity
    if identity is None:
        source: Source | None = yield GetSource(str(ref.data_source_id))
        if source is None:
            # Of a sandbox that does not exist the list cannot be had either, and that is an error.
            yield ListSources(None)
        return source
    inventory: Inventory = yield ListSources(identity.provider)
    return only_one(ref, inventory.matching(identity))


def require_steps(ref: SourceRef) -> Steps[Source]:
    """Look a source up that has to exist.

    :raises SourceMissingError: if it does not.
    :raises DuplicateSourcesError: if several live sources have the name.
    """
    source = yield from look_up_steps(ref)
    if source is None:
        raise missing(ref)
    return source


def only_one(ref: SourceRef, matching: Sequence[Source]) -> Source | None:
    """Return the one source that a reference names; None if there is none.

    :raises DuplicateSourcesError: if there are several.
    """
    if len(matching) > 1:
        ids = tuple(source.data_source_id for source in matching)
        raise DuplicateSourcesError(
            f"{len(ids)} live sources are {ref}: {', '.join(ids)}. Nothing was done. Name one by its data_source_id.",
            data_source_ids=ids,
        )
    return matching[0] if matching else None


def find_live(ref: SourceRef, sources: Sequence[Source]) -> Source:
    """Return the one live source of a provider and a name.

    :param ref: the reference, by provider and name.
    :param sources: all sources of the sandbox.
    :raises SourceMissingError: if there is none.
    :raises DuplicateSourcesError: if there are several.
    """
    named = (ref.provider, ref.name)
    source = only_one(ref, [each for each in sources if each.is_live and (each.provider, each.name) == named])
    if source is None:
        raise missing(ref)
    return source


def missing(ref: SourceRef) -> SourceMissingError:
    """Return the error of a source that does not exist."""
    return SourceMissingError(
        f"There is no live {ref} in sandbox {ref.sandbox_id!r}. Nothing was done. Check its name or id, or register it "
        "first."
    )


def require(ref: SourceRef, runtime: Runtime) -> Source:
    """Look a source up that has to exist, without a lease; raises what :func:`require_steps` raises."""
    return Driver(runtime).run_one(require_steps(ref))
