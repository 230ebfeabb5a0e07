"""What registering a list of sources would do, without doing any of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.registration.adoption import Adopted, with_secret
from airflow_provider_copass.registration.batch_item import Listed, Quiet
from airflow_provider_copass.registration.book import Book, book_from_text, book_name
from airflow_provider_copass.registration.keeping import Keeping
from airflow_provider_copass.registration.lookout import whole_list
from airflow_provider_copass.registration.record import Closed, name_of
from airflow_provider_copass.registration.update import differing_fields
from airflow_provider_copass.registration.wish import DEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Clock, Records, Report, Secrets, Sources
    from airflow_provider_copass.registration.wish import Wish

Step = Literal["register", "adopt", "change", "rotate", "fail"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done about one source.

    :param step: ``register``, ``adopt``, ``change``, ``rotate`` (its secret is missing, and ``on_missing_secret`` says
        so) or ``fail``.
    :param data_source_id: the source that is there; empty where none is.
    :param differs_in: the declared fields in which it differs.
    :param why: why it would fail, or what a person should know.
    """

    wish: Wish
    step: Step
    data_source_id: str = ""
    differs_in: tuple[str, ...] = ()
    why: str = ""


def plan(
    wishes: Sequence[Wish], *, sources: Sources, secrets: Secrets, records: Records, clock: Clock, report: Report
) -> list[Planned]:
    """Tell what would be done: by one list of the sandbox's sources, the book, and a look for each secret.

    :param wishes: what is asked for, in one sandbox.
    :raises CopassInputError: where the store cannot hold a key.
    :raises CopassCallError: where the list cannot be had.
    """
    keepings = [Keeping(wish, secrets, clock) for wish in wishes]
    for keeping in keepings:
        keeping.check()
    listed = Listed(whole_list(sources), DEAD)
    name = book_name(wishes[0].sandbox_id)
    text = records.read(name)
    book = Book() if text is None else book_from_text(text, name=name)
    return [_planned(wish, keeping, listed, book, report) for wish, keeping in zip(wishes, keepings, strict=True)]


def _planned(wish: Wish, keeping: Keeping, listed: Listed, book: Book, report: Report) -> Planned:
    record = book.records.get(name_of(wish.sandbox_id, wish.source.provider, wish.source.name))
    closed = record if isinstance(record, Closed) else None
    recorded = None if closed is None else listed.by_id.get(closed.source_id)
    found = listed.of(wish)
    if recorded is not None and wish.is_met_by(recorded):
        return _there(wish, recorded, closed, keeping, report)
    if recorded is not None and recorded.status not in DEAD:
        why = f"source {recorded.data_source_id} was registered as this, and was renamed since"
        return Planned(wish, "fail", recorded.data_source_id, why=why)
    if len(found) > 1:
        ids = ", ".join(source.data_source_id for source in found)
        return Planned(wish, "fail", why=f"several live sources have this name: {ids}")
    if found:
        return _there(wish, found[0], None, keeping, report)
    try:
        keeping.check_free(closed)
    except CopassError as error:
        return Planned(wish, "fail", why=str(error))
    return Planned(wish, "register")


def _there(wish: Wish, found: Source, closed: Closed | None, keeping: Keeping, report: Report) -> Planned:
    """Tell what would be done about a source that is there."""
    source_id = found.data_source_id
    if wish.if_exists == "fail":
        return Planned(wish, "fail", source_id, why="it is there already, and if_exists is 'fail'")
    changeable, fixed = differing_fields(wish, found, closed)
    differs_in = (*changeable, *fixed)
    adopted = Adopted(found, closed or Closed(source_id))
    try:
        adopted = with_secret(wish, adopted, keeping=keeping, report=Quiet(report), record_name="")
    except CopassError as error:
        return Planned(wish, "fail", source_id, differs_in, why=str(error))
    if adopted.mint_because:
        return Planned(wish, "rotate", source_id, differs_in)
    is_changed = bool(changeable) and wish.if_exists == "update"
    return Planned(wish, "change" if is_changed else "adopt", source_id, differs_in)
