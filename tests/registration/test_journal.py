"""Journal entries as text: what was written is read, and what nobody here wrote is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_copass.errors import CopassError, EntryFormatError
from airflow_provider_copass.registration.journal import (
    Completed,
    Entry,
    Owner,
    Pending,
    Tombstone,
    Write,
    entry_name,
    from_text,
    location_name,
    to_text,
)
from airflow_provider_copass.registration.spec import Identity

texts = st.text(max_size=12)
some_texts = st.text(min_size=1, max_size=12)
moments = st.floats(0, 1e11)
counts = st.integers(0, 9)
owners = st.builds(Owner, some_texts, some_texts, some_texts, st.integers(-1, 99), st.integers(0, 99))
kinds = st.sampled_from(["register", "rotate", "rename_away", "rename_here", "disconnect", "delete"])
writes = st.builds(Write, kinds, moments, some_texts, texts, texts)
completed = st.builds(
    Completed,
    some_texts,
    **dict.fromkeys(("store", "key", "location", "unissued_mode", "registered_by", "rotated_by", "deleted_by"), texts),
    secret_generation=counts,
    write_only_hashes=st.dictionaries(texts, texts, max_size=2),
)
tombstones = st.builds(Tombstone, some_texts, some_texts, texts, texts, texts)
pending = st.builds(
    Pending,
    texts,
    owners,
    moments,
    write=st.none() | writes,
    created_ids=st.lists(some_texts, max_size=3).map(tuple),
    **dict.fromkeys(("rotating", "rotated_by", "previous_kept_by"), texts),
    secret_generation=counts,
    previous=st.none() | completed | tombstones,
)


@given(completed | tombstones | pending)
def test_what_was_written_is_read(entry: Entry) -> None:
    """Every kind of entry, whatever is empty in it."""
    assert from_text(to_text(entry), name="e") == entry


@given(completed | tombstones | pending)
def test_what_is_written_is_one_line_of_json_with_a_format(entry: Entry) -> None:
    """So that any version can tell whose it is."""
    text = to_text(entry)
    assert json.loads(text)["copass_entry"] == 1
    assert "\n" not in text


def test_nothing_is_no_entry() -> None:
    """An identity that nobody has worked on."""
    assert from_text(None, name="e") is None


GOOD: dict[str, Any] = {"copass_entry": 1, "state": "completed", "source_id": "ds-1"}
OWNER = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1}
PENDING: dict[str, Any] = {"copass_entry": 1, "state": "pending", "lease_token": "", "owner": OWNER, "since": 0.0}


@pytest.mark.parametrize("text", [json.dumps(GOOD), json.dumps(PENDING)])
def test_the_smallest_entries_are_read(text: str) -> None:
    """What the bad ones below are made of is good."""
    assert from_text(text, name="e") is not None


@pytest.mark.parametrize(
    "entry", [{**GOOD, "copass_entry": 2}, {"copass_entry": 9, "state": "a new word"}, {**PENDING, "copass_entry": 2}]
)
def test_an_entry_of_a_newer_format_is_refused_in_words(entry: dict[str, Any]) -> None:
    """It is not guessed at, and the message names it and the ways out."""
    with pytest.raises(EntryFormatError, match="'e' was written by a newer version of this provider") as refused:
        from_text(json.dumps(entry), name="e")
    assert "Use the version that wrote it; or delete the Variable" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        "[" * 100_000,
        '{"copass_entry": Infinity}',
        *(
            json.dumps(entry)
            for entry in (
                {"state": "completed", "source_id": "ds-1"},
                {"copass_entry": "canary", "state": "completed", "source_id": "ds-1"},
                {**GOOD, "state": "canary"},
                {"copass_entry": 1, "state": "completed"},
                {**PENDING, "owner": "canary"},
                {**PENDING, "owner": {**OWNER, "map_index": "canary"}},
                {**PENDING, "write": {"kind": "register"}},
                {**PENDING, "previous": {**PENDING, "copass_entry": 1}},
                {**PENDING, "previous": PENDING | {"previous": None}},
                {**PENDING, "created_ids": 5},
                # Of another type; such an entry fails its source alone: see test_register_many.py.
                {**PENDING, "created_ids": "abc"},
                {**PENDING, "since": "x"},
                {**PENDING, "write": {"kind": "register", "sent_at": "x", "by": "x"}},
                {**PENDING, "write": {"kind": "something", "sent_at": 1, "by": "x", "source_id": "ds-1"}},
                {**PENDING, "write": {"kind": ["register"], "sent_at": 1, "by": "x"}},
                {**GOOD, "source_id": 5},
                {**GOOD, "write_only_hashes": "x"},
                {**GOOD, "write_only_hashes": {"adapter_config.a": 1}},
                {**PENDING, "since": float("nan")},
                {**PENDING, "since": float("-inf")},
            )
        ),
    ],
)
def test_what_is_no_entry_is_refused_and_not_shown(text: str) -> None:
    """A guess could make a second source; a stranger's Variable may hold anything."""
    with pytest.raises(EntryFormatError, match="'e' holds something that is no entry of this provider") as refused:
        from_text(text, name="e")
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, *PENDING]), inner, max_size=5),
)


@given(
    st.dictionaries(st.sampled_from([*GOOD, *PENDING, "write", "previous", "created_ids", "lease_token"]), json_values),
    st.sampled_from([GOOD, PENDING]),
)
def test_an_entry_with_odd_fields_is_read_and_written_or_refused(odd: dict[str, Any], base: dict[str, Any]) -> None:
    """No other error comes out, then or when it is written again."""
    try:
        entry = from_text(json.dumps({**base, **odd}), name="e")
    except CopassError:
        return
    assert entry is not None
    assert to_text(entry)


def test_names_of_entries_and_locations_tell_nothing() -> None:
    """They are good keys of Variables, one an identity, with no word in them that Airflow masks."""
    names = {
        entry_name(Identity("sb", "slack", "n")),
        entry_name(Identity("sb", "slackn", "")),
        entry_name(Identity("s", "bslack", "n")),
        location_name("store", "key"),
        location_name("stor", "ekey"),
    }
    assert len(names) == 5
    assert all(name.isidentifier() and len(name) < 60 for name in names)
    assert not [name for name in names if any(word in name for word in ("secret", "token", "key", "passw"))]
