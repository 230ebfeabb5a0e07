"""Registering one source once, and keeping its secret: the steps, from the first look to the completed entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import (
    CopassCallError,
    CopassConflictError,
    SecretMissingError,
    SourceChangedError,
    SourceExistsError,
)
from airflow_provider_copass.registration.assess import assess
from airflow_provider_copass.registration.decide import DATE_SLACK, created_by, decide, may_still_act, renamed
from airflow_provider_copass.registration.drift import Declared
from airflow_provider_copass.registration.driver import GetSource, ListSources
from airflow_provider_copass.registration.journal import (
    Completed,
    Write,
    completed_of,
    deleted_by_of,
    known_of,
)
from airflow_provider_copass.registration.lease import read_entry
from airflow_provider_copass.registration.minter import Minter
from airflow_provider_copass.registration.operation import Operation
from airflow_provider_copass.registration.update import send_changes

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.assess import Assessment
    from airflow_provider_copass.registration.driver import Steps
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.journal import Pending, Tombstone
    from airflow_provider_copass.registration.ports import Guard, Runtime
    from airflow_provider_copass.registration.spec import SourceSpec

Word = Literal["created", "unchanged", "updated"]
"""What became of a source."""

_POSTS = 2
"""How often one try of a task sends the POST at most."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A source that exists as it is declared, or as far as the task accepts it.

    :param source: the source, without its secret.
    :param outcome: ``created`` (by this task), ``unchanged`` or ``updated``.
    :param stored_as: the key of its secret; None if it has none or it is not stored.
    """

    source: Source
    outcome: Word
    stored_as: str | None = None


class Registration(Operation[Registered]):
    """Ensure that a source exists and its webhook secret is stored.

    :param spec: the source.
    :param runtime: what this try works with.
    :param before_post: called before each POST; what it raises goes to the caller, and nothing is sent.
    """

    def __init__(self, spec: SourceSpec, runtime: Runtime, before_post: Guard = lambda: None) -> None:
        super().__init__(runtime, spec.label)
        self.spec = spec
        self.created_ids: list[str] = []
        self._before_post = before_post
        self._lease = self.lease_on(spec.identity)
        self._minter = Minter(self._lease, spec.store_key, self.at_risk, runtime)
        self._writer = self._minter.writer
        if spec.is_realtime:
            self._minter.prepare_locations()
        self._posts = 0
        # Of the last POST, for the next look that does not show its effect, maybe in another attempt.
        self._failure: CopassCallError | None = None

    def check(self) -> None:
        """Refuse a key that the store cannot hold, before any request."""
        if self.spec.is_realtime:
            self._writer.check()

    def check_create(self, known: Completed | Tombstone | None) -> None:
        """Refuse a key that may not be written, or that is known before the POST and holds what is not ours.

        :param known: what the journal knows of the source before it.
        """
        if self.spec.is_realtime:
            self._writer.check_write()
            self._writer.check_unused(known)

    @property
    def owes(self) -> bool:
        """Whether this process may have voided a secret or created a source, and no entry may tell of it."""
        return super().owes or bool(self.created_ids) or self._lease.lost_write is not None

    def attempt(self) -> Steps[Registered]:
        """Look at what is recorded; if that is not all, decide with the lease in hand, and act."""
        lease, identity = self._lease, self.spec.identity
        entry, looked = yield from read_entry(lease.name)
        if isinstance(entry, Completed) and not self._is_owed_to(entry):
            done = yield from self._use_recorded(entry)
            if done is not None:
                return done
        # Looking at a recorded source takes time: its entry is read once more.
        seen = None if isinstance(entry, Completed) else (entry, looked)
        yield from self.acquire([lease], locations=self._minter.locations, seen=seen)
        while True:
            self._tell_created_ids()
            inventory = yield from self.look_until_settled([lease], lambda: self.list_all(lease))
            self._minter.verify_locations()
            if lease.lost_write is not None:
                if lease.lost_write != lease.held.write:
                    # Its effect, if it shows, is a source of our own that no entry knows.
                    created = created_by(lease.lost_write, lease.held, inventory.matching(identity), self._rt.timing)
                    self.created_ids += [source.data_source_id for source in created if len(created) == 1]
                lease.lost_write = None
                self._tell_created_ids()
            decision = decide(identity, lease.held, inventory, self._rt.timing)
            if lease.was_late and not self._writer.needs_location:
                # What this process noted of the key may be from before another one stored the secret.
                lease.amend(taken_key="")
            self._let_go_of_renamed(inventory)
            if decision.source is not None:
                # The entry that this process may have replaced would tell whose it is.
                is_new = lease.was_late and self.came_up_since(decision.source, inventory)
                is_ours = decision.step == "finish" or (decision.step == "adopt" and is_new)
                return (yield from self._keep(decision.source, decision.duplicates, is_ours=is_ours))
            registered = yield from self._create(inventory)
            if registered is not None:
                return registered

    def _tell_created_ids(self) -> None:
        """Let the entry know what this process has created beside the source that it was completed with."""
        held = self._lease.held
        known = completed_of(held)
        own = [each for each in self.created_ids if known is None or each != known.source_id]
        self._lease.amend(created_ids=tuple(dict.fromkeys((*held.created_ids, *own))))

    def _keep(self, source: Source, duplicates: tuple[str, ...], *, is_ours: bool) -> Steps[Registered]:
        """Go on with a source that exists."""
        source_id = source.data_source_id
        same = known_of(self._lease.held, source_id)
        if same is not None or is_ours:
            left = yield from self._delete_created_beside(same or Completed(source_id), duplicates)
            if same is None and left != duplicates:
                # Under a key without the id there may be the secret of a duplicate.
                self._lease.amend(rotating=source_id)
            duplicates = left
        if duplicates:
            self._rt.on_duplicates(len(duplicates))
            self._rt.log.warning(
                "%s is source %s. Other live sources have the same provider and name, and were not touched: %s.",
                self.spec.label,
                source_id,
                ", ".join(duplicates),
            )
        if is_ours:
            return (yield from self._finish(source, is_alone=not duplicates))
        base = same or Completed(source_id, deleted_by=deleted_by_of(self._lease.held))
        return (yield from self._use(base, source))

    def _let_go_of_renamed(self, inventory: Inventory) -> None:
        """Leave a source that lives under another name now to that name's entry: its key is not ours to write."""
        held = self._lease.held

        def is_here(source_id: str) -> bool:
            source = inventory.live(source_id)
            return source is None or self.spec.identity.matches(source)

        known = completed_of(held)
        if known is not None and not is_here(known.source_id):
            held = replace(held, write=None, previous=None)
        created_ids = tuple(source_id for source_id in held.created_ids if is_here(source_id))
        rotating = held.rotating if is_here(held.rotating) else ""
        self._lease.pending = replace(held, created_ids=created_ids, rotating=rotating)

    def assess(self, known: Completed, source: Source, before: Completed | Tombstone | None = None) -> Assessment:
        """Compare a source that exists with what is declared; parameters and errors are those of :func:`assess`."""
        is_own = known.registered_by == self._rt.owner.instance or source.data_source_id in self.created_ids
        if self.spec.if_exists == "fail" and not is_own:
            raise SourceExistsError(
                f"{self.spec.label} exists already, as source {source.data_source_id}. Nothing was done. Choose "
                "another name, or if_exists='reuse' to adopt it.",
                data_source_ids=(source.data_source_id,),
            )
        return assess(self.spec, self._writer, known, source, before)

    def _use_recorded(self, known: Completed) -> Steps[Registered | None]:
        """Use a source that is in place.

        :return: None if something has to be written first.
        """
        source: Source | None = yield GetSource(known.source_id)
        if source is None or not source.is_live:
            return None
        if not self.spec.identity.matches(source):
            raise renamed(self.spec.identity, source)
        seen = self.assess(known, source)
        if seen.asks_for_update or seen.asks_for_secret or seen.kept != known:
            return None
        return self._in_place(source, seen, self._outcome(known.source_id))

    def _use(self, known: Completed, source: Source) -> Steps[Registered]:
        """Use a source that exists, with the lease in hand: update it, or mint its secret, if that is declared."""
        before, outcome = self._lease.held.previous, self._outcome(known.source_id)
        seen = self.assess(known, source, before)
        if seen.asks_for_update:
            declared = Declared(self.spec.source.body())
            source, known = yield from send_changes(declared, seen.changes, (source, known), [self._lease], self._rt)
            seen, outcome = self.assess(known, source, before), "updated"
        if seen.asks_for_secret:
            self._writer.check_write(known.source_id)
            self._rt.log.warning(
                "Rotating the webhook secret of source %s: it is not in the %s, and on_missing_secret is 'rotate'.",
                known.source_id,
                self._writer.store,
            )
            minted = yield from self._minter.mint(source)
            return self._end(replace(minted, write_only_hashes=known.write_only_hashes), source, "updated")
        registered = self._in_place(source, seen, outcome)
        self._lease.complete(seen.kept)
        return registered

    def _in_place(self, source: Source, seen: Assessment, outcome: Word) -> Registered:
        """Tell of a source that is used as it is.

        :raises SecretMissingError: if its secret is not in the store, and that is not accepted.
        """
        if seen.secret == "missing":
            if self.spec.on_missing_secret == "fail":
                raise SecretMissingError(seen.way_out, data_source_ids=(source.data_source_id,))
            self._rt.log.warning(
                "The webhook secret of source %s is not in the %s %r.",
                source.data_source_id,
                self._writer.store,
                self._writer.key(source.data_source_id),
            )
        if seen.differing:
            self._rt.log.warning(
                "Source %s differs from what is declared in: %s.", source.data_source_id, ", ".join(seen.differing)
            )
        self._rt.log.info("%s exists as source %s.", self.spec.label, source.data_source_id)
        return Registered(without_secret(source), outcome, seen.kept.key if seen.secret == "stored" else None)

    def _create(self, inventory: Inventory) -> Steps[Registered | None]:
        """Send the POST, which is noted first.

        :return: None if no answer came that can be used: look for the effect.
        """
        held = self._lease.held
        failure = self._failure
        if failure is not None and (self._posts >= _POSTS or not failure.is_transient):
            self._lease.drop_write()
            raise failure
        self._before_post()
        self.check_create(held.previous)

        def note(pending: Pending) -> Pending:
            # Until the entry tells of the POST, a process that was paused for long counts as dead.
            self._minter.verify_locations()
            sent_at = self._rt.clock.now() + inventory.server_ahead
            # A list that took long tells the server's time less exactly.
            took = inventory.took if inventory.took > DATE_SLACK else 0.0
            return replace(pending, write=Write("register", sent_at, self._rt.owner.instance, took=took))

        try:
            created = yield from self._lease.send(
                calls.register_checked(self.spec.sandbox_id, self.spec.source), note=note
            )
        except CopassCallError as error:
            failure = error
        else:
            return self._complete_created(created)
        yield from self._examine_failure(failure)
        return None

    def _complete_created(self, created: Source) -> Registered:
        """Store the secret of a source that was just registered."""
        source_id = created.data_source_id
        secret = created.webhook_signing_secret
        self.created_ids.append(source_id)
        self._rt.log.info("Registered source %s: %s.", source_id, self.spec.label)
        sent = self.spec.source
        is_elsewhere = (created.provider or sent.provider, created.name or sent.name) != (sent.provider, sent.name)
        held = self._lease.held
        noted = _created_elsewhere(held, source_id) if is_elsewhere else held.with_created(source_id)
        if self.spec.is_realtime:
            completed = self._minter.store(source_id, secret, noted, mode=created.ingestion_mode, is_ours=False)
        else:
            if is_elsewhere:
                self._lease.note(noted)
            self._lease.verify()
            completed = self._minter.completed(source_id)
        registered = self._end(completed, created, "created")
        if is_elsewhere:
            raise SourceChangedError(
                f"{self.spec.label} was sent, and the server registered source {source_id} under another provider or "
                "name. It exists. Declare it as the server shows it, or delete it.",
                data_source_ids=(source_id,),
            )
        return registered

    def _examine_failure(self, failure: CopassCallError) -> Steps[None]:
        """See what can be told of a POST that failed.

        :raises CopassCallError: the failure, if the server is known not to have registered the source.
        """
        self._posts += 1
        write = self._lease.held.write
        if write is None:
            raise failure
        if isinstance(failure, CopassConflictError):
            # The server may refuse a name that this very POST has taken.
            self._lease.expect_effect(write)
            write = self._lease.held.write or write
            inventory: Inventory = yield ListSources(self.spec.identity.provider)
            self._lease.lost_write = None
            if may_still_act(write, self.spec.identity, self._lease.held, inventory, self._rt.timing):
                self._lease.drop_write()
                if not inventory.matching(self.spec.identity):
                    raise failure
            # If the next look does not show the source either, there is no other POST.
            self._failure = failure
            return
        if not failure.maybe_applied:
            self._lease.drop_write()
            raise failure
        self._rt.log.warning(
            "No usable answer came to the register call of %s. Looking for its effect for up to %.0f seconds before it "
            "is sent again.",
            self.spec.label,
            self._rt.timing.settle_timeout,
        )
        self._lease.expect_effect(write)
        self._failure = failure

    def _finish(self, source: Source, *, is_alone: bool) -> Steps[Registered]:
        """Finish what an interrupted try, or a lost answer, began: the source exists, and is ours.

        :param is_alone: whether no other live source has its identity, whose secret a key without the id could hold.
        """
        source_id, held = source.data_source_id, self._lease.held
        same = known_of(held, source_id)
        may_be_stored = same is None and (is_alone or not self._writer.needs_location)
        outcome: Word = "created" if same is None else "unchanged"
        if not self.spec.is_realtime:
            if held.rotating == source_id:
                self._rt.log.warning(
                    "A rotation of the webhook secret of source %s is not finished. It is left to the task that "
                    "declares the source as realtime, or rotates it.",
                    source_id,
                )
                self._lease.release()
                return Registered(without_secret(source), outcome)
            completed = self._minter.completed(source_id)
        elif not source.may_be_realtime:
            # It was sent as realtime and is not: the server knows no webhook for it, and so no secret.
            self._rt.log.warning(
                "Source %s is not realtime on the server; it has no webhook secret to store.", source_id
            )
            completed = self._minter.completed(source_id, unissued_mode=source.ingestion_mode)
        elif may_be_stored and self._writer.holds_new(source_id, held):
            # Written by a try that was interrupted before the entry was completed; nothing was minted since.
            completed = self._minter.completed(source_id, is_stored=True)
        else:
            if same is not None:
                self._writer.check_same_key(same)
            self._minter.check(source_id)
            self._rt.log.warning(
                "The webhook secret of source %s was not stored by the try that got it; minting a new one.", source_id
            )
            completed = yield from self._minter.mint(source)
        return self._end(completed, source, outcome)

    def _end(self, completed: Completed, source: Source, outcome: Word) -> Registered:
        """Complete the entry, which tells from then on who has created the source."""
        if outcome == "created":
            completed = replace(completed, registered_by=self._rt.owner.instance)
        self._minter.complete(completed)
        return Registered(without_secret(source), outcome, completed.key or None)

    def _delete_created_beside(self, known: Completed, duplicates: tuple[str, ...]) -> Steps[tuple[str, ...]]:
        """Delete what this registration created beside the source that the entry was completed with.

        It lost the lease while it sent a POST, and no other process knows of that source. This is the only
        deletion that no task asks for.

        :return: the duplicates that are left.
        """
        held = self._lease.held
        own = set(held.created_ids) - {known.source_id}
        if not own:
            return duplicates
        # So that another try deletes them if this one is killed.
        self._lease.note(held)
        for source_id in sorted(own):
            self._rt.log.warning("Deleting source %s, which this task created beside %s.", source_id, known.source_id)
            yield from self.delete_source(source_id, self._lease)
            key = self._minter.written.get(source_id, known.key)
            if key != known.key and self._rt.secrets is not None:
                self._rt.secrets.remove(key)
        self._lease.verify()
        self.created_ids = [source_id for source_id in self.created_ids if source_id not in own]
        self._lease.amend(created_ids=tuple(each for each in self._lease.held.created_ids if each not in own))
        return tuple(source_id for source_id in duplicates if source_id not in own)

    def _is_owed_to(self, known: Completed) -> bool:
        """Tell whether there is something to make up for, beside a source that another process has completed."""
        is_created_beside = any(source_id != known.source_id for source_id in self.created_ids)
        return is_created_beside or self._lease.lost_write is not None

    def _outcome(self, source_id: str) -> Word:
        return "created" if source_id in self.created_ids else "unchanged"


def without_secret(source: Source) -> Source:
    """Return a source that can be kept: its secret has no business beyond the store."""
    return source.model_copy(update={"webhook_signing_secret": None})


def _created_elsewhere(held: Pending, source_id: str) -> Pending:
    """Return the entry that knows of a source under another identity than the one that was sent.

    No list shows it under this identity. Recorded, it is an error of the next try; as one that was only created, it
    would count as renamed by hand since then, and another one would be registered.
    """
    recorded = Completed(source_id, deleted_by=deleted_by_of(held))
    return replace(held.with_created(source_id), write=None, previous=recorded)
