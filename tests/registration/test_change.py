"""Changing a source: what differs is sent once, merged or in the place of what is there; bad input is refused first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_copass.errors import (
    CopassInputError,
    CopassValidationError,
    DuplicateSourcesError,
    EntryBusyError,
    SourceMissingError,
)
from airflow_provider_copass.registration import Owner
from airflow_provider_copass.registration.change import Change, read_declared
from airflow_provider_copass.registration.changing import Changing
from airflow_provider_copass.registration.named import Named
from airflow_provider_copass.registration.record import Closed, Open, from_text, name_of, to_text
from tests.registration.simulation import Fault, Killed, World, run_all
from tests.registration.worlds import TIMING, Process, run, seed, wish

TASK = "update/run/task/-1"


def changing(named: dict[str, str] | None = None, **declared: Any) -> Callable[..., Changing]:
    """Return what builds a change of the source that a test is about, by its name unless told otherwise."""
    which = Named(**(named or {"provider": "slack", "name": "n"}))
    change = Change("sb", which, read_declared(**declared))

    def build(_: object, *, secrets: object, **ports: Any) -> Changing:
        return Changing(change, **ports)

    return build


def update(
    world: World,
    *,
    attempt: int = 1,
    task: str = TASK,
    named: dict[str, str] | None = None,
    script: dict[str, Any] | None = None,
    **declared: Any,
) -> Process:
    """Run one try of an update to its end."""
    build = changing(named, **declared)
    process = Process(world, wish(), Owner(task, attempt), TIMING, build=build, **(script or {}))
    run_all(world, [process])
    return process


def updated(world: World, **how: Any) -> Process:
    """Run an update that works."""
    process = update(world, **how)
    assert process.error is None, (process.error, process.trace)
    return process


def settings_of(world: World) -> Any:
    """Return the settings of the first source."""
    return world.rows["ds-1"].fields["adapter_config"]


def test_only_what_differs_is_sent() -> None:
    """What is as declared is in no PATCH; what was changed is told by name."""
    world = World()
    seed(world, poll_interval_seconds=60, external_account_id="T1")
    done = updated(world, poll_interval_seconds="90", external_account_id="T1")
    assert world.patches == [{"poll_interval_seconds": 90}]
    assert done.result.names == ("poll_interval_seconds",)
    assert done.said_of("Changed source ds-1 in: poll_interval_seconds.")


@pytest.mark.parametrize("named", [{"data_source_id": "ds-1"}, {"provider": "slack", "name": "n"}])
def test_nothing_to_change_is_no_request_but_the_read(named: dict[str, str]) -> None:
    """And no Variable is touched where no settings are declared."""
    world = World()
    seed(world, poll_interval_seconds=60)
    done = updated(world, named=named, poll_interval_seconds=60)
    look = "get" if "data_source_id" in named else "list"
    assert done.trace == [f"before {look}", f"after {look}"]
    assert done.result.names == ()
    assert done.said_of("as declared already")


def test_settings_take_the_place_of_what_is_there() -> None:
    """A key that is not declared is removed, and told by its name."""
    world = World()
    seed(world, adapter_config={"a": 1, "b": {"c": 1, "d": 1}, "more": 1})
    done = updated(world, adapter_config={"a": 1, "b": {"c": 1}})
    assert world.patches == [{"adapter_config": {"a": 1, "b": {"c": 1}}}]
    assert done.result.names == ("adapter_config.b", "adapter_config.more")
    assert updated(world, adapter_config='{"a": 1, "b": {"c": 1}}').result.names == ()


def test_settings_are_merged_where_asked_for() -> None:
    """What is not declared stays, however deep."""
    world = World()
    seed(world, adapter_config={"a": 1, "b": {"c": 1, "d": 1}, "more": 1})
    done = updated(world, adapter_config={"a": 1, "b": {"c": 2}}, merge_adapter_config=True)
    assert world.patches == [{"adapter_config": {"b": {"c": 2}}}]
    assert done.result.names == ("adapter_config.b",)
    assert settings_of(world) == {"a": 1, "b": {"c": 2, "d": 1}, "more": 1}
    assert updated(world, adapter_config={"a": 1, "b": {"c": 2}}, merge_adapter_config=True).result.names == ()


def test_fields_are_emptied_where_named() -> None:
    """With null, and once: what is empty already is left alone."""
    world = World()
    seed(world, poll_interval_seconds=60, adapter_config={"a": 1}, external_account_id="T1")
    clear = ["adapter_config", "external_account_id", "poll_interval_seconds"]
    done = updated(world, clear=clear, merge_adapter_config=True)
    assert world.patches == [dict.fromkeys(clear)]
    assert sorted(done.result.names) == clear
    assert updated(world, clear='["adapter_config", "poll_interval_seconds"]').result.names == ()


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "replaced"])
@pytest.mark.parametrize(
    "server", [{"masks": frozenset({"api_key"})}, {"drops": frozenset({"api_key"})}], ids=["masked", "dropped"]
)
def test_what_the_server_does_not_show_is_sent_once(server: dict[str, Any], *, merge: bool) -> None:
    """The record knows it by a seal; it is sent again when it is declared anew, and its value is nowhere."""
    world = World(**server)
    seed(world)
    said = []
    for number, key in enumerate(["canary-1", "canary-1", "canary-2", "canary-2"]):
        done = updated(
            world, task=f"update/{number}", adapter_config={"api_key": key, "a": 1}, merge_adapter_config=merge
        )
        said += done.said
    assert len(world.patches) == 2
    assert "canary" not in f"{said}{world.records}"


def test_a_key_that_the_server_adds_by_itself_is_not_removed_at_every_run() -> None:
    """It is known after the first time, and stays known to a merge of other keys."""
    world = World(adds={"version": 3})
    seed(world, adapter_config={"a": 1, "version": 3})
    updated(world, task="update/1", adapter_config={"a": 2})
    updated(world, task="update/2", adapter_config={"a": 2})
    updated(world, task="update/3", adapter_config={"b": 2}, merge_adapter_config=True)
    updated(world, task="update/4", adapter_config={"a": 2, "b": 2})
    assert [list(patch["adapter_config"]) for patch in world.patches] == [["a"], ["b"]]


def test_a_registration_that_updates_keeps_what_an_update_has_sealed() -> None:
    """And the other way round: two tasks that declare different keys do not send for ever."""
    world = World(masks=frozenset({"one", "two"}))
    seed(world)
    for number in range(2):
        updated(world, task=f"update/{number}", adapter_config={"one": "canary"}, merge_adapter_config=True)
        done = run(world, task=f"run/{number}", if_exists="update", adapter_config={"two": "canary"})
        assert done.error is None
    assert len(world.patches) == 2


def test_what_is_recorded_of_the_secret_stays() -> None:
    """A seal is written beside it."""
    world = World(masks=frozenset({"api_key"}))
    run(world, ingestion_mode="realtime")
    updated(world, adapter_config={"api_key": "canary"})
    (text,) = world.records.values()
    record = from_text(text, name="r")
    assert isinstance(record, Closed)
    assert (record.key, list(record.unread)) == ("copass_webhook_secret_ds-1", ["adapter_config.api_key"])


def opened(world: World, *, ago: float = 10.0) -> str:
    """Leave an open record of somebody else, and return its name."""
    name = name_of("sb", "slack", "n")
    world.records[name] = to_text(Open("mark", Owner("other/run/task/-1", 1), world.now - ago))
    return name


def test_settings_wait_for_an_open_record() -> None:
    """Then the error is one that Airflow retries; nothing was sent."""
    world = World()
    seed(world)
    name = opened(world)
    done = update(world, adapter_config={"a": 1})
    assert isinstance(done.error, EntryBusyError)
    assert not done.error.is_final
    assert name in str(done.error)
    assert world.patches == []


def test_other_fields_do_not_wait() -> None:
    """The record tells nothing about them."""
    world = World()
    seed(world)
    opened(world)
    updated(world, poll_interval_seconds=60)
    assert len(world.patches) == 1


def test_a_record_that_was_written_meanwhile_is_left() -> None:
    """What another task wrote between the look and the write stays; the value is sent once more at the next run."""
    world = World(masks=frozenset({"api_key"}))
    seed(world)
    other = to_text(Closed("ds-1", store="test store", key="other"))
    build = changing(adapter_config={"api_key": "canary"})
    process = Process(world, wish(), Owner(TASK, 1), TIMING, build=build)
    while "after update" not in process.trace:
        process.step()
    world.records[name_of("sb", "slack", "n")] = other
    run_all(world, [process])
    assert process.error is None
    assert list(world.records.values()) == [other]


def test_killed_at_any_boundary_the_retry_finishes_the_change() -> None:
    """Before and after each look, the PATCH, and each write; a further run sends nothing."""
    for kill_at in itertools.count():
        world = World(masks=frozenset({"api_key"}))
        seed(world, poll_interval_seconds=60)
        declared = {"adapter_config": {"api_key": "canary", "a": 1}, "poll_interval_seconds": 90}
        first = update(world, script={"kill_at": kill_at}, **declared)
        if first.error is None:
            break
        assert isinstance(first.error, Killed)
        updated(world, attempt=2, **declared)
        sent = len(world.patches)
        assert sent <= 2
        updated(world, task="update/next run", **declared)
        assert len(world.patches) == sent
        assert world.rows["ds-1"].fields["poll_interval_seconds"] == 90
        assert settings_of(world) == {"api_key": "***", "a": 1}
    assert kill_at > 5


@pytest.mark.parametrize("applies", [True, False])
def test_a_lost_answer_is_left_to_the_retry(*, applies: bool) -> None:
    """A PATCH may be sent twice."""
    world = World()
    seed(world)
    assert update(world, poll_interval_seconds=90, script={"faults": {"update": Fault(applies=applies)}}).error
    updated(world, attempt=2, poll_interval_seconds=90)
    assert world.rows["ds-1"].fields["poll_interval_seconds"] == 90


def test_a_refused_change_is_told_as_it_is() -> None:
    """It is the server's own error."""
    world = World()
    seed(world)
    fault = Fault(applies=False, error=lambda: CopassValidationError("422", status=422))
    done = update(world, poll_interval_seconds=90, script={"faults": {"update": fault}})
    assert isinstance(done.error, CopassValidationError)


