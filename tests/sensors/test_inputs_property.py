"""A property of every field of every sensor, and of the trigger: whatever is in it is read by its rule or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_copass.airflow_compat import watches_assets
from airflow_provider_copass.emulator import Emulator
from airflow_provider_copass.errors import CopassError, CopassInputError
from airflow_provider_copass.triggers import SourceSyncedTrigger
from tests.operators.in_memory import TaskInstance
from tests.operators.odd_strategies import CANARY, EACH, Odd, is_connection_text, made, nothing, odd
from tests.sensors.paths import GOOD

BY_NAME = {"provider": "slack", "name": "chat"}
FIELDS = [(kind, field) for kind in GOOD for field in kind.template_fields if field != "deferrable"]
TRIGGER_FIELDS = ["data_source_id", "provider", "name", "sandbox_id", "copass_conn_id", "poll_interval", "key"]


def is_looked_for(emulator: Emulator, kind: type[Any], field: str, value: object) -> bool:
    """Tell whether a sensor looks; if not, its refusal names the field.

    :param kind: the sensor.
    :param field: one of its fields.
    :param value: what that field is after rendering; the others are good.
    """
    good = GOOD[kind]
    if field in BY_NAME:
        good = {**BY_NAME, **{name: each for name, each in good.items() if name != "data_source_id"}}
    elif field in {"newer_than", "max_age"}:
        good = {name: each for name, each in good.items() if name != "max_age"}
    sensor = kind(task_id="wait", **{**good, field: value})
    emulator.reset()
    try:
        sensor.poke({"ti": TaskInstance()})
    except CopassError as error:
        said = str(error)
    else:
        said = ""
    is_sent = bool(emulator.requests())
    assert is_sent or field in said
    assert CANARY not in said
    return is_sent


@EACH
@given(st.sampled_from(FIELDS), odd)
def test_whatever_is_in_a_sensor_s_field_is_read_or_refused_by_its_name(
    emulator: Emulator, field: tuple[type[Any], str], value: Any
) -> None:
    """No request is sent with it, and nothing else is raised."""
    kind, name = field
    value = made(value)
    if not is_connection_text(name, value):
        is_looked_for(emulator, kind, name, value)


@EACH
@given(
    st.sampled_from([each for each in FIELDS if each[1] not in {"fail_on", "copass_conn_id"}]), nothing | st.floats()
)
def test_no_field_of_a_sensor_is_nothing_or_a_fraction(
    emulator: Emulator, field: tuple[type[Any], str], value: Any
) -> None:
    """None alone is a default, of the sandbox; a length of time may have a fraction."""
    kind, name = field
    if value in {"none", "null"} or (name == "max_age" and isinstance(value, float)):
        return
    assert is_looked_for(emulator, kind, name, value) is (name == "sandbox_id" and value is None)


@pytest.mark.skipif(not watches_assets(), reason="no trigger watches an asset before Airflow 3")
@EACH
@given(st.sampled_from(TRIGGER_FIELDS), odd)
@example("key", Odd("a word"))
def test_whatever_is_in_the_trigger_s_field_is_read_or_refused_by_its_name(field: str, value: Any) -> None:
    """Airflow hashes what is read: texts, numbers and None."""
    good = {"data_source_id": None} if field == "data_source_id" else BY_NAME
    try:
        _, kwargs = SourceSyncedTrigger(**{**good, field: made(value)}).serialize()
    except CopassInputError as refused:
        kwargs, said = {}, str(refused)
    else:
        said = field
    assert field in said
    assert CANARY not in said
    assert {type(each) for each in kwargs.values()} <= {str, float, type(None)}
