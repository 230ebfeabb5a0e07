"""What every operator of this package shares: rendered fields that may hold a credential are not shown.

Airflow keeps the rendered value of each templated field in its database, in plain text, and sends it there through the
supervisor. So what Airflow gets to see of such a field, once it is rendered, is its shape.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.airflow_compat import BaseOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Timing
    from airflow_provider_copass.registration.ports import Records

HIDDEN = "***"


class Unshown:
    """A rendered value whose text is its shape: every key, and ``***`` for every value.

    Airflow 3.3 asks for :meth:`serialize`, all other versions for the text.

    :param value: what was rendered.
    :param shape: tells what of a value may be seen; by default its keys.
    """

    __slots__ = ("shape", "value")

    def __init__(self, value: object, shape: Callable[[object], object] | None = None) -> None:
        self.value = value
        self.shape = shape or shape_of

    def serialize(self) -> object:
        """Return the shape."""
        return self.shape(self.value)

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
    """An operator that talks to Copass. Not for use by itself.

    :param sandbox_id: the sandbox; None for the connection's. (templated)
    :param copass_conn_id: the Airflow connection, of type ``copass``. (templated)
    """

    unshown_fields: ClassVar[Sequence[str]] = ("adapter_config",)
    """The templated fields that may hold a credential; read them with :func:`value_of`."""
    shapes: ClassVar[Mapping[str, Callable[[object], object]]] = {}
    """What may be seen of one of them, where that is more than its keys."""
    ui_color = "#e6f0ff"

    def __init__(self, *, sandbox_id: str | None = None, copass_conn_id: str = "copass_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sandbox_id = sandbox_id
        self.copass_conn_id = copass_conn_id

    def act(self, hook: CopassHook, context: Context) -> Any:
        """Do what the operator is for; what it returns is the task's return value.

        :param hook: talks to Copass for this task.
        :param context: of the task.
        :raises CopassError: where it cannot.
        """
        raise NotImplementedError

    def _records(self) -> Records:
        """Return where records are kept: Airflow Variables. A subclass may keep them elsewhere, for all its tasks."""
        from airflow_provider_copass.airflow_variables import ProvenVariables

        return ProvenVariables()

    def _timing(self, hook: CopassHook) -> Timing:
        """Return how long to wait for what. A subclass that shortens this must know its deployment."""
        from airflow_provider_copass.operators.task_instance import timing_for

        return timing_for(hook.connection.settings)

    def execute(self, context: Context) -> Any:
        """Do what the operator is for.

        :raises AirflowFailException: where trying again cannot help: bad input, a refusal of the server, something
            that is not as asked for.
        :raises CopassError: where it may: no answer, 429, 5xx, a store that does not work.
        """
        from airflow_provider_copass.airflow_compat import fail_at_once
        from airflow_provider_copass.api import CopassError
        from airflow_provider_copass.hooks import CopassHook
        from airflow_provider_copass.operators.failures import is_final

        hook = CopassHook(copass_conn_id=self.copass_conn_id, sandbox_id=self.sandbox_id)
        failure: CopassError
        try:
            return self.act(hook, context)
        except CopassError as error:
            failure = error
        finally:
            hook.close()
        # Raised out here: what failed is told by its message alone, and no cause of it reaches a log.
        raise fail_at_once(str(failure)) if is_final(failure) else failure

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
                setattr(self, name, Unshown(value, self.shapes.get(name)))
