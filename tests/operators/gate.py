"""What the tests of inputs share: every operator with good fields, run up to the moment before its first request."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_copass import operators
from tests.operators.in_memory import TaskInstance

BY_ID = {"data_source_id": "ds-1"}
GOOD: dict[str, dict[str, Any]] = {
    "RegisterSourceOperator": {"provider": "slack", "name": "chat"},
    "RegisterSourcesOperator": {"sources": [{"provider": "slack", "name": "chat"}]},
    "UpdateSourceOperator": {**BY_ID, "poll_interval_seconds": 60},
    "DeleteSourceOperator": BY_ID,
    "DisconnectSourceOperator": BY_ID,
    "IngestTextOperator": {**BY_ID, "text": "hello"},
    "PauseSourceOperator": BY_ID,
    "PullSourceOperator": BY_ID,
    "ResumeSourceOperator": BY_ID,
    "RotateWebhookSecretOperator": BY_ID,
}
"""Fields with which each operator would go to work."""


class AcceptedError(Exception):
    """Every field was read; the next thing would be a request."""


def _gated(kind: type[Any]) -> type[Any]:
    def refuse(self: Any, *_: object, **__: object) -> None:
        raise AcceptedError

    # Private, and the one place that every operator comes by between its fields and its first request.
    return type(kind.__name__, (kind,), {"_runtime": refuse})


def _own_fields(operator: type[Any]) -> set[str]:
    """Return the fields that the operator and our base classes of it have, and not those of Airflow's."""
    ours = [each for each in operator.__mro__ if each.__module__.startswith("airflow_provider_copass")]
    return {
        name
        for each in ours
        for name, parameter in inspect.signature(each.__init__).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


OPERATORS: dict[str, type[Any]] = {name: _gated(getattr(operators, name)) for name in operators.__all__}
"""Every operator, stopped before its first request: each takes its :class:`Runtime` last."""

FIELDS = [(kind, name) for kind, operator in OPERATORS.items() for name in operator.template_fields]
"""Every templated field of every operator."""

UNTEMPLATED = [
    (kind, name)
    for kind, operator in OPERATORS.items()
    for name in sorted(_own_fields(operator) - set(operator.template_fields))
]
"""Every other field of every operator; a mapped task may still get anything in it."""

REQUIRED = [(kind, name) for kind, name in FIELDS if kind.startswith("RegisterSource") and name in {"provider", "name"}]
"""Fields that must be given."""
REFERENCES = {
    *("data_source_id", "provider", "name", "new_name", "sandbox_id", "store_as", "copass_conn_id", "project_id")
}
DEFAULTS = {"sandbox_id", "store_as", "new_name", "project_id"}
"""References of which None is the default, in every operator."""

SWITCHES = [
    (kind, name)
    for kind in operators.__all__
    for name, parameter in inspect.signature(getattr(operators, kind).__init__).parameters.items()
    # A switch of which None is the default, too, has tests of its own.
    if "bool" in str(parameter.annotation) and parameter.default is not None
]
"""Every boolean field of every operator."""


def good_beside(kind: str, field: str) -> dict[str, Any]:
    """Return good fields for an operator whose other field is given by the test."""
    good = GOOD[kind]
    if field in {"provider", "name"} and "data_source_id" in good:
        return {**{name: value for name, value in good.items() if name not in BY_ID}, "provider": "slack", "name": "a"}
    if field == "manifest":
        return {}
    return good


def refusal(kind: str, /, **fields: Any) -> str:
    """Run an operator that has to refuse its fields at once; return what it says.

    :param kind: the operator.
    :param fields: its fields, as they are after rendering.
    """
    operator = OPERATORS[kind](task_id="task", **fields)
    with pytest.raises(AirflowFailException) as failed:
        operator.execute({"ti": TaskInstance()})
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None
    return str(failed.value)


def is_accepted(kind: str, field: str, value: object) -> bool:
    """Tell whether an operator would go to work; if not, its refusal names the field.

    :param kind: the operator.
    :param field: one of its fields.
    :param value: what that field is after rendering; the others are good.
    """
    operator = OPERATORS[kind](task_id="task", **{**good_beside(kind, field), field: value})
    try:
        # Of an empty list nothing is left to do.
        assert operator.execute({"ti": TaskInstance()}) == [], "the operator went past its gate"
    except AcceptedError:
        return True
    except AirflowFailException as failed:
        said = str(failed)
    else:
        return True
    assert re.search(rf"\b{field}\b", said)
    return False
