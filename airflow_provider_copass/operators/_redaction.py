"""What Airflow sees of a templated field that may hold a credential: its keys.

Airflow keeps the rendered value of each templated field in its database, in plain text, and sends it there through the
supervisor. It logs a field that cannot be rendered as it is, together with the text of the failure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.operators._documents import excess

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.airflow_compat import Context

HIDDEN = "***"


class Redacted:
    """A rendered value whose text shows every key, and ``***`` in place of every value.

    Airflow 3.1 and later call :meth:`serialize`, 2.11 takes the text.

    :param value: the rendered value.
    :param redaction: returns what may be shown of a value. None for :func:`redact`.
    """

    __slots__ = ("redaction", "value")

    def __init__(self, value: object, redaction: Callable[[object], object] | None = None) -> None:
        self.value = value
        self.redaction = redaction or redact

    def serialize(self) -> object:
        """Return what may be shown."""
        if excess(self.value):
            return HIDDEN
        try:
            return self.redaction(self.value)
        except RecursionError:
            return HIDDEN

    def __repr__(self) -> str:
        # Airflow calls this before the task has begun, so it does not fail, whatever was rendered.
        return json.dumps(self.serialize(), default=lambda _: HIDDEN)

    __str__ = __repr__


class DeferredRedacted(Redacted):
    """A value that is not rendered yet, redacted already. Airflow renders a field that can be called by calling it.

    :param name: the field.
    :param value: the value as it was given.
    :param render: renders a value, with a context and Jinja's environment.
    :param redaction: as in :class:`Redacted`.
    """

    __slots__ = ("name", "render")

    def __init__(
        self,
        name: str,
        value: object,
        render: Callable[[Any, Context, Any], object],
        redaction: Callable[[object], object] | None = None,
    ) -> None:
        super().__init__(value, redaction)
        self.name = name
        self.render = render

    @fresh_traceback
    def __call__(self, context: Context, jinja_env: Any) -> Redacted:
        """Render the value.

        One that stands for far more than is written is not rendered, which might take minutes: it is refused when the
        task begins.

        :raises UnrenderedFieldError: where that fails.
        """
        if excess(self.value):
            return Redacted(self.value, self.redaction)
        value = render_privately(self.name, lambda: self.render(self.value, context, jinja_env))
        if not excess(value):
            value = render_privately(self.name, lambda: _read_lists(value))
        return Redacted(value, self.redaction)


class RenderedInside(set[int]):
    """The ids of what has been rendered already, as Airflow passes them on while it renders a redacted field."""


def render_privately(name: str, render: Callable[[], object]) -> object:
    """Render a field that may hold a credential.

    :param name: the field, for the message.
    :param render: renders it.
    :return: the rendered value.
    :raises UnrenderedFieldError: where that fails. It names the class of the failure only: the text of Jinja, or of
        what a template calls, may be a value.
    """
    from airflow_provider_copass.airflow_compat import preserve_control_flow
    from airflow_provider_copass.errors import UnrenderedFieldError

    try:
        return render()
    except Exception as error:  # noqa: BLE001 - whatever a template raises
        message = (
            f"{name} cannot be rendered ({type(error).__name__}). It may hold a credential, so neither its value nor "
            "the rest of the error is shown. Check its templates, and that what they refer to exists."
        )
        failure = preserve_control_flow(error, message) or UnrenderedFieldError(message, fields=(name,))
    # Raised outside the except block, so that no log shows the cause.
    raise failure


def bounded(value: Any, redaction: Callable[[object], object] | None = None) -> Any:
    """Return a field as it is given; if it stands for far more than is written, where Airflow does not look into it.

    Airflow follows each list and object in a field when the DAG is parsed, and would follow this one for ever. The task
    refuses it.

    :param value: the field.
    :param redaction: as in :class:`Redacted`.
    """
    return Redacted(value, redaction) if excess(value) else value


def redact(value: object) -> object:
    """Return the keys and lists of a value, with ``***`` for what is in them.

    :param value: an object, or a JSON object as text, which is read.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return HIDDEN
    if isinstance(value, dict):
        # The keys of a text that is not an object could be anything, so only those of an object are shown.
        return {str(key): _redact_inner(inner) for key, inner in value.items()}
    return HIDDEN


def _redact_inner(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _redact_inner(inner) for key, inner in value.items()}
    if is_list(value):
        return [_redact_inner(inner) for inner in value]
    return HIDDEN


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Tell whether a value is a list of any kind, such as the one that Airflow makes of a mapped task's results.

    :param value: the value; a text is not a list.
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _read_lists(value: object) -> object:
    """Read the lists in a value now, and once: Airflow reads those of mapped tasks anew at every look."""
    if isinstance(value, dict):
        return {key: _read_lists(inner) for key, inner in value.items()}
    return [_read_lists(inner) for inner in value] if is_list(value) else value


def value_of(field: object) -> Any:
    """Return the value of a field, redacted or not."""
    return field.value if isinstance(field, Redacted) else field
