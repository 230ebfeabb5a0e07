"""Register a list of Copass data sources in one task: the operator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators._base import CopassOperator
from airflow_provider_copass.operators._manifest import redact_sources
from airflow_provider_copass.operators._redaction import bounded, render_privately, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.api.requests import RegisterSource
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Outcome, Runtime, SourceSpec
    from airflow_provider_copass.secret_stores import SecretStore
    from airflow_provider_copass.secret_stores.guarded import GuardedStore

_MOST_AT_ONCE = 20
_MOST_NAMED = 5
_MOST_MASKED = 20
"""Airflow builds its pattern anew for each secret, out of all of them: a thousand would cost minutes."""


class RegisterSourcesOperator(CopassOperator):
    """Ensure that each of a list of Copass data sources exists and its webhook secret is stored, in one task.

    For hundreds of sources, each treated as by
    :class:`~airflow_provider_copass.operators.RegisterSourceOperator`, with one list call for about a hundred of them.
    If one fails, the others are still registered; the task fails at the end, and its retry works on the failed ones.

    :param sources: a list of objects with the fields of a source: ``provider``, ``name`` and optionally
        ``ingestion_mode``, ``kind``, ``external_account_id``, ``adapter_config`` and ``poll_interval_seconds``; or such
        a list as JSON text. Airflow sees no value of a rendered ``adapter_config``. (templated)
    :param manifest: instead of ``sources``, the path of a YAML or JSON file with that list, or with an object whose
        ``sources`` is that list. The path is absolute, or relative to the folder of the DAG's file; or an
        ``ObjectStoragePath``, also as text such as ``s3://conn_id@bucket/sources.yaml``. The texts in the file are
        templates too. (templated)
    :param sandbox_id: the sandbox. None for the connection's. (templated)
    :param if_exists: what to do with a live source of the same sandbox, provider and name: ``reuse``, ``update`` or
        ``fail``, for each source separately.
    :param secret_store: where to store the secrets, as in the operator for one source.
    :param store_as: the key of each secret, as there. Each source needs a key of its own. (templated)
    :param on_missing_secret: as there: ``fail``, ``rotate`` or ``ignore``.
    :param max_concurrency: how many API calls run at once, 1 to 20.
    :param plan_only: report what would be done, and change nothing: no request that changes anything is sent, no
        Variable is written. (templated)
    :param copass_conn_id: the id of the Airflow connection, of type ``copass``. (templated)

    XComs: the return value is the list of the ids, in the order of the sources; ``sources`` holds each source's outcome
    (``created``, ``unchanged``, ``updated``, ``failed`` or ``skipped``), its id and its secret's key; ``stored_as`` is
    the list of the keys. With ``plan_only`` the return value holds the outcome that each source would have. Never a
    secret.
    """

    template_fields: Sequence[str] = ("sources", "manifest", "sandbox_id", "store_as", "plan_only", "copass_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"sources": "json"}
    redacted_fields: ClassVar[Sequence[str]] = ("sources",)
    redactions: ClassVar[Mapping[str, Callable[[object], object]]] = {"sources": redact_sources}

    def __init__(
        self,
        *,
        sources: Sequence[dict[str, Any]] | str | None = None,
        manifest: str | PathLike[str] | None = None,
        if_exists: str = "reuse",
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        on_missing_secret: str = "fail",
        max_concurrency: int = 8,
        plan_only: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sources = bounded(sources, redact_sources)
        self.manifest = manifest
        self.if_exists = if_exists
        self.secret_store = secret_store
        self.store_as = store_as
        self.on_missing_secret = on_missing_secret
        self.max_concurrency = max_concurrency
        self.plan_only = plan_only

    def _run(self, hook: CopassHook, context: Context) -> list[Any]:
        """Check the whole list, then register it."""
        from airflow_provider_copass._inputs import read_switch
        from airflow_provider_copass.secret_stores.configured import secret_store_of

        is_plan = read_switch("plan_only", self.plan_only)
        store = secret_store_of(self.secret_store, may_write=not is_plan)
        specs = self._read_specs(hook, context)
        check_locations(specs, store)
        if not specs:
            self.log.info("The list is empty: there is nothing to register.")
            if not is_plan:
                self._push([], context)
            return []
        runtime = self._runtime(hook, context, store, may_write=not is_plan)
        if is_plan:
            return self._plan(specs, runtime)
        outcomes = self._register(specs, runtime)
        self._count(outcomes)
        self._report(outcomes)
        source_ids = [each.registered.source.data_source_id for each in outcomes if each.registered is not None]
        self._write_to(hook, source_ids)
        self._push(outcomes, context)
        _raise_failures(outcomes)
        return source_ids

    def _register(self, specs: list[SourceSpec], runtime: Runtime) -> list[Outcome]:
        """Register the sources, several at once."""
        from airflow_provider_copass.operators._runtime import masking
        from airflow_provider_copass.operators._threads import Threads
        from airflow_provider_copass.registration import register_many

        with Threads(self.max_concurrency) as pool:
            return register_many(specs, replace(runtime, pool=pool, mask=masking(_MOST_MASKED)))

    def _count(self, outcomes: list[Outcome]) -> None:
        """Count the outcomes by Airflow's metrics."""
        from airflow_provider_copass.metrics import count_duplicates_of, count_registrations

        count_registrations(each.outcome for each in outcomes)
        for each in outcomes:
            if each.error is not None:
                count_duplicates_of(each.error)

    def _plan(self, specs: list[SourceSpec], runtime: Runtime) -> list[dict[str, Any]]:
        """Report what would be done."""
        from airflow_provider_copass.operators._report import plan_rows
        from airflow_provider_copass.registration import plan_many

        planned = plan_many(specs, runtime)
        self._report(planned)
        self.log.info("This is a plan: nothing was changed.")
        return plan_rows(planned)

    def _report(self, outcomes: list[Outcome]) -> None:
        """Log a table of the outcomes."""
        from airflow_provider_copass.operators._report import outcome_counts, outcome_table

        for line in outcome_table(outcomes):
            self.log.info("%s", line)
        self.log.info("%d sources: %s.", len(outcomes), outcome_counts(outcomes))

    def _push(self, outcomes: list[Outcome], context: Context) -> None:
        """Push the XComs beside the return value."""
        from airflow_provider_copass.operators._report import outcome_rows

        if not self.do_xcom_push:
            return
        rows = outcome_rows(outcomes)
        push = context["ti"].xcom_push
        push(key="sources", value=rows)
        push(key="stored_as", value=[row["stored_as"] for row in rows if row["stored_as"] is not None])

    def _read_specs(self, hook: CopassHook, context: Context) -> list[SourceSpec]:
        """Read the rendered fields.

        :raises CopassInputError: where one of them, or an entry of the list, breaks a rule.
        """
        from airflow_provider_copass._inputs import read_reference
        from airflow_provider_copass.errors import CopassInputError
        from airflow_provider_copass.registration import SourceSpec
        from airflow_provider_copass.registration.spec import check_choices
        from airflow_provider_copass.secret_stores.configured import store_key_of

        check_choices(self.if_exists, self.on_missing_secret)
        # By type: 8.0 and True are in the range too, and cannot be a number of threads.
        if type(self.max_concurrency) is not int or self.max_concurrency not in range(1, _MOST_AT_ONCE + 1):
            raise CopassInputError(
                f"max_concurrency must be a whole number from 1 to {_MOST_AT_ONCE}.", fields=("max_concurrency",)
            )
        store_key = store_key_of(read_reference("store_as", self.store_as))
        sandbox_id = hook.sandbox_id
        return [
            SourceSpec(
                sandbox_id=sandbox_id,
                source=source,
                if_exists=self.if_exists,
                on_missing_secret=self.on_missing_secret,
                store_key=store_key,
            )
            for source in self._read_sources(context)
        ]

    def _read_sources(self, context: Context) -> list[RegisterSource]:
        """Read the list, or the manifest."""
        from airflow_provider_copass._inputs import read_optional
        from airflow_provider_copass.errors import CopassInputError
        from airflow_provider_copass.operators._manifest import padded_entries, read_sources
        from airflow_provider_copass.operators._manifest_file import Manifest, render_templates

        sources = read_optional("sources", value_of(self.sources))
        given = read_optional("manifest", self.manifest)
        if (sources is None) == (given is None):
            raise CopassInputError(
                "Give either sources, a list, or manifest, the path of a file that holds one.",
                fields=("sources", "manifest"),
            )
        origin = "sources"
        if given is not None:
            dag = self.get_dag()
            manifest = Manifest.at(given, beside=None if dag is None else dag.fileloc)
            origin, listed = manifest.name, manifest.read()
            sources = render_privately(
                origin, lambda: render_templates(listed, lambda text: self.render_template(text, context))
            )
        read = read_sources(sources, origin=origin)
        if entries := padded_entries(read, origin):
            self.log.warning(
                "%s begin or end with white space, or with a character that cannot be seen, and are used as they are. "
                "If that is not meant, correct them, or put `| trim` into their templates.",
                entries,
            )
        return read