def test_a_realtime_source_is_said_to_need_a_secret() -> None:
    """The answer to a change holds none."""
    world = World()
    seed(world)
    assert updated(world, ingestion_mode="realtime").said_of("RotateWebhookSecretOperator mints")
    assert updated(world, ingestion_mode="realtime").said_of("RotateWebhookSecretOperator mints") == []


def test_a_source_that_is_not_there_is_told() -> None:
    """By its name, and by its id."""
    for named in ({"provider": "slack", "name": "n"}, {"data_source_id": "ds-9"}):
        assert isinstance(update(World(), named=named, poll_interval_seconds=90).error, SourceMissingError)


def test_several_sources_of_a_name_are_told_apart_by_id() -> None:
    """None is picked."""
    world = World()
    seed(world)
    seed(world)
    done = update(world, poll_interval_seconds=90)
    assert isinstance(done.error, DuplicateSourcesError)
    assert done.error.data_source_ids == ("ds-1", "ds-2")
    updated(world, named={"data_source_id": "ds-2"}, poll_interval_seconds=90)
    assert world.rows["ds-1"].fields.get("poll_interval_seconds") is None


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
        ({"new_name": ""}, ("new_name",), "1 to 255 characters"),
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
        read_declared(**declared)
    assert set(fields) <= set(refused.value.fields)
    assert "canary" not in str(refused.value)


def test_empty_names_in_clear_are_passed_over() -> None:
    """A template may render one to nothing."""
    assert read_declared(new_name="n", clear=["", "adapter_config"]).fields == {"name": "n", "adapter_config": None}


def test_what_is_declared_is_in_no_repr() -> None:
    """Settings may hold a credential."""
    change = Change("sb", Named("ds-1"), read_declared(adapter_config={"a": "canary"}))
    assert "canary" not in f"{change!r}{change.declared!r}"
