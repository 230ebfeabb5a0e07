"""Register a list of Copass data sources in one task: the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass.operators.base import CopassOperator
from airflow_provider_copass.operators.source_list import shape_of_sources
from airflow_provider_copass.operators.unshown import rendered, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.api import CopassError, Source
    from airflow_provider_copass.api.requests import RegisterSource
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.registration import Wish
    from airflow_provider_copass.registration.batch_item import Outcome
    from airflow_provider_copass.secret_stores import SecretStore

_MOST_AT_ONCE = 20
_MOST_TOLD = 5
_MOST_MASKED = 20


class RegisterSourcesOperator(CopassOperator):
    """Have a list of Copass data sources be there, and their webhook secrets in the store: one task, one look for all.

    For hundreds of sources. Each is registered once and its secret kept, as by
    :class:`~airflow_provider_copass.operators.RegisterSourceOperator`, whatever is killed or lost on the way. Where one
    fails the others are there, the task fails in the end, and its retry does the failed ones alone.

    :param sources: a list of objects, each with the fields of a source: ``provider``, ``name``, and as wanted
        ``ingestion_mode``, ``kind``, ``external_account_id``, ``adapter_config`` and ``poll_interval_seconds``; or such
        a list as JSON text. Once it is rendered, Airflow gets to see no value of an ``adapter_config``. (templated)
    :param manifest: in its place the path of a YAML or JSON file with that list, or with an object whose ``sources`` is
        it; absolute, or from the folder of the DAG's file. The texts in it are templates too. (templated)
    :param sandbox_id: the sandbox; None for the connection's. (templated)
    :param if_exists: what to do with a live source of the same sandbox, provider and name: ``reuse``, ``update`` or
        ``fail``, for each source by itself.
    :param secret_store: where the secrets go, as of the operator for one source.
    :param store_as: the key of each secret, as of the same; it has to be another key for each source. (templated)
    :param on_missing_secret: as of the same: ``fail``, ``rotate`` or ``ignore``.
    :param max_concurrency: how many calls are under way at once, 1 to 20.
    :param plan_only: say what would be done, and do nothing of it: no request that changes anything, no Variable.
        (templated)
    :param copass_conn_id: the Airflow connection, of type ``copass``. (templated)

    XComs: the return value is the list of the ids, in the order of the sources; ``sources`` says of each what became of
    it, its id, and the key of its secret; ``stored_as`` is the list of the keys that there are. With ``plan_only`` the
    return value says of each what would be done. Never a secret.
    """

    template_fields: Sequence[str] = ("sources", "manifest", "sandbox_id", "store_as", "plan_only", "copass_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"sources": "json"}
    unshown_fields: ClassVar[Sequence[str]] = ("sources",)
    shapes: ClassVar[Mapping[str, Callable[[object], object]]] = {"sources": shape_of_sources}

    def __init__(
        self,
        *,
        sources: Sequence[dict[str, Any]] | str | None = None,
        manifest: str | None = None,
        if_exists: str = "reuse",
        secret_store: str | SecretStore | None = None,
        store_as: str | None = None,
        on_missing_secret: str = "fail",
        max_concurrency: int = 8,
        plan_only: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sources = sources
        self.manifest = manifest
        self.if_exists = if_exists
        self.secret_store = secret_store
        self.store_as = store_as
        self.on_missing_secret = on_missing_secret
        self.max_concurrency = max_concurrency
        self.plan_only = plan_only

    def act(self, hook: CopassHook, context: Context) -> list[Any]:
        """Check the whole list, then register it."""
        from airflow_provider_copass.secret_stores.configured import secret_store_of

        store = secret_store_of(self.secret_store)
        is_plan = _is_said(self.plan_only)
        wishes = self._wishes(hook, context)
        if not wishes:
            self.log.info("The list is empty: there is nothing to register.")
            if not is_plan:
                self._push([], context)
            return []
        # A client that cannot work is refused here, before the first request; and no two threads make one.
        hook.get_conn()
        if is_plan:
            return self._plan(hook, wishes, store)
        outcomes = self._register(hook, wishes, store, context)
        self._tell(outcomes, context)
        return [outcome.registered.source.data_source_id for outcome in outcomes if outcome.registered is not None]

    def _register(self, hook: CopassHook, wishes: list[Wish], store: SecretStore, context: Context) -> list[Outcome]:
        from airflow_provider_copass.airflow_compat import Masker
        from airflow_provider_copass.operators.task_instance import WallClock, new_mark, owner_of
        from airflow_provider_copass.operators.threads import Threads
        from airflow_provider_copass.registration.batch import Batch

        batch = Batch(
            wishes,
            sources=_Unmasked(hook),
            secrets=store,
            records=self._records(),
            report=self.log,
            clock=WallClock(),
            owner=owner_of(context["ti"]),
            mark=new_mark(),
            pool=Threads(self.max_concurrency),
            mask=Masker(_MOST_MASKED).mask,
            timing=self._timing(hook),
        )
        return batch.run()

    def _plan(self, hook: CopassHook, wishes: list[Wish], store: SecretStore) -> list[dict[str, Any]]:
        from airflow_provider_copass.operators.list_report import counted, rows_of_plan, table_of_plan
        from airflow_provider_copass.operators.task_instance import WallClock
        from airflow_provider_copass.registration.plan import plan

        planned = plan(
            wishes,
            sources=hook,
            secrets=store,
            records=self._records(may_write=False),
            clock=WallClock(),
            report=self.log,
        )
        for line in table_of_plan(planned):
            self.log.info("%s", line)
        self.log.info("Planned only, and nothing was changed: %s.", counted([each.step for each in planned]))
        return rows_of_plan(planned)

    def _tell(self, outcomes: list[Outcome], context: Context) -> None:
        """Say what became of the list.

        :raises SourcesFailedError: where some failed, and trying again cannot help.
        :raises SourcesUnfinishedError: where some failed, and it may.
        """
        from airflow_provider_copass.errors import SourcesFailedError, SourcesUnfinishedError
        from airflow_provider_copass.operators.list_report import counted, table_of

        for line in table_of(outcomes):
            self.log.info("%s", line)
        self.log.info("Of %d sources: %s.", len(outcomes), counted([outcome.act for outcome in outcomes]))
        self._push(outcomes, context)
        failed = [(outcome, outcome.error) for outcome in outcomes if outcome.error is not None]
        undone = sum(outcome.registered is None for outcome in outcomes)
        if not undone:
            return
        told = "; ".join(_said(outcome, error) for outcome, error in failed[:_MOST_TOLD])
        more = f"; and {len(failed) - _MOST_TOLD} more, which the log lists" if len(failed) > _MOST_TOLD else ""
        message = f"{undone} of {len(outcomes)} sources are not registered; the others are. {told}{more}"
        if failed and all(error.is_final for _, error in failed):
            raise SourcesFailedError(message)
        raise SourcesUnfinishedError(f"{message} The retry does the failed ones alone.")

    def _push(self, outcomes: list[Outcome], context: Context) -> None:
        """Push the XComs beside the return value."""
        from airflow_provider_copass.operators.list_report import rows_of

        if not self.do_xcom_push:
            return
        rows = rows_of(outcomes)
        push = context["ti"].xcom_push
        push(key="sources", value=rows)
        push(key="stored_as", value=[row["stored_as"] for row in rows if row["stored_as"] is not None])

    def _wishes(self, hook: CopassHook, context: Context) -> list[Wish]:
        """Read the list.

        :raises CopassInputError: where anything in it breaks a rule.
        """
        from airflow_provider_copass.api import CopassInputError
        from airflow_provider_copass.registration import Wish
        from airflow_provider_copass.secret_stores.configured import store_key_of

        # 8.0 is in the range too, and no count of threads; nor is True, which is 1.
        if type(self.max_concurrency) is not int or self.max_concurrency not in range(1, _MOST_AT_ONCE + 1):
            raise CopassInputError(
                f"max_concurrency must be a whole number from 1 to {_MOST_AT_ONCE}.", fields=("max_concurrency",)
            )
        key = store_key_of(self.store_as)
        sandbox_id = hook.sandbox_id
        wishes = [
            Wish(
                sandbox_id=sandbox_id,
                source=source,
                if_exists=self.if_exists,
                on_missing_secret=self.on_missing_secret,
                key=key,
            )
            for source in self._sources(context)
        ]
        _check_keys(wishes)
        return wishes

    def _sources(self, context: Context) -> list[RegisterSource]:
        from airflow_provider_copass.api import CopassInputError
        from airflow_provider_copass.operators.source_list import read_manifest, read_sources

        if (self.sources is None) == (self.manifest is None):
            raise CopassInputError(
                "Give either sources, a list, or manifest, the path of a file that holds one.",
                fields=("sources", "manifest"),
            )
        if self.manifest is None:
            return read_sources(value_of(self.sources), said_by="sources")
        path = self._manifest_path(self.manifest)
        listed = read_manifest(path)
        return read_sources(rendered(path.name, lambda: self.render_template(listed, context)), said_by=path.name)

    def _manifest_path(self, given: str) -> Path:
        """Return where the manifest is: a relative path begins at the DAG's file."""
        from pathlib import Path

        path = Path(given)
        dag = self.get_dag()
        return path if path.is_absolute() or dag is None else Path(dag.fileloc).parent / path


