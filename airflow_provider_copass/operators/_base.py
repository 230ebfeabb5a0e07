"""What all operators share: the hook, the errors that fail a task at once, and fields that are redacted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.airflow_compat import BaseOperator
from airflow_provider_copass.operators._redaction import DeferredRedacted, Redacted, RenderedInside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Runtime, SourceRef, Timing
    from airflow_provider_copass.registration.ports import Journal
    from airflow_provider_copass.secret_stores.guarded import GuardedStore


_NO_TASK_INSTANCE = (
    'execute() needs the context of a task instance, and context["ti"] is missing: what is done is noted under its '
    'name. Nothing was done. In a test run the task by dag.test(), or give a context whose "ti" has dag_id, run_id, '
    "task_id, map_index, try_number and xcom_push."
)


class CopassOperator(BaseOperator):
    """The base class of the operators. Not for use by itself.

    :param sandbox_id: the sandbox. None for the connection's. (templated)
    :param copass_conn_id: the id of the Airflow connection, of type ``copass``. (templated)
    """

    redacted_fields: ClassVar[Sequence[str]] = ("adapter_config",)
    """The templated fields that may hold a credential. Read them with ``value_of``."""
    redactions: ClassVar[Mapping[str, Callable[[object], object]]] = {}
    """How to redact a field of which more than the keys may be shown."""
    ui_color = "#e6f0ff"
    _outputs: Sequence[tuple[str, str]] = ()

    def __init__(self, *, sandbox_id: str | None = None, copass_conn_id: str = "copass_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sandbox_id = sandbox_id
        self.copass_conn_id = copass_conn_id

    # Not ``run``: Airflow 2.11's operators have a public method of that name.
    def _run(self, hook: CopassHook, context: Context) -> Any:
        """Do the operator's work and return the task's return value.

        :param hook: talks to Copass for this task.
        :param context: the task's context.
        :raises CopassError: where the work fails.
        """
        raise NotImplementedError

    def _journal(self, *, may_write: bool = True) -> Journal:
        """Return the journal: Airflow Variables. A subclass may keep it elsewhere, for all its tasks.

        :param may_write: whether it may be written.
        """
        from airflow_provider_copass.airflow_variables import AirflowVariables

        return AirflowVariables(may_write=may_write)

    def _timing(self, hook: CopassHook) -> Timing:
        """Return the waiting times. A subclass that shortens them must know its deployment."""
        from airflow_provider_copass.operators._runtime import timing_for

        return timing_for(hook.connection.settings)

    def _runtime(
        self, hook: CopassHook, context: Context, secrets: GuardedStore | None = None, *, may_write: bool = True
    ) -> Runtime:
        """Return what the registration protocol needs to run in this task.

        :param secrets: where the secret is stored. None where the work needs no secret.
        :param may_write: whether the journal may be written.
        :raises CopassInputError: where the connection cannot work. No request has been sent.
        """
        from airflow_provider_copass.metrics import count_duplicates
        from airflow_provider_copass.operators._runtime import WallClock, masking, new_token, owner_of, setups_of
        from airflow_provider_copass.registration import Runtime

        return Runtime(
            client=hook.get_conn(),
            sandbox_id=hook.sandbox_id,
            secrets=secrets,
            journal=self._journal(may_write=may_write),
            log=self.log,
            clock=WallClock(),
            owner=owner_of(context["ti"]),
            token=new_token(),
            timing=self._timing(hook),
            setups=setups_of(self),
            mask=masking(),
            on_duplicates=count_duplicates,
        )

    @fresh_traceback
    def execute(self, context: Context) -> Any:
        """Do the operator's work.

        :raises AirflowFailException: where a retry cannot help: bad input, a refusal by the server, or something that
            a person has to decide.
        :raises CopassError: where a retry may help: no answer, 429, 5xx, a store that does not work.
        """
        from airflow_provider_copass.airflow_compat import AirflowFailException

        if not context or context.get("ti") is None:
            raise AirflowFailException(_NO_TASK_INSTANCE)
        with self._final_errors(), self._hook() as hook:
            return self._run(hook, context)

    @contextmanager
    def _final_errors(self) -> Iterator[None]:
        """Turn an error that a retry cannot help into Airflow's exception that fails a task at once."""
        from airflow_provider_copass.airflow_compat import AirflowFailException
        from airflow_provider_copass.errors import CopassError
        from airflow_provider_copass.metrics import count_duplicates_of

        try:
            yield
        except CopassError as error:
            count_duplicates_of(error)
            if not error.is_final:
                raise
            raise AirflowFailException(str(error)) from None

    def _write_to(self, hook: CopassHook, data_source_ids: Iterable[str]) -> None:
        """Note the sources that the task has written to, for OpenLineage's events."""
        from airflow_provider_copass.lineage import dataset_of

        base_url = hook.connection.settings.base_url
        self._outputs = [dataset_of(base_url, hook.sandbox_id, each) for each in data_source_ids]

    @fresh_traceback
    def get_openlineage_facets_on_complete(self, task_instance: object) -> Any:  # noqa: ARG002 - OpenLineage's signature
        """Return the sources that the task has written to, for Airflow's OpenLineage provider, which calls this.

        :param task_instance: not used.
        :return: an ``OperatorLineage``; None if that provider is not installed.
        """
        from airflow_provider_copass.airflow_compat import operator_lineage

        return operator_lineage(self._outputs)

    def _hook(self) -> CopassHook:
        """Return the hook of the rendered connection and sandbox.

        :raises CopassInputError: where one of them rendered to nothing, or is no id.
        """
        from airflow_provider_copass._inputs import read_hook

        return read_hook(self.copass_conn_id, self.sandbox_id)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Context, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render the fields, with those that may hold a credential redacted beforehand.

        This is Airflow's own method, the same from 2.11 to 3.3. It is the only one that a mapped task's rendering
        passes too: Airflow calls ``render_template_fields`` of the mapped operator, not of this one.
        """
        if isinstance(seen_oids, RenderedInside):
            # An object with templates inside a redacted field. It is refused later; if it failed here, Airflow would
            # log it.
            return
        if parent is self:
            self._redact_fields(seen_oids)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)

    @fresh_traceback
    def _redact_fields(self, seen_oids: set[int]) -> None:
        """Redact the fields that may hold a credential, before any field is rendered and can fail."""

        def render(value: Any, context: Context, jinja_env: Any) -> object:
            if callable(value):
                return value(context=context, jinja_env=jinja_env)
            return self.render_template(value, context, jinja_env, RenderedInside(seen_oids))

        for name in self.redacted_fields:
            value = getattr(self, name, None)
            if value is not None and not isinstance(value, Redacted):
                setattr(self, name, DeferredRedacted(name, value, render, self.redactions.get(name)))


class SourceRefOperator(CopassOperator):
    """The base class of the operators on one existing source. Not for use by itself.

    :param data_source_id: the source's id; or (templated)
    :param provider: its provider, and (templated)
    :param name: its name. The live source of that provider and name is meant. (templated)
    """

    template_fields: Sequence[str] = ("data_source_id", "provider", "name", "sandbox_id", "copass_conn_id")

    def __init__(
        self,
        *,
        data_source_id: str | None = None,
        provider: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_source_id = data_source_id
        self.provider = provider
        self.name = name

    def _ref(self, hook: CopassHook) -> SourceRef:
        """Return the reference to the source.

        :raises CopassInputError: where the task names it in neither way or in both, or by what rendered to nothing.
        """
        from airflow_provider_copass._inputs import read_ref, warn_of_padding

        ref = read_ref(hook.sandbox_id, data_source_id=self.data_source_id, provider=self.provider, name=self.name)
        warn_of_padding(self.log, provider=self.provider, name=self.name)
        return ref
