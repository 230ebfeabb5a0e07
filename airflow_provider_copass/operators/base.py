"""What every operator of this package shares: rendered fields that may hold a credential are not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.airflow_compat import BaseOperator
from airflow_provider_copass.operators.unshown import InUnshown, Unrendered, Unshown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.airflow_variables import AirflowVariables
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Timing
    from airflow_provider_copass.registration.ports import Records


class OneByOne:
    """Variables as today's protocol asks for them."""

    def __init__(self, variables: AirflowVariables) -> None:
        self._variables = variables
        self.write = variables.write
        self.remove = variables.remove

    def read(self, key: str, /) -> str | None:
        """Read one."""
        return self._variables.read([key])[key]


class CopassOperator(BaseOperator):
    """An operator that talks to Copass. Not for use by itself.

    :param sandbox_id: the sandbox; None for the connection's. (templated)
    :param copass_conn_id: the Airflow connection, of type ``copass``. (templated)
    """

    unshown_fields: ClassVar[Sequence[str]] = ("adapter_config",)
    """The templated fields that may hold a credential; read them with ``value_of``."""
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

    def _records(self, *, may_write: bool = True) -> Records:
        """Return where records are kept: Airflow Variables. A subclass may keep them elsewhere, for all its tasks."""
        from airflow_provider_copass.airflow_variables import AirflowVariables

        return OneByOne(AirflowVariables(may_write=may_write))

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
        from airflow_provider_copass.api import CopassError, calls
        from airflow_provider_copass.hooks import CopassHook

        hook = CopassHook(copass_conn_id=self.copass_conn_id, sandbox_id=self.sandbox_id)

        def list_sources(provider: str | None = None, status: str | None = None) -> Any:
            return hook.get_conn().send(calls.list_sources(hook.sandbox_id, provider=provider, status=status))

        # The protocol reads when a list was answered.
        hook.list_sources = list_sources  # type: ignore[method-assign]
        failure: CopassError
        try:
            return self.act(hook, context)
        except CopassError as error:
            failure = error
        finally:
            hook.close()
        # Raised out here: what failed is told by its message alone, and no cause of it reaches a log.
        raise fail_at_once(str(failure)) if failure.is_final else failure

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Context, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, with what is not for showing hidden from before it is rendered.

        Airflow's own name, the same from 2.11 to 3.3, and the one place that a mapped task's rendering goes through as
        well: ``render_template_fields`` is asked of the mapped operator there, not of this one.
        """
        if isinstance(seen_oids, InUnshown):
            # An object with templates inside of such a field, where it is refused; Airflow would log what of it fails.
            return
        if parent is self:
            self._hide(seen_oids)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)

    def _hide(self, seen_oids: set[int]) -> None:
        """Hide what is not for showing, before anything is rendered: whatever fails then, in whichever field."""

        def render(value: Any, context: Context, jinja_env: Any) -> object:
            if callable(value):
                return value(context=context, jinja_env=jinja_env)
            return self.render_template(value, context, jinja_env, InUnshown(seen_oids))

        for name in self.unshown_fields:
            value = getattr(self, name, None)
            if value is not None and not isinstance(value, Unshown):
                setattr(self, name, Unrendered(name, value, render, self.shapes.get(name)))
