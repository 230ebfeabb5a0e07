"""Ingest texts into Copass: the operator."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.operators._base import SourceRefOperator
from airflow_provider_copass.operators._redaction import HIDDEN, bounded, is_list, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.api import Job
    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.operators._texts import Sending

_POLL_INTERVAL = 30.0
_TIMEOUT = 3600.0
_ALL_TAKEN = (
    "All texts were taken, and XCom job_ids lists the jobs, which go on in Copass. The task is not retried, since that "
    "would ingest them twice. Wait for the jobs with IngestJobSensor."
)


def _hide(_: object) -> str:
    return HIDDEN


@dataclass(frozen=True, slots=True)
class _Options:
    """How to send and to wait, as rendered."""

    resend: bool
    wait: bool
    deferrable: bool
    poll_interval: float
    timeout: float


class IngestTextOperator(SourceRefOperator):
    """Ingest a text, or a list of texts, a job for each. The source that they are from may be left out.

    A text that is sent twice is ingested twice. So a text whose answer is lost is not sent again, and as soon as a text
    was taken, or may have been, whatever fails makes the task fail at once, without a retry: the message says by number
    which texts were taken, which may have been and which were not. Only a task that was killed is retried all the same;
    its next try sends all texts, and warns of it in its log.

    :param text: the text, or a list of texts. Airflow sees nothing of the rendered value. A template's text is one text
        whatever is in it: give a list as such, or as another task's ``output``. (templated)
    :param source_type: what kind of text it is, in the API's words. (templated)
    :param occurred_at: when it was said or written: a date and time with its offset from UTC, or one as ISO 8601 text.
        (templated)
    :param speaker: who said or wrote it. (templated)
    :param participants: who took part: a list, a JSON list as text, or one. (templated)
    :param project_id: the project that it belongs to. (templated)
    :param storage_only: keep the text, and add nothing to the graph. (templated)
    :param on_lost_answer: what to do with a text whose answer is lost: ``fail``, or ``resend``, which sends it again at
        once, as often as the connection's ``max_attempts`` says. It may then be ingested twice. If no attempt has an
        answer and no text is known to be taken, the task's retry sends them all again. (templated)
    :param wait_for_completion: wait until each job is completed. A job that is ``failed`` or ``cancelled`` fails the
        task at once. (templated)
    :param deferrable: wait in the triggerer. None for ``[operators] default_deferrable`` of Airflow's configuration.
        (templated)
    :param poll_interval: seconds between two looks at the jobs. (templated)
    :param timeout: seconds after which a wait fails the task, at once. A deferred one also ends with the task's
        ``execution_timeout``. (templated)

    Returns the id of the job; of a list of texts the list of ids, in its order. XComs: ``job_ids``, a list with None
    for each text that is not known to be taken, also of a task that fails; ``data_source_id``, if there is a source.
    """

    template_fields: Sequence[str] = (
        *SourceRefOperator.template_fields,
        "text",
        "source_type",
        "occurred_at",
        "speaker",
        "participants",
        "project_id",
        "storage_only",
        "on_lost_answer",
        "wait_for_completion",
        "deferrable",
        "poll_interval",
        "timeout",
    )
    redacted_fields: ClassVar[Sequence[str]] = ("text",)
    redactions: ClassVar[Mapping[str, Callable[[object], object]]] = {"text": _hide}

    def __init__(
        self,
        *,
        text: str | Sequence[str],
        source_type: str | None = None,
        occurred_at: datetime | str | None = None,
        speaker: str | None = None,
        participants: Sequence[str] | str | None = None,
        project_id: str | None = None,
        storage_only: bool | str = False,
        on_lost_answer: str = "fail",
        wait_for_completion: bool | str = False,
        deferrable: bool | str | None = None,
        poll_interval: float | timedelta | str = _POLL_INTERVAL,
        timeout: float | timedelta | str = _TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.text = bounded(text, _hide)
        self.source_type = source_type
        self.occurred_at = occurred_at
        self.speaker = speaker
        self.participants = participants
        self.project_id = project_id
        self.storage_only = storage_only
        self.on_lost_answer = on_lost_answer
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        # Before rendering: a template of an id that finds nothing gives None as well, and is to be refused.
        self._has_source = any(each is not None for each in (self.data_source_id, self.provider, self.name))
        self._given = [name for name in ("data_source_id", "provider", "name") if name in kwargs]

    def _run(self, hook: CopassHook, context: Context) -> str | list[str]:
        """Ingest the texts, and wait for their jobs where that is asked for."""
        from airflow_provider_copass._inputs import read_required
        from airflow_provider_copass.operators._texts import Sending
        from airflow_provider_copass.registration import require

        begun = datetime.now(UTC)
        if not self._has_source and context["ti"].map_index not in (None, -1):
            # What a mapped task is given is rendered when it is made: a None is that of a row without an id.
            for name in self._given:
                read_required(name, None)
        options = self._options()
        calls = self._calls(hook.sandbox_id, may_repeat=options.resend)
        ref = self._ref(hook) if self._has_source else None
        if not calls:
            self.log.info("The list is empty: there is nothing to ingest.")
            return []
        if context["ti"].try_number > 1:
            self.log.warning("If an earlier try was killed, it may have ingested texts. This one ingests all of them.")
        runtime = self._runtime(hook, context)
        source_id = None if ref is None else require(ref, runtime).data_source_id
        if source_id is not None:
            calls = [replace(call, body={**(call.body or {}), "data_source_id": source_id}) for call in calls]
        sending = Sending(calls, runtime.log)
        failure = _interruptible(lambda: sending.run(hook.get_conn()))
        if sending.job_ids and source_id is not None:
            self._write_to(hook, [source_id])
        if failure is not None and not sending.job_ids and (options.resend or not sending.lost):
            raise failure
        several = is_list(value_of(self.text))
        with self._not_again():
            try:
                self._push(sending, context, source_id)
            finally:
                if failure is not None:
                    raise sending.incomplete(failure)
            job_ids = [sending.job_ids[number] for number in sorted(sending.job_ids)]
            if options.wait:
                self._wait(hook.sandbox_id, job_ids, options, begun, several=several)
        return job_ids if several else job_ids[0]

    def _options(self) -> _Options:
        """Read how to send and to wait.

        :raises CopassInputError: where a field cannot be used.
        """
        from airflow_provider_copass._inputs import (
            read_deferrable,
            read_required,
            read_seconds,
            read_switch,
            refusal,
        )

        on_lost_answer = read_required("on_lost_answer", self.on_lost_answer)
        if on_lost_answer not in ("fail", "resend"):
            raise refusal("on_lost_answer", "on_lost_answer must be 'fail' or 'resend'")
        return _Options(
            resend=on_lost_answer == "resend",
            wait=read_switch("wait_for_completion", self.wait_for_completion),
            deferrable=read_deferrable(self.deferrable),
            poll_interval=read_seconds("poll_interval", self.poll_interval) or _POLL_INTERVAL,
            timeout=read_seconds("timeout", self.timeout) or _TIMEOUT,
        )

    def _calls(self, sandbox_id: str, *, may_repeat: bool) -> list[Call[Job]]:
        """Read the texts and what is said of them; return a call for each, which is of no source yet.

        :raises CopassInputError: where a field breaks its rule; never with a text.
        """
        from airflow_provider_copass._inputs import (
            read_list,
            read_optional,
            read_reference,
            read_switch,
            warn_of_padding,
        )
        from airflow_provider_copass.api.calls import ingest_text

        warn_of_padding(self.log, source_type=self.source_type, speaker=self.speaker)
        about: dict[str, Any] = {
            "source_type": read_optional("source_type", self.source_type),
            "occurred_at": read_optional("occurred_at", self.occurred_at),
            "speaker": read_optional("speaker", self.speaker),
            "participants": read_list("participants", self.participants) or None,
            "project_id": read_reference("project_id", self.project_id),
            "storage_only": read_switch("storage_only", self.storage_only),
        }
        return [
            replace(ingest_text(sandbox_id, text=text, **about), may_repeat=may_repeat)
            for text in _read_texts(value_of(self.text))
        ]

    def _push(self, sending: Sending, context: Context, source_id: str | None) -> None:
        """Push the XComs beside the return value."""
        if not self.do_xcom_push:
            return
        push = context["ti"].xcom_push
        push(key="job_ids", value=sending.known)
        if source_id is not None:
            push(key="data_source_id", value=source_id)

    def _wait(self, sandbox_id: str, job_ids: list[str], options: _Options, begun: datetime, *, several: bool) -> None:
        """Wait for the jobs, here or in the triggerer.

        :raises WaitFailedError: where a job fails, or the time is over.
        """
        if options.deferrable:
            self._defer(sandbox_id, job_ids, options, begun, several=several)
        end = begun + timedelta(seconds=options.timeout)
        left = job_ids
        while left:
            seconds = (end - datetime.now(UTC)).total_seconds()
            time.sleep(max(0.0, min(options.poll_interval, seconds)))
            left = self._unfinished(sandbox_id, left)
            if left and seconds <= 0:
                raise self._timed_out(len(left), len(job_ids))

    def _defer(self, sandbox_id: str, job_ids: list[str], options: _Options, begun: datetime, *, several: bool) -> None:
        """Leave the wait to the triggerer."""
        from airflow_provider_copass._inputs import read_conn_id
        from airflow_provider_copass.triggers.wait import WaitTrigger, time_for_trigger
        from airflow_provider_copass.waiting import Completed, JobId, condition_as_json, target_as_json

        limit = timedelta(seconds=options.timeout)
        # Airflow 3 does not end a deferred task by it.
        end = begun + (limit if self.execution_timeout is None else min(limit, self.execution_timeout))
        self.defer(
            trigger=WaitTrigger(
                targets=[target_as_json(JobId(job_id)) for job_id in job_ids],
                condition=condition_as_json(Completed()),
                sandbox_id=sandbox_id,
                copass_conn_id=read_conn_id(self.copass_conn_id),
                poll_interval=options.poll_interval,
                deadline=end.isoformat(),
            ),
            method_name="execute_complete",
            kwargs={
                "sandbox_id": sandbox_id,
                "job_ids": job_ids,
                "several": several,
                "outputs": [list(each) for each in self._outputs],
            },
            timeout=time_for_trigger(end),
        )

    @fresh_traceback
    def execute_complete(
        self,
        context: Context,  # noqa: ARG002 - Airflow's signature
        *,
        sandbox_id: str,
        job_ids: list[str],
        several: bool,
        outputs: list[list[str]],
        event: dict[str, Any] | None = None,
    ) -> str | list[str]:
        """Return what a task returns that waits here, or fail as it would.

        :param sandbox_id: the sandbox.
        :param job_ids: the jobs that were waited for.
        :param several: whether they are of a list of texts.
        :param outputs: what the task has written to.
        :param event: the trigger's event.
        """
        from airflow_provider_copass.errors import WaitFailedError

        self._outputs = [(namespace, name) for namespace, name in outputs]
        event = event or {"timed_out": True}
        with self._final_errors(), self._not_again():
            if failure := event.get("failure"):
                raise WaitFailedError(failure["message"])
            # As a task that waits here, which looks before it gives up.
            if "values" not in event and (left := self._unfinished(sandbox_id, job_ids)):
                raise self._timed_out(len(left), len(job_ids))
        return job_ids if several else job_ids[0]

    @fresh_traceback
    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; if the triggerer failed, fail at once, for a retry would ingest the texts again."""
        from airflow_provider_copass.airflow_compat import AirflowFailException, is_deferral_error

        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            if not is_deferral_error(error):
                raise
            reason = f"The triggerer has not said how the jobs ended ({type(error).__name__}). "
            raise AirflowFailException(reason + _ALL_TAKEN) from None

    def _unfinished(self, sandbox_id: str, job_ids: list[str]) -> list[str]:
        """Look at the jobs once; return those that are not completed, or that there is no answer about.

        :raises WaitFailedError: where a job has failed.
        """
        from airflow_provider_copass.errors import CopassCallError
        from airflow_provider_copass.waiting import Completed, JobId, is_worth_waiting, look

        unfinished: list[str] = []
        # A hook each time: the connection is read anew, for tokens are renewed.
        with self._hook() as hook:
            for number, job_id in enumerate(job_ids):
                try:
                    completed = look(hook.get_conn(), sandbox_id, JobId(job_id), Completed())
                except CopassCallError as error:
                    if not is_worth_waiting(error):
                        raise
                    self.log.warning("The look failed, and is made again later: %s", error)
                    return unfinished + job_ids[number:]
                if completed is None:
                    unfinished.append(job_id)
        return unfinished

    def _timed_out(self, left: int, of: int) -> Exception:
        """Return the error of a wait whose time is over."""
        from airflow_provider_copass.errors import WaitFailedError

        return WaitFailedError(
            f"The wait has timed out (timeout, execution_timeout): {left} of {of} jobs are not completed. {_ALL_TAKEN}"
        )

    @contextmanager
    def _not_again(self) -> Iterator[None]:
        """Let nothing that fails be retried by Airflow: all texts were taken.

        :raises IngestIncompleteError: in place of what would be retried.
        """
        from airflow_provider_copass.airflow_compat import is_interruption
        from airflow_provider_copass.errors import CopassError, IngestIncompleteError

        try:
            yield
        except BaseException as error:
            # Among the rest is the exception by which a task is deferred.
            if not isinstance(error, Exception) and not is_interruption(error):
                raise
            if isinstance(error, CopassError) and error.is_final:
                raise
            reason = str(error) if isinstance(error, CopassError) else f"It ended with {type(error).__name__}."
            raise IngestIncompleteError(f"What came after the texts failed. {reason} {_ALL_TAKEN}") from None


def _interruptible(run: Callable[[], BaseException | None]) -> BaseException | None:
    """Return what a call returns, or Airflow's exception that interrupts it."""
    from airflow_provider_copass.airflow_compat import is_interruption

    try:
        return run()
    except BaseException as error:
        if is_interruption(error):
            return error
        raise


def _read_texts(given: Any) -> list[Any]:
    """Read the rendered texts.

    :raises CopassInputError: where one of them is none, by its number.
    """
    from airflow_provider_copass._inputs import read_required, refusal
    from airflow_provider_copass.api.requests import plain
    from airflow_provider_copass.operators._documents import excess

    if found := excess(given):
        raise refusal("text", f"text {found}")
    named = {f"text (number {n})": each for n, each in enumerate(given, 1)} if is_list(given) else {"text": given}
    for name, each in named.items():
        if not isinstance(plain(read_required(name, each)), str):
            raise refusal("text", f"{name} must be a string, or text a list of them")
    return list(named.values())
