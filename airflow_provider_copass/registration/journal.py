"""The journal entry of an identity: what the API cannot promise, kept as a small JSON text that holds no secret.

An entry is *pending* while somebody works on the source: it says who, what was sent, and what was answered. It is
*completed* if the source and its secret are where they belong, and a *tombstone* after a deletion by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter

from airflow_provider_copass.errors import EntryFormatError

if TYPE_CHECKING:
    from airflow_provider_copass.registration.spec import Identity

FORMAT = 1
ENTRY_PREFIX = "copass_entry_"
LOCATION_PREFIX = "copass_location_"

_NAME = re.compile(f"({ENTRY_PREFIX}|{LOCATION_PREFIX})[0-9a-f]{{40}}")

WriteKind = Literal["register", "rotate", "rename_away", "rename_here", "disconnect", "delete"]


@dataclass(frozen=True, slots=True)
class Owner:
    """A task instance in one of its tries.

    :param dag_id: the DAG.
    :param run_id: the run.
    :param task_id: the task.
    :param map_index: the map index; -1 for a task that is not mapped.
    :param try_number: which try.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @property
    def instance(self) -> str:
        """The task instance, the same from try to try."""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}/{self.map_index}"

    def __str__(self) -> str:
        return f"{self.instance}, try {self.try_number}"


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was noted before it was sent, and whose answer is not noted: it may still take effect.

    :param kind: what it is; ``rename_away`` in the entry of the old name, ``rename_here`` in that of the new one.
    :param sent_at: seconds since the epoch: of a POST by the server's clock, as far as it is known, to be compared with
        ``created_at``; of another write by the host's, only to tell it from other ones.
    :param by: the task instance that sends it.
    :param source_id: the source that it is about; empty for ``register``.
    :param other: of a rename, the source's name on the other side.
    :param took: of a POST, by how many seconds it may have been sent later than ``sent_at`` says, if they were many.
    """

    kind: WriteKind
    sent_at: float
    by: str
    source_id: str = ""
    other: str = ""
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A source that is registered, and whose secret is stored.

    :param source_id: its id.
    :param store: the store of its secret; empty if it has none.
    :param key: the key of its secret; empty if it has none.
    :param location: the name of the location note of a key that does not hold the source's id; else empty.
    :param secret_generation: how many rotations were begun under this entry.
    :param unissued_mode: the ingestion mode in which the server issued no secret; empty if it issued one, or was not
        asked.
    :param registered_by: the task instance that registered it; empty if it was adopted.
    :param rotated_by: the task instance that rotated the secret last; empty if none has.
    :param deleted_by: the task instance that last deleted or disconnected, by its name, a source of this identity.
    :param write_only_hashes: for each key of ``adapter_config`` that the server does not show as it was sent, a salted
        hash of what was sent, so that it is not sent again in every run.
    """

    source_id: str
    store: str = ""
    key: str = ""
    location: str = ""
    secret_generation: int = 0
    unissued_mode: str = ""
    registered_by: str = ""
    rotated_by: str = ""
    deleted_by: str = ""
    write_only_hashes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A source that was deleted or disconnected by its name.

    :param source_id: its id.
    :param deleted_by: the task instance that did so.
    :param store: where its secret may still be; empty if nowhere.
    :param key: the key of it.
    :param location: the name of the key's location note; empty if it has none.
    """

    source_id: str
    deleted_by: str
    store: str = ""
    key: str = ""
    location: str = ""


def _state_of(read: Any) -> str | None:
    """Return the state of an entry that is read, or of one that is made."""
    return read.get("state") if isinstance(read, dict) else type(read).__name__.lower()


_Completed = Annotated[Completed, Tag("completed")]
_Tombstone = Annotated[Tombstone, Tag("tombstone")]
Known = Annotated[_Completed | _Tombstone, Discriminator(_state_of)]
"""What a pending entry can stand in for."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Work in progress, or what is known of work that failed.

    :param lease_token: a random word of the process that holds the lease; empty if none does.
    :param owner: the task instance and try that last held it.
    :param since: seconds since the epoch, by the owner's clock, when the entry was last written.
    :param write: the write that may still take effect; None if there is none.
    :param created_ids: every id that was answered to a POST of this registration.
    :param rotating: the id of a source whose stored secret may be void: a rotation was begun and is not stored.
    :param rotated_by: the task instance that began that rotation because it was asked to rotate; else empty.
    :param secret_generation: how many rotations were begun under this entry.
    :param taken_key: a key that was found to hold what is not ours, or that could not be looked at before it was to be
        written.
    :param previous_kept_by: the task instance that has kept the secret which was valid before it began to rotate.
    :param previous: the entry that this one stands in for.
    """

    lease_token: str
    owner: Owner
    since: float = 0.0
    write: Write | None = None
    created_ids: tuple[str, ...] = ()
    rotating: str = ""
    rotated_by: str = ""
    secret_generation: int = 0
    taken_key: str = ""
    previous_kept_by: str = ""
    previous: Known | None = None

    @property
    def has_facts(self) -> bool:
        """Whether it tells anything that the next holder must know."""
        return self.write is not None or bool(self.created_ids) or bool(self.rotating)

    def with_ended(self, write: Write) -> Pending:
        """Note that a deletion or a disconnection has taken effect, with the task that sent it."""
        known = self.previous
        is_of_it = known is not None and known.source_id == write.source_id
        left = known if known is not None and is_of_it else Completed(write.source_id)
        ended: Completed | Tombstone = Tombstone(write.source_id, write.by, left.store, left.key, left.location)
        if isinstance(known, Completed) and not is_of_it:
            # It was another one of the same name; what is known of this one stays.
            ended = replace(known, deleted_by=write.by)
        rotating = "" if self.rotating == write.source_id else self.rotating
        return replace(
            self,
            write=None,
            created_ids=tuple(source_id for source_id in self.created_ids if source_id != write.source_id),
            rotating=rotating,
            rotated_by=self.rotated_by if rotating else "",
            previous=ended,
        )

    def with_created(self, source_id: str) -> Pending:
        """Note an id that was answered; the POST is answered then."""
        ids = self.created_ids if source_id in self.created_ids else (*self.created_ids, source_id)
        return replace(self, created_ids=ids, write=None)


Entry = Pending | Completed | Tombstone


def settled_part(entry: Entry | None) -> Completed | Tombstone | None:
    """Return an entry, or what a pending one stands in for."""
    return entry.previous if isinstance(entry, Pending) else entry


def completed_of(entry: Entry | None) -> Completed | None:
    """Return what an entry knows of a source that was registered; None if nothing."""
    known = settled_part(entry)
    return known if isinstance(known, Completed) else None


def known_of(entry: Entry | None, source_id: str) -> Completed | None:
    """Return what an entry knows of one source; None if nothing."""
    known = completed_of(entry)
    return known if known is not None and known.source_id == source_id else None


def deleted_by_of(entry: Entry | None) -> str:
    """Return the task instance that last deleted, by its name, a source of the identity; empty if none has."""
    known = settled_part(entry)
    return known.deleted_by if known is not None else ""


def entry_name(identity: Identity) -> str:
    """Return the name of an identity's entry: a good Variable's key, with no word in it that Airflow masks."""
    return f"{ENTRY_PREFIX}{_digest(identity.sandbox_id, identity.provider, identity.name)}"


def location_name(store: str, location: str) -> str:
    """Return the name of the note on a location of a store."""
    return f"{LOCATION_PREFIX}{_digest(store, location)}"


def kind_of_name(name: str) -> Literal["source", "location"] | None:
    """Tell whether a Variable of this name is an entry on a source, or a note on a location; None if it is neither."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return "source" if found[1] == ENTRY_PREFIX else "location"


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def to_text(entry: Entry) -> str:
    """Return an entry as JSON."""
    state = type(entry).__name__.lower()
    return json.dumps({"copass_entry": FORMAT, "state": state, **_fields(entry)}, separators=(",", ":"))


