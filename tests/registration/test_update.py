"""Changing a source: what differs is sent once, merged or in the place of what is there; bad input is refused first.

Most of it holds for ``UpdateSourceOperator`` and for a registration with ``if_exists="update"``, which merges.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from airflow_provider_copass.api import Source
from airflow_provider_copass.errors import (
    CopassInputError,
    CopassValidationError,
    DuplicateSourcesError,
    SourceMissingError,
)
from airflow_provider_copass.operators._fields import read_change
from airflow_provider_copass.registration.drift import Declared
from tests.registration import acts
from tests.registration.checks import assert_green, assert_once, assert_retryable
from tests.registration.each_boundary import killed_at_each, paused_at_each
from tests.registration.simulation import Fault, Process, World, run_all

ways = pytest.mark.parametrize("way", ["update", "register", "register a list"])


def update(world: World, *, attempt: int = 1, task: str = "update/run/task/-1", **fields: Any) -> Process:
    """Run one try of ``UpdateSourceOperator``."""
    return acts.update(world, attempt=attempt, task=task, fields=fields)


def merge(way: str, world: World, run: object = 0, **fields: Any) -> Process:
    """Run a task that merges the declared fields into the source, in any of the ways, and is green."""
    task = f"{way}/run {run}/task/-1"
    if way == "update":
        process = update(world, task=task, merge_adapter_config=True, **fields)
    else:
        one = "one" if way == "register" else "list"
        how = {"ingestion_mode": fields.pop("ingestion_mode", "polling"), "if_exists": "update", "fields": fields}
        process = acts.register_one(one, world, task=task, **how)
    assert_green(process)
    return process


def seed(world: World, **fields: Any) -> None:
    """Put a source there that has no secret."""
    acts.seed(world, ingestion_mode="polling", **fields)


def settings_of(world: World) -> Any:
    """Return the settings of the first source."""
    return world.rows["ds-1"].fields["adapter_config"]


@ways
def test_only_what_differs_is_sent_and_only_once(way: str) -> None:
    """What is as declared, or is not declared, is in no PATCH; what was changed is told by name."""
    world = World()
    seed(world, poll_interval_seconds=60, external_account_id="T1", adapter_config={"a": 1, "b": 1, "more": 1})
    fields = {"poll_interval_seconds": "90", "external_account_id": "T1", "adapter_config": {"a": 1, "b": 2}}
    done = merge(way, world, 1, **fields)
    assert world.patches == [{"poll_interval_seconds": 90, "adapter_config": {"b": 2}}]
    assert acts.told(done) == acts.Told("updated", "ds-1")
    if way != "register a list":
        (said,) = done.log.with_text("Changed source ds-1 in: ")
        assert sorted(said.rstrip(".").partition(": ")[2].split(", ")) == ["adapter_config.b", "poll_interval_seconds"]
    again = merge(way, world, 2, **fields)
    assert acts.told(again) == acts.Told("unchanged", "ds-1")
    assert len(world.sent) == 1
    assert settings_of(world) == {"a": 1, "b": 2, "more": 1}


def test_nothing_to_change_is_a_look_and_no_write() -> None:
    """By an id as by a name."""
    world = World()
    seed(world, poll_interval_seconds=60)
    for look, how in (("get", {"data_source_id": "ds-1"}), ("list", {})):
        done = acts.update(world, fields={"poll_interval_seconds": 60}, **how)
        assert done.effects == [look, "read entry"]
        assert done.log.with_text("as declared already")


@ways
def test_settings_are_compared_as_deep_as_they_are_declared(way: str) -> None:
    """The server may know more inside of a declared object, and keeps it."""
    world = World()
    seed(world, adapter_config={"a": {"b": {"c": 1, "more": 1}}})
    merge(way, world, 1, adapter_config={"a": {"b": {"c": 1}}})
    assert world.patches == []
    merge(way, world, 2, adapter_config={"a": {"b": {"c": 2}}})
    assert settings_of(world) == {"a": {"b": {"c": 2, "more": 1}}}


def test_settings_replace_what_is_there() -> None:
    """Unless they are merged: a key that is not declared is removed, and told by its name."""
    world = World()
    seed(world, adapter_config={"a": 1, "b": {"c": 1, "d": 1}, "more": 1})
    done = update(world, adapter_config={"a": 1, "b": {"c": 1}})
    assert world.patches == [{"adapter_config": {"a": 1, "b": {"c": 1}}}]
    assert done.log.with_text("in: adapter_config.b, adapter_config.more.")
    assert acts.told(update(world, task="next/run/task/-1", adapter_config='{"a": 1, "b": {"c": 1}}')).outcome == (
        "unchanged"
    )


def test_fields_are_emptied_if_named() -> None:
    """With null, the settings with an empty object, and once: what is empty already is left alone."""
    world = World()
    seed(world, poll_interval_seconds=60, adapter_config={"a": 1}, external_account_id="T1")
    clear = ["adapter_config", "external_account_id", "poll_interval_seconds"]
    update(world, clear=clear, merge_adapter_config=True)
    assert world.patches == [{**dict.fromkeys(clear), "adapter_config": {}}]
    update(world, clear='["adapter_config", "poll_interval_seconds"]')
    assert len(world.patches) == 1


@pytest.mark.parametrize("way", ["update", "register", "register a list", "replace"])
@pytest.mark.parametrize(
    "server", [{"masks": frozenset({"api_key"})}, {"drops": frozenset({"api_key"})}], ids=["masked", "dropped"]
)
def test_what_the_server_does_not_show_is_sent_once(server: dict[str, Any], way: str) -> None:
    """The entry knows it by a hash; it is sent again if it is declared anew, and its value is nowhere."""
    world = World(**server)
    seed(world)
    said = []
    for run, key in enumerate(["canary-1", "canary-1", "canary-2", "canary-2"]):
        fields = {"adapter_config": {"api_key": key, "a": 1}}
        done = (
            update(world, task=f"{run}/run/task/-1", **fields) if way == "replace" else merge(way, world, run, **fields)
        )
        said += done.log.lines
    assert len(world.patches) == 2
    assert len([line for line in said if "does not show adapter_config.api_key of source ds-1" in line]) == 2
    assert "canary" not in f"{said}{world.entries}"


def test_a_key_that_the_server_adds_by_itself_is_not_removed_at_every_run() -> None:
    """It is known after the first time, and stays known to a merge of other keys."""
    world = World(adds={"version": 3})
    seed(world, adapter_config={"a": 1, "version": 3})
    update(world, task="1/run/task/-1", adapter_config={"a": 2})
    update(world, task="2/run/task/-1", adapter_config={"a": 2})
    update(world, task="3/run/task/-1", adapter_config={"b": 2}, merge_adapter_config=True)
    update(world, task="4/run/task/-1", adapter_config={"a": 2, "b": 2})
    assert [list(patch["adapter_config"]) for patch in world.patches] == [["a"], ["b"]]


def test_tasks_that_declare_different_keys_keep_what_the_other_has_sent() -> None:
    """An update and a registration that updates do not send for ever."""
    world = World(masks=frozenset({"one", "two"}))
    seed(world)
    for run in range(2):
        merge("update", world, run, adapter_config={"one": "canary"})
        merge("register", world, run, adapter_config={"two": "canary"})
    assert len(world.patches) == 2


def test_what_the_journal_knows_of_the_secret_stays() -> None:
    """A registration that declares the key of the secret finds it in place after an update."""
    world = World(masks=frozenset({"api_key"}))
    assert_green(acts.register(world, store_as="fixed_secret"))
    assert_green(update(world, adapter_config={"api_key": "canary"}))
    again = acts.register(world, task=acts.OTHER, store_as="fixed_secret")
    assert acts.told(again) == acts.Told("unchanged", "ds-1", "fixed_secret")
    assert not acts.is_green(acts.register(world, task=acts.OTHER, store_as="other_secret"))


def test_a_kind_cannot_be_changed_and_is_said_to_differ() -> None:
    """The API has no way to change it."""
    world = World()
    seed(world, kind="ephemeral")
    done = merge("register", world, kind="durable")
    assert world.patches == []
    assert done.log.with_text("differs from what is declared in: kind.")


def test_killed_at_any_boundary_the_retry_finishes_the_change() -> None:
    """Before and after each look, the PATCH, and each write; a further run sends nothing."""
    fields = {"adapter_config": {"api_key": "canary", "a": 1}, "poll_interval_seconds": 90}

    def seeded() -> World:
        world = World(masks=frozenset({"api_key"}))
        seed(world, poll_interval_seconds=60)
        return world

    for world, _ in killed_at_each(seeded, partial(acts.update, fields=fields), is_end_given=True):
        assert_green(update(world, attempt=2, **fields))
        sent = len(world.patches)
        assert sent <= 2
        assert_green(update(world, task="next/run/task/-1", **fields))
        assert len(world.patches) == sent
        assert world.rows["ds-1"].fields["poll_interval_seconds"] == 90
        assert settings_of(world) == {"api_key": "***", "a": 1}


def test_the_retry_of_a_killed_change_leaves_nobody_waiting() -> None:
    """The change was sent, so nothing is left to do but to give the entry back."""
    world = acts.registered()
    assert acts.is_killed(acts.update(world, fields={"external_account_id": "T1"}, kill_at="after update"))
    assert_green(acts.update(world, attempt=2, fields={"external_account_id": "T1"}))
    assert_green(acts.rotate(world))


def test_paused_at_any_boundary_it_loses_nothing_of_what_others_wrote() -> None:
    """Its retry changes the source and another task rotates; when it wakes, the secret is in place and valid."""
    fields = {"poll_interval_seconds": 90}
    prepare = partial(acts.registered, store_as="fixed_secret")
    for world, paused in paused_at_each(prepare, partial(acts.start_update, fields=fields)):
        assert_green(update(world, attempt=2, **fields))
        # The retry finds nothing to change, and leaves the lease of the paused process as it is.
        assert_green(acts.until_green(acts.rotate, world, store_as="fixed_secret", pause=120, tries=6))
        run_all(world, [paused])
        later = acts.until_green(acts.register, world, task=acts.OTHER, store_as="fixed_secret", pause=120)
        assert_once(world, later)
        assert acts.told(later).outcome == "unchanged"
        assert world.rotations == 1


@pytest.mark.parametrize("applies", [True, False])
def test_a_lost_answer_is_left_to_the_retry(*, applies: bool) -> None:
    """A PATCH may be sent twice; nobody waits for it."""
    world = World()
    seed(world)
    lost = acts.update(world, fields={"poll_interval_seconds": 90}, faults={"update": Fault(applies=applies)})
    assert_retryable(lost)
    retry = update(world, attempt=2, poll_interval_seconds=90)
    assert_green(retry)
    assert retry.elapsed < 10
    assert world.rows["ds-1"].fields["poll_interval_seconds"] == 90


def test_a_refused_change_is_the_servers_own_error() -> None:
    """It fails the task at once, and leaves nothing in the journal."""
    world = World()
    seed(world)
    fault = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    done = acts.update(world, fields={"poll_interval_seconds": 90}, faults={"update": fault})
    assert isinstance(acts.error_of(done), CopassValidationError)
    assert world.entries == {}


def test_a_source_that_becomes_realtime_is_said_to_need_a_secret() -> None:
    """The answer to a change holds none. It is said once."""
    world = World()
    seed(world)
    assert update(world, ingestion_mode="realtime").log.with_text("RotateWebhookSecretOperator mints")
    assert update(world, ingestion_mode="realtime").log.with_text("RotateWebhookSecretOperator mints") == []


@pytest.mark.parametrize("how", [{}, {"data_source_id": "ds-9"}], ids=["by name", "by id"])
def test_a_source_that_does_not_exist_is_an_error(how: dict[str, str]) -> None:
    """And nothing is created."""
    world = World()
    error = acts.error_of(acts.update(world, fields={"poll_interval_seconds": 90}, **how))
    assert isinstance(error, SourceMissingError)
    assert world.sent == []


def test_several_sources_of_a_name_are_told_apart_by_id() -> None:
    """None is picked."""
    world = World()
    seed(world)
    seed(world)
    error = acts.error_of(update(world, poll_interval_seconds=90))
    assert isinstance(error, DuplicateSourcesError)
    assert error.data_source_ids == ("ds-1", "ds-2")
    assert_green(acts.update(world, data_source_id="ds-2", fields={"poll_interval_seconds": 90}))
    assert world.sent == [("update", "ds-2", "poll_interval_seconds")]


@pytest.mark.parametrize(
    ("declared", "fields", "rule"),
    [
        ({}, ("new_name", "ingestion_mode"), "nothing to change"),
        ({"clear": []}, ("new_name",), "nothing to change"),
        ({"clear": ["name"]}, ("clear",), "a list of fields that can be empty"),
        ({"clear": "ingestion_mode"}, ("clear",), "a list of fields that can be empty"),
        ({"clear": "{}"}, ("clear",), "a list of fields that can be empty"),
        ({"clear": [["x"]]}, ("clear",), "a list of fields that can be empty"),
        ({"clear": 1}, ("clear",), "a list of fields that can be empty"),
        ({"clear": ["adapter_config"], "adapter_config": {"a": "canary"}}, ("adapter_config",), "both declared and in"),
        ({"clear": ["poll_interval_seconds"], "poll_interval_seconds": 60}, ("poll_interval_seconds",), "Leave it out"),
        ({"new_name": ""}, ("new_name",), "new_name rendered to an empty text"),
        ({"new_name": "x" * 256}, ("new_name",), "1 to 255 characters"),
        ({"ingestion_mode": "sometimes"}, ("ingestion_mode",), "must be one of"),
        ({"poll_interval_seconds": "59"}, ("poll_interval_seconds",), "at least 60"),
        ({"poll_interval_seconds": True}, ("poll_interval_seconds",), "at least 60"),
        ({"adapter_config": "canary"}, ("adapter_config",), "JSON object"),
        ({"adapter_config": {"a": 1}, "merge_adapter_config": "false"}, ("merge_adapter_config",), "True or False"),
    ],
)
def test_bad_input_names_the_field_and_the_rule(declared: dict[str, Any], fields: tuple[str, ...], rule: str) -> None:
    """Before anything is asked of anybody, and without a value."""
    with pytest.raises(CopassInputError, match=rule) as refused:
        read_change(**declared)
    assert set(fields) <= set(refused.value.fields)
    assert "canary" not in str(refused.value)


def test_empty_names_in_clear_are_passed_over() -> None:
    """A template may render one to nothing."""
    change = read_change(new_name="n", clear=["", "adapter_config"])
    assert change.fields == {"name": "n", "adapter_config": {}}


def test_what_is_declared_is_in_no_repr() -> None:
    """Settings may hold a credential."""
    change = read_change(adapter_config={"a": "canary"})
    assert "canary" not in f"{change!r}"


@pytest.mark.parametrize("is_merge", [True, False])
def test_true_is_not_one(*, is_merge: bool) -> None:
    """For Python they are equal, and for the server they are not."""
    found = Source(data_source_id="ds-1", adapter_config={"a": 1, "b": {"c": [0, 1]}})
    declared = Declared({"adapter_config": {"a": True, "b": {"c": [False, 1]}}}, merge=is_merge)
    assert set(declared.differing(found)) == {"adapter_config.a", "adapter_config.b"}
    same = Declared({"adapter_config": {"a": 1.0, "b": {"c": [0, 1]}}}, merge=is_merge)
    assert same.differing(found) == {}
