"""The record of an identity: what the API cannot promise, kept as a small JSON text that holds no secret.

It is *open* while somebody registers the source, and says who, since when and what was done so far; it is *closed*
when the source and its secret are where they belong. Its member is called ``key``, not ``secret_key``: Airflow would
mask it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from airflow_provider_copass.errors import JournalError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Owner:
    """Who registers: a task instance, in one of its tries.

    :param task: what stays the same from try to try: dag, run, task and map index.
    :param attempt: the number of the try.
    """

    task: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.task}, try {self.attempt}"


@dataclass(frozen=True, slots=True)
class Closed:
    """A source that is there.

    :param source_id: its id.
    :param store: where its secret is: the store's name; empty where it has none.
    :param key: under which key; empty where it has none.
    :param none_issued: the server issued no secret for it.
    :param mints: how many rotations were begun under this record.
    :param owner: who registered it; None where it was found.
    :param rotated_by: the task instance, without its try, that rotated the secret last; empty where none has.
    :param unread: for each key of ``adapter_config`` that the server does not show as it was sent, a salted hash of
        what was sent, so that it is not sent again at every run.
    """

    source_id: str
    store: str = ""
    key: str = ""
    none_issued: bool = False
    mints: int = 0
    owner: Owner | None = None
    rotated_by: str = ""
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Open:
    """A registration under way.

    :param mark: a random word of whoever holds the record.
    :param owner: who holds it.
    :param since: seconds since the epoch, by the holder's clock, when it was last written.
    :param sent_at: seconds since the epoch, by the holder's clock, when a POST was sent whose answer has not come.
    :param sent_at_server: the same moment by the server's clock.
    :param sent_for: seconds after that moment within which it was sent, where it was noted beforehand.
    :param ids: every id that was answered to a POST of this registration.
    :param minting: the id of a source whose secret is being minted anew: what the store holds may be void.
    :param mints: how many rotations were begun under this record: who knows of fewer has a secret that may be void.
    :param before: the closed record that this one stands in for.
    :param previous_of: the task instance, without its try, that has kept the secret which was valid before it began to
        mint; empty where none has.
    :param renaming: the name that a source is being renamed from, to this record's; empty where none is.
    :param taken: a key that was not found to be free or ours when there was a secret to be written.
    :param spare: the key that the secret goes to instead.
    """

    mark: str
    owner: Owner
    since: float
    sent_at: float | None = None
    sent_at_server: float | None = None
    sent_for: float = 0.0
    ids: tuple[str, ...] = ()
    minting: str = ""
    mints: int = 0
    before: Closed | None = None
    previous_of: str = ""
    renaming: str = ""
    taken: str = ""
    spare: str = ""

    @property
    def has_begun(self) -> bool:
        """Whether anything was asked of the server under it."""
        return self.sent_at is not None or bool(self.ids) or bool(self.minting)

    def with_id(self, source_id: str) -> Open:
        """Note an id that was answered; the POST is no longer open then."""
        ids = self.ids if source_id in self.ids else (*self.ids, source_id)
        return replace(self, ids=ids, sent_at=None, sent_at_server=None)


NOTHING = Closed("")
"""What stands in the place of a record that is gone, where a book says otherwise."""


def name_of(sandbox_id: str, provider: str, name: str) -> str:
    """Return the name of an identity's record: a good Variable's key, with no word in it that Airflow masks."""
    identity = json.dumps([sandbox_id, provider, name]).encode()
    return f"copass_record_{hashlib.sha256(identity).hexdigest()[:40]}"


def to_text(record: Open | Closed) -> str:
    """Return a record as JSON."""
    state = "open" if isinstance(record, Open) else "closed"
    return json.dumps({"copass_record": _FORMAT, "state": state, **asdict(record)})


def from_text(text: str, *, name: str) -> Open | Closed:
    """Read a record.

    :param name: the record's name, for the message.
    :raises JournalError: where it is none; guessing what it said could make a second source.
    """
    try:
        read: dict[str, Any] = json.loads(text)
        is_known = read.pop("copass_record") == _FORMAT
        record = _open(read) if read.pop("state") == "open" else _closed(read)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_known = False
    if is_known:
        return record
    raise JournalError(
        f"The record {name!r} holds something that this version of the provider cannot read, so what was registered is "
        "not known. Delete it to have the source looked up by its name."
    )


def _closed(read: dict[str, Any]) -> Closed:
    owner = read.pop("owner")
    return Closed(owner=None if owner is None else Owner(**owner), **read)


def _open(read: dict[str, Any]) -> Open:
    before = read.pop("before")
    return Open(
        owner=Owner(**read.pop("owner")),
        ids=tuple(read.pop("ids")),
        before=None if before is None else _closed(before),
        **read,
    )