class _Unmasked:
    """A hook whose answers are masked by whoever gets them: a task of Airflow may speak to it from one thread alone."""

    def __init__(self, hook: CopassHook) -> None:
        from airflow_provider_copass.api import calls

        self._send = hook.get_conn().send
        self._call_for = calls.registrations(hook.sandbox_id)
        self.list_sources = hook.list_sources
        self.get_source = hook.get_source
        self.update_source = hook.update_source
        self.delete_source = hook.delete_source
        self.rotate_webhook_secret = hook.rotate_webhook_secret

    def register_source(self, **fields: Any) -> Source:
        """Register a source, with one POST.

        :param fields: of a checked source.
        """
        return self._send(self._call_for(fields))


def _is_said(plan_only: object) -> bool:
    """Read a switch, or one that a template rendered to text.

    :raises CopassInputError: where it is neither on nor off.
    """
    from airflow_provider_copass.api import CopassInputError

    word = str(plan_only).strip().lower()
    if word in {"true", "false"}:
        return word == "true"
    raise CopassInputError("plan_only must be True or False, or a template that gives one.", fields=("plan_only",))


def _said(outcome: Outcome, error: CopassError) -> str:
    return f"{outcome.wish.named}: {error}"


def _check_keys(wishes: list[Wish]) -> None:
    """Refuse a key that two sources of the list would have to share.

    :raises CopassInputError: naming both.
    """
    from airflow_provider_copass.api import CopassInputError

    seen: dict[str, Wish] = {}
    for wish in wishes:
        if not wish.is_realtime or wish.key.needs_id:
            continue
        first = seen.setdefault(wish.key_for(), wish)
        if first is not wish:
            raise CopassInputError(
                f"store_as gives {first.named} and {wish.named} the same key, {wish.key_for()!r}. Put "
                "{data_source_id} into it, or leave it out for the default.",
                fields=("store_as",),
            )
