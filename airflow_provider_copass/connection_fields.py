"""The fields of Airflow's form for a Copass connection: one table, drawn in two ways.

Airflow 3.2 and later read it as ``conn-fields`` and ``ui-field-behaviour`` from the provider's description; before
that, Airflow asks the hook (:mod:`~airflow_provider_copass.hooks.form`). Every process of Airflow loads this module, so
it imports nothing but the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class StandardField:
    """A column that every Airflow connection has, and its label for Copass.

    :param name: Airflow's name of it.
    :param label: its label in the form.
    :param placeholder: the greyed text of the empty field.
    :param declared_placeholder: the greyed text in Airflow 3.2 and later; empty for the same.
    """

    name: str
    label: str
    placeholder: str
    declared_placeholder: str = ""


@dataclass(frozen=True)
class ExtraField:
    """A member of the connection's ``extra`` with a field of its own in the form.

    :param name: the member.
    :param label: its label in the form.
    :param description: the text below it in the form.
    :param type: ``string``, ``number`` or ``integer``.
    :param default: the value in a new connection; None for no value.
    :param placeholder: the greyed text of the empty field; Airflow 3.2 and later show none.
    :param limits: the smallest and the largest number that is accepted.
    """

    name: str
    label: str
    description: str
    type: Literal["string", "number", "integer"] = "string"
    default: int | None = None
    placeholder: str = ""
    limits: tuple[int, int] | None = None


STANDARD_FIELDS = (
    StandardField("password", "API token", "olk_..., without the word Bearer"),
    StandardField("host", "Base URL", "https://api.copass.id when left empty"),
    # Airflow 3.3's Test button answers "Bad Request" if no port is stored, and the form cannot ask for one in another
    # way.
    StandardField(
        "port",
        "Port",
        "443 when left empty",
        declared_placeholder="Type 443, or the base URL's own port: Test in Airflow 3.3 needs one",
    ),
)
"""The columns that are shown; ``description`` is shown as Airflow does."""

HIDDEN_FIELDS = ("schema", "login")
"""The columns that are hidden: the base URL has its scheme, and the token needs no login.

``extra`` is not hidden, although its members have fields of their own: in Airflow 2's form the Test button ends in a
JavaScript error if the type that the page opens with hides it, and Airflow 3 shows its JSON in any case.
"""

EXTRA_FIELDS = (
    ExtraField(
        "sandbox_id",
        "Default sandbox",
        "Id of the sandbox for tasks that name none, as Copass shows it. May be left empty.",
        placeholder="sb_...",
    ),
    ExtraField(
        "timeout",
        "Timeout (seconds)",
        "How long to wait for a connection, and for each part of an answer.",
        type="number",
        default=30,
        limits=(1, 3600),
    ),
    ExtraField(
        "max_attempts",
        "Attempts",
        "How often a call is sent at most if it fails for a temporary reason; 1 means no retry.",
        type="integer",
        default=4,
        limits=(1, 20),
    ),
    ExtraField(
        "ca_bundle",
        "CA bundle",
        "Path, on the machines that run tasks, of a PEM file with the certificate authorities to trust. "
        "Leave it empty to trust the usual ones.",
        placeholder="/etc/ssl/certs/company.pem",
    ),
    ExtraField(
        "proxy",
        "Proxy",
        "URL of a proxy for every call, such as http://proxy.example:3128. Leave it empty for the one of the "
        "environment, such as HTTPS_PROXY. Everybody who may see this connection sees it.",
        placeholder="http://proxy.example:3128",
    ),
)
"""The members of ``extra``, in the form's order."""


def conn_fields() -> dict[str, dict[str, Any]]:
    """Return the extra fields as the provider's description has them (Airflow 3.2 and later)."""
    return {field.name: _declared(field) for field in EXTRA_FIELDS}


def _declared(field: ExtraField) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": [field.type, "null"]}
    if field.default is not None:
        schema["default"] = field.default
    if field.limits is not None:
        schema["minimum"], schema["maximum"] = field.limits
    return {"label": field.label, "description": field.description, "schema": schema}


def ui_field_behaviour() -> dict[str, Any]:
    """Return what the form does with the standard fields, as the provider's description has it (3.2 and later)."""
    return {
        "hidden-fields": list(HIDDEN_FIELDS),
        "relabeling": {field.name: field.label for field in STANDARD_FIELDS},
        "placeholders": {field.name: field.declared_placeholder or field.placeholder for field in STANDARD_FIELDS},
    }