def _raise_failures(outcomes: list[Outcome]) -> None:
    """Fail the task, unless every source is registered.

    :raises SourcesFailedError: where a retry cannot help any of the failed ones.
    :raises SourcesUnfinishedError: where it may help one of them.
    """
    from airflow_provider_copass.errors import SourcesFailedError, SourcesUnfinishedError

    missing = sum(outcome.registered is None for outcome in outcomes)
    if not missing:
        return
    failed = [(outcome.spec.label, outcome.error) for outcome in outcomes if outcome.error is not None]
    reasons = "; ".join(f"{label}: {error}" for label, error in failed[:_MOST_NAMED])
    more = f"; and {len(failed) - _MOST_NAMED} more, which the log lists" if len(failed) > _MOST_NAMED else ""
    message = f"{missing} of {len(outcomes)} sources are not registered; the others are. {reasons}{more}"
    if failed and all(error.is_final for _, error in failed):
        raise SourcesFailedError(message)
    raise SourcesUnfinishedError(f"{message} The retry works on these only.")


def check_locations(specs: list[SourceSpec], store: GuardedStore) -> None:
    """Refuse a key that puts the secrets of two sources in one place of the store.

    :param specs: the sources.
    :param store: the store.
    :raises CopassInputError: naming both sources.
    """
    from airflow_provider_copass.errors import CopassInputError

    seen: dict[str, SourceSpec] = {}
    for spec in specs:
        if not spec.is_realtime or spec.store_key.needs_id:
            continue
        key = spec.store_key.render(spec.identity)
        store.check(key)
        first = seen.setdefault(store.location(key), spec)
        if first is not spec:
            raise CopassInputError(
                f"store_as puts the secrets of {first.label} and {spec.label} under the same key, {key!r}. Put "
                "{data_source_id} into it, or leave it out for the default.",
                fields=("store_as",),
            )
