"""What is done with the record in hand: register, or finish what a dead process began."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import (
    CopassCallError,
    CopassConflictError,
    CopassError,
    CopassStatusError,
    SourceChangedError,
)
from airflow_provider_copass.registration.lookout import Lookout
from airflow_provider_copass.registration.outcome import Registered, without_secret
from airflow_provider_copass.registration.record import Closed
from airflow_provider_copass.registration.twins import Made, tell_of_foreign

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.claim import Hold
    from airflow_provider_copass.registration.keeping import Keeping
    from airflow_provider_copass.registration.ports import Clock, Report, Sources
    from airflow_provider_copass.registration.timing import Timing
    from airflow_provider_copass.registration.wish import Wish

_POSTS = 2
"""How often one try of a task sends the POST at the most."""


class Work:
    """The steps that need the record.

    :param claim: the record; every step that counts looks at it first.
    """

    def __init__(
        self,
        wish: Wish,
        *,
        sources: Sources,
        keeping: Keeping,
        claim: Hold,
        report: Report,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._wish = wish
        self._sources = sources
        self._keeping = keeping
        self._claim = claim
        self._report = report
        self._clock = clock
        self._timing = timing
        self._lookout = Lookout(wish, sources, clock, timing)
        self.rotated_by = ""
        self.previous_of = ""
        self.made = Made(sources, report, clock, timing)

    def matching(self) -> list[Source]:
        """Return the live sources of the wish's identity, the oldest first.

        :raises CopassAnswerError: where the list is not whole: from a part of it nothing can be concluded.
        """
        return self._lookout.matching()

    def run(self) -> Registered | None:
        """Register, or finish what was begun.

        :return: None where the only source that lives is nobody's of ours.
        :raises LostClaimError: where somebody else has taken the record over.
        """
        found = self._await_effect()
        if not found:
            self._lookout.check_gone(self._claim.held.ids)
            return self._post()
        ours = self._lookout.ours(found, self._claim.held)
        return self._finish(ours[0]) if ours else None

    def mint(self, source: Source, *, is_lost: bool = True) -> Registered:
        """Mint a new secret for a source and store it.

        :param is_lost: whether the secret before it is lost, for the message.
        :raises LostClaimError: where somebody else has taken the record over.
        """
        source_id = source.data_source_id
        # From here on what the store holds may be void, whether or not an answer comes.
        again = self._claim.held.minting == source_id
        held = self._claim.held
        kept = self.previous_of or held.previous_of
        self._claim.change(replace(held, minting=source_id, mints=held.mints + 1, previous_of=kept))
        if again:
            self._report.warning(
                "The answer of an earlier rotation for source %s was lost; rotating once more.", source_id
            )
        self._claim.check()
        rotated = self._rotate(source_id, is_lost=is_lost)
        secret = rotated.webhook_signing_secret
        return self._kept(source, secret, overwrite=True)

    def _await_effect(self) -> list[Source]:
        """Look; and where a POST is open, keep looking until it has taken effect or never will."""
        while True:
            found = self._lookout.matching()
            held = self._claim.held
            if found or held.sent_at is None:
                return found
            waited = self._clock.now() - held.sent_at
            # A holder's clock that was ahead of ours would have us wait for longer than ever needed.
            if waited > self._timing.settle or waited < -self._timing.settle:
                return found
            self._clock.sleep(min(self._timing.poll, self._timing.settle))

    def _post(self) -> Registered:
        """Send the POST; where its answer is lost, look for its effect before another one is sent."""
        for attempt in range(1, _POSTS + 1):
            now = self._clock.now()
            self._claim.change(replace(self._claim.held, sent_at=now, sent_at_server=now + self._lookout.server_ahead))
            self._claim.check()
            failure: CopassCallError
            try:
                made = self._sources.register_source(**self._wish.source.body())
            except CopassCallError as error:
                failure = error
            else:
                return self._made(made)
            if isinstance(failure, CopassConflictError) and self._lookout.matching():
                return self._finish_or_leave(failure)
            if not failure.maybe_applied:
                # Known not to have been carried out: the record goes back, and nobody has to wait for it.
                self._claim.release()
                raise failure
            self._report.warning(
                "No usable answer came to the register call; looking for its effect for up to %.0f seconds before it "
                "is sent again.",
                self._timing.settle,
            )
            if self._await_effect():
                return self._finish_or_leave(failure)
            if attempt == _POSTS or not failure.is_transient:
                break
        self._claim.change(replace(self._claim.held, sent_at=None, sent_at_server=None))
        self._claim.release()
        raise failure

    def _finish_or_leave(self, failure: CopassCallError) -> Registered:
        """Finish with the source that is there now, where it is ours; else leave it to the next look."""
        done = self.run()
        if done is None:
            self._claim.release()
            raise failure
        return done

    def keep(self, made: Source) -> Registered:
        """Get the secret of a source that was made just now into the store; that it is listed is seen to later.

        :param made: as the server has answered.
        """
        self._noted(made)
        return self._in_store(made, made.webhook_signing_secret, is_new=True)

    def finish(self, found: Source) -> Registered:
        """Finish what a try that is dead, or that has lost the answer, began: the source is there, and is ours."""
        return self._in_store(found, None)

    def _made(self, made: Source) -> Registered:
        """Note the id at once, then look for twins."""
        self._noted(made)
        self._await_listed(made.data_source_id)
        return self._in_store(made, made.webhook_signing_secret, is_new=True)

    def _noted(self, made: Source) -> None:
        """Note the id of a source that was made just now, and see that it is the one that was asked for."""
        self.made.add(made.data_source_id)
        self._report.info("Registered source %s: %s.", made.data_source_id, self._wish.named)
        self._claim.change(self._claim.held.with_id(made.data_source_id))
        as_sent = (made.provider or self._wish.source.provider, made.name or self._wish.source.name)
        if as_sent != (self._wish.source.provider, self._wish.source.name):
            self._kept(made, made.webhook_signing_secret, overwrite=False)
            raise SourceChangedError(
                f"{self._wish.named} was sent, and the server made source {made.data_source_id} of it, which is "
                f"{made.provider!r} {made.name!r}. Ask for it by that name, or delete it.",
                data_source_ids=(made.data_source_id,),
            )

    def _finish(self, source: Source) -> Registered:
        """Make sure that the source is in the list, and get its secret into the store."""
        self._await_listed(source.data_source_id)
        return self._in_store(source, None)

    def _in_store(self, source: Source, secret: SecretStr | None, *, is_new: bool = False) -> Registered:
        """Get the secret of a source into the store, and close the record.

        :param secret: the secret, where it is in hand.
        :param is_new: whether it would be in hand, had the server issued one.
        """
        if not self._wish.is_realtime:
            return self._closed(source, Closed(source.data_source_id, owner=self._claim.owner), is_new=is_new)
        if is_new:
            return self._kept(source, secret, overwrite=False, is_new=True)
        if source.ingestion_mode not in {"", "realtime"}:
            # It was sent as realtime and is none: the server knows no webhook for it, and so no secret.
            return self._kept(source, None, overwrite=False)
        key = self._wish.key_for(source.data_source_id)
        held = self._claim.held
        if held.minting != source.data_source_id and self._keeping.holds_new(key, source.data_source_id, held):
            # Written by the one who died before the record was closed: the key was free, nothing was minted since.
            return self._closed(source, self._stored_at(source.data_source_id, key))
        self._report.warning(
            "Source %s was registered by a try that did not get its webhook secret into the store; minting a new one.",
            source.data_source_id,
        )
        return self.mint(source)

    def _await_listed(self, source_id: str) -> None:
        """Wait until the list holds a source, and name others of its identity."""
        until = self._clock.now() + self._timing.settle
        while True:
            ids = [source.data_source_id for source in self._lookout.matching()]
            if source_id in ids or self._clock.now() > until:
                break
            self._clock.sleep(self._timing.poll)
        own = {*self._claim.held.ids, *self.made.ids}
        others = [other for other in ids if other != source_id]
        for other in others:
            if other in own:
                self.made.add(other)
        tell_of_foreign(self._wish, source_id, [other for other in others if other not in own], self._report)

    def _rotate(self, source_id: str, *, is_lost: bool) -> Source:
        """Rotate, with a message that helps where the server knows no rotation."""
        refused: CopassStatusError
        try:
            return self._sources.rotate_webhook_secret(source_id)
        except CopassStatusError as error:
            if error.status not in {404, 405}:
                raise
            refused = error
        what = f"The webhook secret of source {source_id} is lost, and the" if is_lost else "The"
        way_out = (
            f"Delete the source, or put its secret into the store by hand and delete the record {self._claim.name!r}."
            if is_lost
            else f"The secret of source {source_id} is as it was. Delete the source and register it anew for another."
        )
        raise SourceChangedError(
            f"{what} server offers no rotation for it (it answered {refused.status}). {way_out}",
            data_source_ids=(source_id,),
        )

    def _kept(self, source: Source, secret: SecretStr | None, *, overwrite: bool, is_new: bool = False) -> Registered:
        """Store a secret that is in hand, and close the record."""
        source_id = source.data_source_id
        if secret is None:
            if self._wish.is_realtime:
                self._report.warning(
                    "Copass issued no webhook secret for source %s; there is none to store.", source_id
                )
            issued = Closed(source_id, none_issued=True, mints=self._claim.held.mints, owner=self._claim.owner)
            return self._closed(source, issued, is_new=is_new)
        failure: CopassError
        try:
            key = self._keeping.put(secret, source_id, self._claim, overwrite=overwrite)
        except CopassError as error:
            failure = error
        else:
            self._report.info("The webhook secret of source %s is in the %s %r.", source_id, self._keeping.store, key)
            return self._closed(source, self._stored_at(source_id, key), is_new=is_new)
        if self._claim.is_held:
            # What the store holds now is not this secret: the next try must not take it for it.
            self._claim.change(replace(self._claim.held, minting=source_id))
        raise failure

    def _stored_at(self, source_id: str, key: str) -> Closed:
        """Return the record of a secret that is where it belongs."""
        held = self._claim.held
        before = held.before if held.before is not None and held.before.source_id == source_id else None
        return Closed(
            source_id,
            self._keeping.store,
            key,
            mints=held.mints,
            owner=self._claim.owner if before is None or before.owner is None else before.owner,
            rotated_by=self.rotated_by,
            unread={} if before is None else before.unread,
        )

    def _closed(self, source: Source, closed: Closed, *, is_new: bool = False) -> Registered:
        """Close the record, when nothing is left to tidy up that it alone knows of."""
        self._claim.check()
        self.made.tidy_up(source.data_source_id)
        self._claim.close(closed)
        return Registered(without_secret(source), is_new=is_new, stored_as=closed.key or None)
