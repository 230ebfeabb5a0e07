"""On any state of account, journal and store, the operator for one source and a list of that one source do the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registration import acts
from tests.registration.simulation import Fault, Process, World

NAMES = ("n", "m")
KEYS = (None, "key_{name}", "shared_key")


@dataclass(frozen=True)
class Step:
    """Something that happens to a world.

    :param act: what, as a function of the world.
    :param name: the name of the source that it is about.
    :param how: what else it is given.
    """

    act: Callable[..., object]
    name: str
    how: dict[str, Any]

    def happen(self, world: World) -> None:
        """Let it happen."""
        self.act(world, self.name, **self.how)


EFFECTS = ("list", "get", "register", "rotate", "update", "write entry", "remove entry", "read secret", "write secret")
killed_anywhere = st.integers(0, 40).map(lambda at: acts.Script(kill_at=at))
# A list reads an entry that another task holds once more than one source's task: numbers are not the same places.
killed_at_an_effect = st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(EFFECTS), st.integers(0, 5)).map(
    lambda drawn: acts.Script(kill_at=(f"{drawn[0]} {drawn[1]}", drawn[2]))
)


def killed_or_not(killed: st.SearchStrategy[acts.Script]) -> st.SearchStrategy[acts.Script]:
    """Draw what happens to a process: nothing, a death, or a write whose answer is lost or that comes late."""
    fault = st.sampled_from([Fault(), Fault(applies=False), Fault(late=12), Fault(late=24)])
    writes = st.sampled_from(["register", "rotate", "update", "delete", "disconnect"])
    return st.one_of(
        st.just(acts.Script()),
        killed,
        st.tuples(writes, fault).map(lambda drawn: acts.Script(faults={(drawn[0], 0): drawn[1]})),
        st.tuples(writes, fault).map(
            lambda drawn: acts.Script(faults={drawn[0]: drawn[1]}, kill_at=f"after {drawn[0]}")
        ),
    )


asked = st.fixed_dictionaries(
    {
        "store_as": st.sampled_from(KEYS),
        "on_missing_secret": st.sampled_from(["fail", "rotate", "ignore"]),
        "if_exists": st.sampled_from(["reuse", "update", "fail"]),
        "ingestion_mode": st.sampled_from(["realtime", "realtime", "polling"]),
        "fields": st.sampled_from([{}, {"external_account_id": "T1"}]),
    }
)
of_list = partial(acts.register_one, "list")
tasks = st.sampled_from(["a/run/task/-1", "b/run/task/-1"])
attempts = st.integers(1, 3)


@st.composite
def of_a_task(draw: st.DrawFn) -> Step:
    """Draw a task's try."""
    name, script = draw(st.sampled_from(NAMES)), draw(killed_or_not(killed_anywhere))
    identity = {"task": draw(tasks), "attempt": draw(attempts)}
    act: Callable[..., Process] = draw(
        st.sampled_from(
            [acts.register, acts.register, of_list, acts.rotate, to_other_name, acts.delete, acts.disconnect]
        )
    )
    how = {} if act in {to_other_name, acts.disconnect} else {"store_as": draw(st.sampled_from(KEYS))}
    if act in {acts.register, of_list}:
        how = draw(asked)
    if act is acts.delete:
        how["remove_secret"] = draw(st.booleans())
    return Step(act, name, {**identity, **how, **script})


def to_other_name(world: World, name: str, **how: Any) -> Process:
    """Rename a source to the other name."""
    return acts.rename(world, name, *(other for other in NAMES if other != name), **how)


def by_hand(world: World, name: str, *, what: str, number: int) -> None:
    """Do something that a person does.

    :param number: which of the sources, or of the secrets in the store.
    """
    row = list(world.rows.values())[number % len(world.rows)] if world.rows else None
    key = sorted(world.store)[number % len(world.store)] if world.store else None
    match what:
        case "rename" if row is not None:
            row.fields["name"] = name
        case "delete" if row is not None:
            row.alive = False
        case "disconnect" if row is not None:
            row.fields["status"] = "disconnected"
        case "duplicate":
            acts.seed(world, name)
        case "remove secret" if key is not None:
            del world.store[key]
        case "change secret" if key is not None:
            world.store[key] = "another value"


def wait(world: World, _: str, *, seconds: float) -> None:
    """Let time pass."""
    world.advance(world.now + seconds)


HANDS = ("rename", "delete", "disconnect", "duplicate", "remove secret", "change secret")
hands = st.builds(
    Step,
    st.just(by_hand),
    st.sampled_from([*NAMES, "by hand"]),
    st.fixed_dictionaries({"what": st.sampled_from(HANDS), "number": st.integers(0, 3)}),
)
waits = st.builds(
    Step, st.just(wait), st.just(""), st.fixed_dictionaries({"seconds": st.sampled_from([5.0, 40.0, 400.0])})
)


def entries_of(world: World) -> object:
    """Return what the journal says, but for who wrote it and when."""
    entries = {name: json.loads(text) for name, text in world.entries.items()}
    for entry in entries.values():
        for of_one_process in ("lease_token", "owner", "since"):
            entry.pop(of_one_process, None)
        if "write" in entry:
            del entry["write"]["sent_at"]
            entry["write"].pop("took", None)
    return entries, world.locations


def told_of(world: World, process: Process) -> object:
    """Return all that a task's end comes to, but for times."""
    one = acts.told(process)
    return {
        "outcome": one.outcome,
        "id": one.data_source_id,
        "key": one.stored_as,
        "error": (type(one.error).__name__, str(one.error)),
        "journal": entries_of(world),
        "sent": world.sent,
        "account": {source_id: (row.fields, row.secret, row.alive) for source_id, row in world.rows.items()},
        "store": world.store,
    }


@settings(max_examples=300)
@given(
    steps=st.lists(st.one_of(of_a_task(), hands, waits), min_size=1, max_size=5),
    task=tasks,
    how=asked,
    script=killed_or_not(killed_at_an_effect),
)
def test_one_source_and_a_list_of_it_do_the_same(
    steps: list[Step], task: str, how: dict[str, Any], script: acts.Script
) -> None:
    """The same answer, writes, account, store and journal; and the next run of either says the same, too."""
    world = World()
    for step in steps:
        step.happen(world)
    worlds = world, copy.deepcopy(world)
    ends = [
        told_of(each, acts.register_one(way, each, task=task, attempt=9, **how, **script))
        for way, each in zip(("one", "list"), worlds, strict=True)
    ]
    assert ends[0] == ends[1]
    for each in worlds:
        each.advance(each.now + 400)
    nexts = [told_of(each, acts.register(each, task="next/run/task/-1")) for each in worlds]
    assert nexts[0] == nexts[1]
