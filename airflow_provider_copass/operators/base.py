"""What every operator of this package shares: rendered fields that may hold a credential are not shown.

Airflow keeps the rendered value of each templated field in its database, in plain text, and sends it there through the
supervisor. So what Airflow gets to see of such a field, once it is rendered, is its shape.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.airflow_compat import BaseOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

HIDDEN = "***"


class Unshown:
    """A rendered value whose text is its shape: every key, and ``***`` for every value.

    Airflow 3.3 asks for :meth:`serialize`, all other versions for the text.

    :param value: what was rendered.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def serialize(self) -> object:
        """Return the shape."""
        return shape_of(self.value)

    def __repr__(self) -> str:
        return json.dumps(self.serialize())

    __str__ = __repr__


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
    if isinstance(value, list | tuple):
        return [_leaf(inner) for inner in value]
    return HIDDEN


def value_of(field: object) -> Any:
    """Return the value of a field, whether it was rendered or given as it is."""
    return field.value if isinstance(field, Unshown) else field


class CopassOperator(BaseOperator):
    """An operator that talks to Copass. Not for use by itself."""

    unshown_fields: ClassVar[Sequence[str]] = ("adapter_config",)
    """The templated fields that may hold a credential; read them with :func:`value_of`."""

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        """Render, and hide at once what is not for showing.

        Airflow's own name, the same from 2.11 to 3.3, and the one place that a mapped task's rendering goes through as
        well: ``render_template_fields`` is asked of the mapped operator there, not of this one.
        """
        super()._do_render_template_fields(parent, *args, **kwargs)
        if parent is not self:
            return
        for name in self.unshown_fields:
            value = getattr(self, name, None)
            if value is not None and not isinstance(value, Unshown):
                setattr(self, name, Unshown(value))
