"""The connection's form for Airflow 2.11 to 3.1, which ask the hook; later ones read the provider's description."""

from __future__ import annotations

from typing import Any

from airflow_provider_copass.connection_fields import EXTRA_FIELDS, STANDARD_FIELDS, ui_field_behaviour


def field_behaviour() -> dict[str, Any]:
    """Return the hidden fields, the labels and the placeholders of the form."""
    declared = ui_field_behaviour()
    placeholders = {field.name: field.placeholder for field in (*STANDARD_FIELDS, *EXTRA_FIELDS) if field.placeholder}
    return {
        "hidden_fields": declared["hidden-fields"],
        # Airflow 2's Test button needs this field (see HIDDEN_FIELDS).
        "relabeling": {**declared["relabeling"], "extra": "Extra (not needed)"},
        "placeholders": placeholders,
    }


def form_widgets() -> dict[str, Any]:
    """Return the extra fields, by name.

    :raises ImportError: if the libraries of Airflow 2's web server are not installed. Airflow 3 puts stand-ins in
        their place before it asks.
    """
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from wtforms import IntegerField, StringField
    from wtforms.validators import NumberRange, Optional

    widgets = {}
    for field in EXTRA_FIELDS:
        validators = [Optional()]
        default: int | str | None
        # None of the four kinds of field that Airflow allows takes a fraction, so such a number is a text field.
        if field.type == "integer":
            kind, default = IntegerField, field.default
            if field.limits is not None:
                validators.append(NumberRange(*field.limits))
        else:
            kind, default = StringField, None if field.default is None else str(field.default)
        widgets[field.name] = kind(
            field.label,
            validators=validators,
            description=field.description,
            default=default,
            widget=BS3TextFieldWidget(),
        )
    return widgets
