"""What is to be done about an identity, as a table: a journal entry and what lives give one step, or one error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_copass.api import Source
from airflow_provider_copass.errors import DuplicateSourcesError, SourceChangedError
from airflow_provider_copass.registration.decide import decide, ids_to_look_up, may_still_act
from airflow_provider_copass.registration.inventory import Inventory
from airflow_provider_copass.registration.journal import Completed, Entry, Owner, Pending, Tombstone, Write
from airflow_provider_copass.registration.ports import Timing
from airflow_provider_copass.registration.spec import Identity

IDENTITY = Identity("sb", "slack", "n")
TIMING = Timing(settle_timeout=30, lease_pause=2)
SENT = 1_700_000_000.0
OWNER = Owner("dag", "run", "task", -1, 1)
BY = OWNER.instance
DONE, GONE = Completed("ds-1"), Tombstone("ds-1", BY)


def source(source_id: str = "ds-1", name: str = "n", status: str = "active", *, after: float | None = None) -> Source:
    """Return a source as a server shows it.

    :param after: seconds between the POST that an entry notes and the source's date; None for a source without one.
    """
    created_at = None if after is None else datetime.fromtimestamp(SENT + after, UTC)
    return Source(data_source_id=source_id, provider="slack", name=name, status=status, created_at=created_at)


def pending(**facts: Any) -> Pending:
    """Return the entry of a task that is at work, or that failed."""
    return Pending("token", OWNER, SENT, **facts)


def noted(kind: Any, source_id: str = "", other: str = "", **facts: Any) -> Pending:
    """Return the entry of a task that has noted a write, and no answer."""
    return pending(write=Write(kind, SENT, BY, source_id, other), **facts)


POSTED = noted("register")
OLD, NEW = source("ds-1", after=-1000), source("ds-2", after=5)


@dataclass(frozen=True)
class Row:
    """A fact.

    :param lives: what the look shows.
    :param step: what is to be done, and about which source.
    :param duplicates: which others have the identity.
    :param is_settled: whether the write that the entry notes can no longer take effect.
    """

    entry: Entry | None
    lives: list[Source]
    step: tuple[str, str]
    duplicates: tuple[str, ...] = ()
    is_settled: bool = True


CREATE, WAIT = ("create", ""), ("wait", "")
ROWS = {
    # Nothing is known.
    "nothing known, nothing there": Row(None, [], CREATE),
    "nothing known, one there": Row(None, [OLD], ("adopt", "ds-1")),
    "nothing known, one there that is gone": Row(None, [source(status="archived")], CREATE),
    "nothing known, one of another name": Row(None, [source(name="m")], CREATE),
    # The source is recorded.
    "recorded and there": Row(DONE, [OLD], ("recorded", "ds-1")),
    "recorded and there beside another": Row(DONE, [source("ds-0"), OLD], ("recorded", "ds-1"), ("ds-0",)),
    "recorded and gone": Row(DONE, [], CREATE),
    "recorded and disconnected": Row(DONE, [source(status="disconnected")], CREATE),
    "recorded and gone, another there": Row(DONE, [NEW], ("adopt", "ds-2")),
    "recorded, under a lease": Row(pending(previous=DONE), [OLD], ("recorded", "ds-1")),
    "recorded, and its secret may be void": Row(pending(previous=DONE, rotating="ds-1"), [OLD], ("finish", "ds-1")),
    "recorded, and another one's secret may be void": Row(
        pending(previous=DONE, rotating="ds-9"), [OLD], ("recorded", "ds-1")
    ),
    "deleted by name": Row(GONE, [], CREATE),
    "deleted by name, another there": Row(GONE, [NEW], ("adopt", "ds-2")),
    # A POST was answered.
    "answered and there": Row(pending(created_ids=("ds-1",)), [OLD], ("finish", "ds-1")),
    "answered, there beside another": Row(pending(created_ids=("ds-2",)), [OLD, NEW], ("finish", "ds-2"), ("ds-1",)),
    "answered and gone": Row(pending(created_ids=("ds-1",)), [], CREATE),
    "answered and gone, another there": Row(pending(created_ids=("ds-1",)), [NEW], ("adopt", "ds-2")),
    "answered beside the recorded one": Row(
        pending(previous=DONE, created_ids=("ds-2",)), [OLD, NEW], ("recorded", "ds-1"), ("ds-2",)
    ),
    "answered, the recorded one gone": Row(pending(previous=DONE, created_ids=("ds-2",)), [NEW], ("finish", "ds-2")),
    "an unmanaged one's secret may be void": Row(pending(rotating="ds-1"), [OLD], ("finish", "ds-1")),
    # A POST was noted, and no answer.
    "sent just now, nothing there": Row(POSTED, [], WAIT, is_settled=False),
    "sent just now, an older one there": Row(POSTED, [OLD], WAIT, is_settled=False),
    "sent just now, one without a date there": Row(POSTED, [source()], WAIT, is_settled=False),
    "sent just now, one of its time there": Row(POSTED, [NEW], ("finish", "ds-2"), is_settled=False),
    "sent just now, one of its time beside an older": Row(
        POSTED, [OLD, NEW], ("finish", "ds-2"), ("ds-1",), is_settled=False
    ),
    "sent long ago, nothing there": Row(POSTED, [], CREATE),
    "sent long ago, an older one there": Row(POSTED, [OLD], ("adopt", "ds-1")),
    "sent long ago, one of its time there": Row(POSTED, [NEW], ("finish", "ds-2")),
    # Another write was noted, and no answer.
    "a rotation just now": Row(noted("rotate", "ds-1", previous=DONE), [OLD], WAIT, is_settled=False),
    "a rotation long ago": Row(noted("rotate", "ds-1", previous=DONE, rotating="ds-1"), [OLD], ("finish", "ds-1")),
    "a deletion just now, still there": Row(noted("delete", "ds-1", previous=DONE), [OLD], WAIT, is_settled=False),
    "a deletion just now, gone": Row(noted("delete", "ds-1", previous=DONE), [], CREATE, is_settled=False),
    "a deletion long ago, still there": Row(noted("delete", "ds-1", previous=DONE), [OLD], ("recorded", "ds-1")),
    "a disconnection just now, still there": Row(noted("disconnect", "ds-1"), [OLD], WAIT, is_settled=False),
    "a disconnection just now, disconnected": Row(
        noted("disconnect", "ds-1"), [source(status="disconnected")], CREATE, is_settled=False
    ),
    "a rename away just now, still there": Row(
        noted("rename_away", "ds-1", "new", previous=DONE), [OLD], WAIT, is_settled=False
    ),
    "a rename away just now, renamed": Row(
        noted("rename_away", "ds-1", "new", previous=DONE), [source(name="new")], CREATE, is_settled=False
    ),
    "a rename away long ago, still there": Row(
        noted("rename_away", "ds-1", "new", previous=DONE), [OLD], ("recorded", "ds-1")
    ),
    "a rename here just now, not yet": Row(
        noted("rename_here", "ds-1", "old", previous=DONE), [source(name="old")], WAIT, is_settled=False
    ),
    "a rename here just now, renamed": Row(
        noted("rename_here", "ds-1", "old", previous=DONE), [OLD], ("recorded", "ds-1"), is_settled=False
    ),
    "a rename here long ago that never was": Row(
        noted("rename_here", "ds-1", "old", previous=DONE), [source(name="old")], CREATE
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_state_gives_a_step(row: Row) -> None:
    """The step, the source that it is about, and the duplicates; or a wait while a write may still take effect."""
    inventory, entry = Inventory.of(row.lives), row.entry
    if not row.is_settled:
        assert isinstance(entry, Pending)
        assert entry.write is not None
        is_open = may_still_act(entry.write, IDENTITY, entry, inventory, TIMING)
        assert is_open is (row.step == WAIT)
        if is_open:
            return
    decision = decide(IDENTITY, entry, inventory, TIMING)
    source_id = "" if decision.source is None else decision.source.data_source_id
    assert (decision.step, source_id) == row.step
    assert decision.duplicates == row.duplicates


TWO = [source("ds-1", after=1), source("ds-2", after=5)]
SEVERAL = {
    "nothing known": (None, TWO),
    "the recorded one gone": (Completed("ds-9"), TWO),
    "both of the time of a POST without an answer": (POSTED, TWO),
    "neither of the time of a POST without an answer": (POSTED, [OLD, source("ds-2", after=500)]),
    "deleted by name": (Tombstone("ds-9", BY), TWO),
}


@pytest.mark.parametrize(("entry", "lives"), SEVERAL.values(), ids=SEVERAL)
def test_of_several_sources_none_is_picked(entry: Entry | None, lives: list[Source]) -> None:
    """The error lists them, and says what to do."""
    with pytest.raises(DuplicateSourcesError, match="2 live sources are slack source 'n': ds-1, ds-2") as refused:
        decide(IDENTITY, entry, Inventory.of(lives), TIMING)
    assert refused.value.data_source_ids == ("ds-1", "ds-2")
    assert "nothing was done. Disconnect, delete or rename all but one" in str(refused.value)


RENAMED = {
    "by hand": DONE,
    "by hand, under a lease": pending(previous=DONE),
    "by hand, a rotation under way": noted("rotate", "ds-1", previous=DONE),
    "by hand, to another name than the noted one": noted("rename_away", "ds-1", "third", previous=DONE),
    "by hand, while another source was renamed": noted("rename_here", "ds-7", "other", previous=DONE),
}


@pytest.mark.parametrize("entry", RENAMED.values(), ids=RENAMED)
def test_a_recorded_source_of_another_name_is_an_error(entry: Entry) -> None:
    """No second source is created; the message tells both ways out, and not the name that the server shows."""
    with pytest.raises(SourceChangedError, match="ds-1 was registered as slack source 'n'") as refused:
        decide(IDENTITY, entry, Inventory.of([source(name="other"), NEW]), TIMING)
    assert "Rename it back" in str(refused.value)
    assert "or delete the journal entry" in str(refused.value)
    assert "'other'" not in str(refused.value)


@pytest.mark.parametrize(
    ("after", "is_ours"), [(-4.0, False), (-2.0, True), (0.0, True), (32.0, True), (36.0, True), (40.0, False)]
)
def test_a_source_is_of_a_posts_time(after: float, *, is_ours: bool) -> None:
    """From when it was noted until it must have taken effect, and the seconds that dates are cut to."""
    decision = decide(IDENTITY, POSTED, Inventory.of([source(after=after)]), TIMING)
    assert (decision.step == "finish") is is_ours


def test_what_an_entry_knows_and_a_list_does_not_show_is_read() -> None:
    """Absence from a list proves nothing: each id is read, once, and no other."""
    entry = noted("rotate", "ds-3", previous=Completed("ds-1"), created_ids=("ds-2", "ds-4"), rotating="ds-3")
    listed = Inventory.of([source("ds-4")])
    assert ids_to_look_up(entry, listed) == ["ds-1", "ds-2", "ds-3"]
    assert ids_to_look_up(POSTED, listed) == []
    assert ids_to_look_up(None, listed) == []
    assert ids_to_look_up(GONE, listed) == []
    assert ids_to_look_up(replace(DONE, source_id="ds-4"), listed) == []
