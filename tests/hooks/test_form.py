"""The connection's form: one table, drawn alike by the Airflows that read a description and those that ask a hook."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from airflow_provider_copass.api import ClientSettings
from airflow_provider_copass.connection_fields import EXTRA_FIELDS, HIDDEN_FIELDS, STANDARD_FIELDS, ExtraField
from airflow_provider_copass.get_provider_info import get_provider_info
from airflow_provider_copass.hooks import CopassHook
from tests.harness.airflow_home import AIRFLOW_3, AIRFLOW_VERSION
from tests.hooks.connections import ENVIRONMENT, as_json

NOT_IN_EXTRA = {"token", "base_url", "user_agent"}
NUMBERS = [field for field in EXTRA_FIELDS if field.type != "string"]


def declared() -> dict[str, Any]:
    """Return the connection type as the provider's description has it."""
    (connection_type,) = get_provider_info()["connection-types"]
    found: dict[str, Any] = connection_type
    return found


def test_there_is_a_field_for_each_setting_of_a_client() -> None:
    """What the hook reads out of ``extra`` can be filled in, and nothing else."""
    settings = {field.name for field in dataclasses.fields(ClientSettings)} - NOT_IN_EXTRA
    assert {field.name for field in EXTRA_FIELDS} == settings | {"sandbox_id"}


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_the_form_begins_with_the_default_of_the_client(field: ExtraField) -> None:
    """A form that is saved as it is means what a connection without the field means."""
    assert field.default == getattr(ClientSettings(token="olk_x"), field.name)


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_what_the_form_accepts_the_client_accepts(monkeypatch: pytest.MonkeyPatch, field: ExtraField) -> None:
    """The least and the greatest number of a field are good."""
    assert field.limits is not None
    for number in field.limits:
        monkeypatch.setenv(ENVIRONMENT, as_json(password="olk_x", extra={field.name: number}))
        assert getattr(CopassHook().connection.settings, field.name) == number


def test_every_column_of_a_connection_is_labelled_or_hidden() -> None:
    """Each says what belongs there; only the description is free."""
    columns = {"host", "port", "schema", "login", "password"}
    assert {field.name for field in STANDARD_FIELDS} | set(HIDDEN_FIELDS) == columns
    assert all(field.label and field.placeholder for field in STANDARD_FIELDS)
    assert all(field.label and field.description for field in EXTRA_FIELDS)


def test_the_description_is_plain_data() -> None:
    """Airflow keeps it as JSON, and a command shows it as such."""
    assert json.loads(json.dumps(declared())) == declared()


@pytest.mark.filterwarnings("default")  # Airflow 2's web server has warnings of its own
@pytest.mark.skipif(
    AIRFLOW_VERSION == (3, 1), reason="Airflow 3.1 reads the form in its API server alone: see test_connection_form"
)
def test_airflow_draws_every_field_with_its_label(recwarn: pytest.WarningsRecorder) -> None:
    """Airflow's own reading of the form, be it declared (3.2 and later) or asked of the hook, has the table's words.

    It comes without a warning about either way.
    """
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    drawn = {
        widget.field_name: widget.field
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__copass__")
    }
    assert {name: told_by(field) for name, field in drawn.items()} == {
        field.name: (field.label, field.description, None if field.default is None else str(field.default))
        for field in EXTRA_FIELDS
    }
    behaviour = manager.field_behaviours["copass"]
    assert behaviour["relabeling"].items() >= {"password": "API token", "host": "Base URL", "port": "Port"}.items()
    assert set(behaviour["hidden_fields"]) == {"schema", "login"}
    assert [str(warning.message) for warning in recwarn if "copass" in str(warning.message).lower()] == []


def told_by(drawn: Any) -> tuple[str, str, str | None]:
    """Return label, description and default of a field, as Airflow 3 keeps it, or as Airflow 2's form library does."""
    if isinstance(drawn, dict):
        label, description, default = drawn["schema"]["title"], drawn["description"], drawn["value"]
    else:
        label, description, default = drawn.args[0], drawn.kwargs["description"], drawn.kwargs["default"]
    return label, description, None if default is None else str(default)


def test_both_ways_say_the_same_of_the_standard_fields() -> None:
    """Placeholders differ: extra fields have some before 3.2, and the port has a warning of what came later."""
    told, asked = declared()["ui-field-behaviour"], CopassHook.get_ui_field_behaviour()
    assert asked["hidden_fields"] == told["hidden-fields"]
    assert asked["relabeling"] == {**told["relabeling"], "extra": "Extra (not needed)"}
    differ = {name for name in asked["placeholders"] if asked["placeholders"][name] != told["placeholders"].get(name)}
    assert differ == {"port", *(field.name for field in EXTRA_FIELDS if field.placeholder)}
    assert "443" in told["placeholders"]["port"]


@pytest.mark.filterwarnings("default")  # as above
@pytest.mark.skipif(AIRFLOW_3, reason="the form library is that of Airflow 2's web server")
def test_a_number_out_of_its_limits_is_refused_by_the_form() -> None:
    """Airflow 2's form says so before anything is stored, and takes an empty field."""
    from werkzeug.datastructures import MultiDict
    from wtforms import Form

    class Drawn(Form):
        max_attempts = CopassHook.get_connection_form_widgets()["max_attempts"]

    answers = {given: Drawn(MultiDict({"max_attempts": given})).validate() for given in ("", "1", "20", "21", "two")}
    assert answers == {"": True, "1": True, "20": True, "21": False, "two": False}
