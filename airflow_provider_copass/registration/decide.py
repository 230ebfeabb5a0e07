"""What is to be done about one identity: a pure function of its journal entry and of what lives on the server.

A registration, for one source or for many, and the plan decide here and nowhere else. What tells whether a write may
still take effect, and which source a POST has created, is here too, for every operator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from airflow_provider_copass.errors import DuplicateSourcesError, SourceChangedError
from airflow_provider_copass.registration.journal import Completed, Pending, completed_of

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.inventory import Inventory
    from airflow_provider_copass.registration.journal import Entry, Write
    from airflow_provider_copass.registration.ports import Timing
    from airflow_provider_copass.registration.spec import Identity

DATE_SLACK = 2.0
"""Seconds: a ``Date`` header and a ``created_at`` may each be cut to the second."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done.

    :param step: ``create`` a source; go on with the ``recorded`` one; ``finish`` the registration of one that is ours;
        or ``adopt`` one that is unmanaged.
    :param source: the source; None for ``create``.
    :param duplicates: ids of other live sources of the identity.
    """

    step: Literal["create", "recorded", "finish", "adopt"]
    source: Source | None = None
    duplicates: tuple[str, ...] = ()


def decide(identity: Identity, entry: Entry | None, inventory: Inventory, timing: Timing) -> Decision:
    """Decide about one identity, once no write that its entry notes may still take effect.

    :param entry: its journal entry.
    :param inventory: what lives; :func:`ids_to_look_up` says what it must hold beside the list.
    :param timing: how long a write may take to have its effect.
    :raises SourceChangedError: if the recorded source lives under another name.
    :raises DuplicateSourcesError: if several sources live and none is ours.
    """
    write = entry.write if isinstance(entry, Pending) else None
    matching = inventory.matching(identity)
    known = completed_of(entry)
    recorded = None if known is None else inventory.live(known.source_id)
    if recorded is not None and not identity.matches(recorded):
        if not _is_renamed_by_us(write, recorded):
            raise renamed(identity, recorded)
        recorded = None
    if recorded is not None:
        return _found("finish" if _is_begun(entry, recorded.data_source_id) else "recorded", recorded, matching)
    ours = _ours(entry, matching, timing)
    if ours is not None:
        return _found("finish", ours, matching)
    if len(matching) > 1:
        ids = tuple(source.data_source_id for source in matching)
        raise DuplicateSourcesError(
            f"{len(ids)} live sources are {identity.label}: {', '.join(ids)}. Nothing tells which one is meant, and "
            "nothing was done. Disconnect, delete or rename all but one.",
            data_source_ids=ids,
        )
    return Decision("adopt", matching[0]) if matching else Decision("create")


def _is_begun(entry: Entry | None, source_id: str) -> bool:
    """Tell whether the secret of a recorded source is still to be minted: a rename records it by its id alone."""
    if not isinstance(entry, Pending):
        return False
    known = completed_of(entry)
    is_bare = known is not None and replace(known, deleted_by="") == Completed(source_id)
    return entry.rotating == source_id or (source_id in entry.created_ids and is_bare)


def ids_to_look_up(entry: Entry | None, inventory: Inventory) -> list[str]:
    """Return the ids that the list does not show, and that must be read one by one before anything is decided."""
    known = completed_of(entry)
    ids = set() if known is None else {known.source_id}
    if isinstance(entry, Pending):
        ids |= {*entry.created_ids, entry.rotating, "" if entry.write is None else entry.write.source_id}
    return sorted(ids - {""} - set(inventory.by_id))


def created_by(write: Write, entry: Pending, matching: list[Source], timing: Timing) -> list[Source]:
    """Return the sources that a POST without an answer may have created.

    :param write: the POST.
    :param entry: the identity's entry, which knows what other POSTs have created.
    :param matching: the live sources of the identity.
    """
    known = completed_of(entry)
    others = {*entry.created_ids, "" if known is None else known.source_id}
    return [source for source in matching if source.data_source_id not in others and fits(source, write, timing)]


def may_still_act(write: Write, identity: Identity, entry: Pending, inventory: Inventory, timing: Timing) -> bool:
    """Tell whether a write without an answer may still take effect, as far as what lives shows."""
    if write.kind == "register":
        return not created_by(write, entry, inventory.matching(identity), timing)
    if write.kind == "rotate":
        # A rotation leaves no trace.
        return True
    source = inventory.live(write.source_id)
    if write.kind in {"delete", "disconnect"}:
        return source is not None
    return source is not None and source.name == (identity.name if write.kind == "rename_away" else write.other)


def _ours(entry: Entry | None, matching: list[Source], timing: Timing) -> Source | None:
    """Return the source that this registration made.

    One that fits the POST without an answer comes before one whose id was answered: this one can be deleted as a
    duplicate, since it is certain who made it.
    """
    if not isinstance(entry, Pending):
        return None
    if entry.write is not None and entry.write.kind == "register":
        fitting = created_by(entry.write, entry, matching, timing)
        # Of two that fit, nothing tells which one is ours.
        if len(fitting) == 1:
            return fitting[0]
    known = {*entry.created_ids, entry.rotating}
    return next((source for source in matching if source.data_source_id in known), None)


def fits(source: Source, write: Write, timing: Timing) -> bool:
    """Tell whether a source was registered when a POST could have taken effect."""
    if source.created_at is None:
        return False
    since = source.created_at.timestamp() - write.sent_at
    return -DATE_SLACK <= since <= write.took + timing.lease_pause + timing.settle_timeout + 2 * DATE_SLACK


def _is_renamed_by_us(write: Write | None, recorded: Source) -> bool:
    """Tell whether a recorded source lives under the name that a rename of ours knows."""
    if write is None or write.kind not in {"rename_away", "rename_here"}:
        return False
    return recorded.data_source_id == write.source_id and recorded.name == write.other


def _found(step: Literal["recorded", "finish"], source: Source, matching: list[Source]) -> Decision:
    others = tuple(each.data_source_id for each in matching if each.data_source_id != source.data_source_id)
    return Decision(step, source, others)


def renamed(identity: Identity, source: Source) -> SourceChangedError:
    """Return the error of a recorded source that lives under another name now."""
    return SourceChangedError(
        f"Source {source.data_source_id} was registered as {identity.label} and has another name or provider now. "
        "Nothing was done. Rename it back, or declare the name that it has now; or delete the journal entry of "
        "this one, to register another source.",
        data_source_ids=(source.data_source_id,),
    )