def _fields(entry: Entry) -> dict[str, Any]:
    """Return the fields that are not empty, and the type of the entry that a pending one stands in for."""
    empty: tuple[object, ...] = ("", (), None, {}, 0)
    fields = {name: value for name, value in asdict(entry).items() if name == "lease_token" or value not in empty}
    if isinstance(entry, Pending) and entry.previous is not None:
        fields["previous"] = {"state": type(entry.previous).__name__.lower(), **_fields(entry.previous)}
    return fields


def from_text(text: str | None, *, name: str) -> Entry | None:
    """Read an entry; None if there is none.

    :param name: its name, for the message.
    :raises EntryFormatError: if it is no entry, or one of a newer version; a guess could make a second source.
    """
    if text is None:
        return None
    what = "holds something that is no entry of this provider"
    written_as = format_of(text)
    if written_as is not None and written_as > FORMAT:
        what = "was written by a newer version of this provider"
    elif written_as is not None:
        try:
            # Strictly: an entry that was edited into other types tells nothing that can be relied upon.
            return _adapter().validate_json(text, strict=True)
        except (ValueError, TypeError, RecursionError):
            pass
    raise EntryFormatError(
        f"The journal entry {name!r} {what}, so it is not known what was registered. Nothing was done. Use the version "
        "that wrote it; or delete the Variable, and the source is looked up by its name."
    )


def format_of(text: str) -> int | None:
    """Return the version of the format that an entry is written in; None if the text is no entry."""
    try:
        return int(json.loads(text)["copass_entry"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


@cache
def _adapter() -> TypeAdapter[Entry]:
    """Return what reads entries, by their state."""
    pending = Annotated[Pending, Tag("pending")]
    # No moment is NaN or infinite: compared with one, a lease would be held for ever or by nobody.
    finite = ConfigDict(allow_inf_nan=False)
    return TypeAdapter(Annotated[pending | _Completed | _Tombstone, Discriminator(_state_of)], config=finite)
