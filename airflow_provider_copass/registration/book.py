"""The book of a sandbox: the records of many identities in one Variable, for those who register many sources at once.

One record per source would cost one write of a Variable per source. So who registers a whole list keeps its records
together: the book is *held* by one process while it works, as a record is, and a record in it is the same as one that
stands alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.errors import JournalError
from airflow_provider_copass.registration.record import Closed, Open, Owner

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import Records

_FORMAT = 1
_PREFIX = "copass_record_"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a book.

    :param mark: a random word of the process.
    :param owner: the task instance that it works for.
    :param since: seconds since the epoch, by the holder's clock, when the book was last written.
    """

    mark: str
    owner: Owner
    since: float


@dataclass(frozen=True, slots=True)
class Book:
    """The records of many identities, by the names that they would have standing alone.

    :param records: the records.
    :param holder: who is at work on them; None where nobody is.
    """

    records: dict[str, Open | Closed] = field(default_factory=dict)
    holder: Holder | None = None


def book_name(sandbox_id: str) -> str:
    """Return the name of a sandbox's book: a good Variable's key."""
    return f"{_PREFIX}book_{hashlib.sha256(sandbox_id.encode()).hexdigest()[:40]}"


def book_to_text(book: Book) -> str:
    """Return a book as JSON, in which nothing is written twice: a thousand records are some 150 kB."""
    owners: list[Owner] = []
    held = None
    if book.holder is not None:
        held = {"mark": book.holder.mark, "since": book.holder.since, "owner": _number_of(book.holder.owner, owners)}
    records = {name.removeprefix(_PREFIX): _short(record, book.holder, owners) for name, record in book.records.items()}
    known = [[owner.task, owner.attempt] for owner in owners]
    return json.dumps(
        {"copass_book": _FORMAT, "holder": held, "owners": known, "records": records}, separators=(",", ":")
    )


def book_from_text(text: str, *, name: str) -> Book:
    """Read a book.

    :param name: the book's name, for the message.
    :raises JournalError: where it is none; guessing what it said could make second sources.
    """
    try:
        read: dict[str, Any] = json.loads(text)
        is_known = read["copass_book"] == _FORMAT
        owners = [Owner(task, attempt) for task, attempt in read["owners"]]
        held = read["holder"]
        holder = None if held is None else Holder(held["mark"], owners[held["owner"]], held["since"])
        records = {_PREFIX + short: _whole(each, holder, owners) for short, each in read["records"].items()}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        is_known = False
    if is_known:
        return Book(records, holder)
    raise JournalError(
        f"The record {name!r} holds something that this version of the provider cannot read, so what was registered is "
        "not known. Delete it to have the sources looked up by their names."
    )


def record_in_book(records: Records, sandbox_id: str, name: str) -> Open | Closed | None:
    """Return what a sandbox's book says of a source.

    :param records: where records are kept.
    :param name: the record's name.
    :raises JournalError: where the book cannot be read or makes no sense.
    """
    book = book_name(sandbox_id)
    text = records.read(book)
    return None if text is None else book_from_text(text, name=book).records.get(name)


def mark_of(text: str) -> str:
    """Return the mark of who holds a book; empty where nobody does, or where it makes no sense."""
    try:
        held = json.loads(text)["holder"]
        return "" if held is None else str(held["mark"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""


def _number_of(owner: Owner, owners: list[Owner]) -> int:
    """Return the place of an owner in the list, to which it is added where it is new."""
    try:
        return owners.index(owner)
    except ValueError:
        owners.append(owner)
        return len(owners) - 1


def _short(record: Open | Closed, holder: Holder | None, owners: list[Owner]) -> dict[str, Any]:
    """Return what a record says beyond its defaults and what the holder says."""
    is_open = isinstance(record, Open)
    short: dict[str, Any] = {"open": 1} if is_open else {}
    for name, default in _OPEN if is_open else _CLOSED:
        value = getattr(record, name)
        if value != default:
            short[name] = value
    if is_open and holder is not None and short["mark"] == holder.mark:
        # What is its holder's is as old as the book itself.
        del short["mark"], short["owner"], short["since"]
    if "owner" in short:
        short["owner"] = _number_of(short["owner"], owners)
    if "before" in short:
        short["before"] = _short(short["before"], None, owners)
    return short


def _fields_of(kind: type) -> tuple[tuple[str, Any], ...]:
    """Return the names of a record's fields, each with its default; where it has none, with what no field holds."""
    return tuple(
        (each.name, each.default if each.default_factory is MISSING else each.default_factory())
        for each in fields(kind)
    )


_OPEN, _CLOSED = _fields_of(Open), _fields_of(Closed)


def _whole(short: dict[str, Any], holder: Holder | None, owners: list[Owner]) -> Open | Closed:
    """Read a record again."""
    is_open = bool(short.pop("open", None))
    if "owner" in short:
        short["owner"] = owners[short["owner"]]
    if not is_open:
        return Closed(**short)
    if "mark" not in short:
        short |= {} if holder is None else {"mark": holder.mark, "owner": holder.owner, "since": holder.since}
    if "before" in short:
        before = _whole(short.pop("before"), None, owners)
        short["before"] = before if isinstance(before, Closed) else None
    if "ids" in short:
        short["ids"] = tuple(short["ids"])
    return Open(**short)


def refreshed(book: Book, holder: Holder) -> Book:
    """Return a book in the hands of the same process as before, at a later moment.

    :param holder: who holds it, and since when; the open records of this very process are as old as that.
    """
    return Book(
        {
            name: replace(each, owner=holder.owner, since=holder.since)
            if isinstance(each, Open) and each.mark == holder.mark
            else each
            for name, each in book.records.items()
        },
        holder,
    )
