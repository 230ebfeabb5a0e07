"""What Airflow gets to see of a field that may hold a credential: its shape.

Airflow keeps the rendered value of each templated field in its database, in plain text, and sends it there through the
supervisor. A field that cannot be rendered it logs as it is, and what the failure says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.airflow_compat import Context

HIDDEN = "***"


class Unshown:
    """A rendered value whose text is its shape: every key, and ``***`` for every value.

    Airflow 3.1 and later ask for :meth:`serialize`, 2.11 for the text.

    :param value: what was rendered.
    :param shape: tells what of a value may be seen; by default its keys.
    """

    __slots__ = ("shape", "value")

    def __init__(self, value: object, shape: Callable[[object], object] | None = None) -> None:
        self.value = value
        self.shape = shape or shape_of

    def serialize(self) -> object:
        """Return the shape."""
        try:
            return self.shape(self.value)
        except RecursionError:
            return HIDDEN

    def __repr__(self) -> str:
        # Airflow asks for this before a task has had its say, so whatever was rendered, it does not fail.
        return json.dumps(self.serialize(), default=lambda _: HIDDEN)

    __str__ = __repr__


class Unrendered(Unshown):
    """A value that is yet to be rendered. Whatever comes in between sees its shape.

    Airflow renders a field that can be called by calling it.

    :param name: the field.
    :param value: what was given.
    :param render: renders a value, with a context and Jinja's environment.
    :param shape: as of :class:`Unshown`.
    """

    __slots__ = ("name", "render")

    def __init__(
        self,
        name: str,
        value: object,
        render: Callable[[Any, Context, Any], object],
        shape: Callable[[object], object] | None = None,
    ) -> None:
        super().__init__(value, shape)
        self.name = name
        self.render = render

    def __call__(self, context: Context, jinja_env: Any) -> Unshown:
        """Render it.

        :raises UnrenderedFieldError: where that fails.
        """
        return Unshown(rendered(self.name, lambda: _read(self.render(self.value, context, jinja_env))), self.shape)


class InUnshown(set[int]):
    """The ids of what is rendered already, as Airflow hands them on while it renders a field that is not shown."""


def rendered(name: str, render: Callable[[], object]) -> object:
    """Render a field that may hold a credential.

    :param name: the field, for the message.
    :param render: renders it.
    :return: what it is rendered to.
    :raises UnrenderedFieldError: where that fails. It names the kind of the failure alone: the words of Jinja, or of
        what a template calls, may be a value.
    """
    from airflow_provider_copass.airflow_compat import preserve_control_flow
    from airflow_provider_copass.errors import UnrenderedFieldError

    try:
        return render()
    except Exception as error:  # noqa: BLE001 - whatever a template raises
        message = (
            f"{name} cannot be rendered ({type(error).__name__}). It may hold a credential, so neither it nor the rest "
            "of the error is shown. Check its templates, and that what they ask for is there."
        )
        failure = preserve_control_flow(error, message) or UnrenderedFieldError(message, fields=(name,))
    # Raised out here: what failed is told by its kind alone, and no cause of it reaches a log.
    raise failure


def shape_of(value: object) -> object:
    """Return the keys and lists of a value, with ``***`` for what is in them.

    :param value: an object, or a JSON object as text, which is read.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return HIDDEN
    if isinstance(value, dict):
        # Of a text that is no object the keys may be anything, so of an object they are all that is told.
        return {str(key): _leaf(inner) for key, inner in value.items()}
    return HIDDEN


def _leaf(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _leaf(inner) for key, inner in value.items()}
    if is_list(value):
        return [_leaf(inner) for inner in value]
    return HIDDEN


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Tell whether a value is a list of any kind, such as Airflow makes of what the instances of a mapped task return.

    :param value: a text is none.
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _read(value: object) -> object:
    """Read the lists in a value now, and once: those of mapped tasks Airflow reads anew at every look."""
    if isinstance(value, dict):
        return {key: _read(inner) for key, inner in value.items()}
    return [_read(inner) for inner in value] if is_list(value) else value


def value_of(field: object) -> Any:
    """Return the value of a field, whether it was rendered or given as it is."""
    return field.value if isinstance(field, Unshown) else field
