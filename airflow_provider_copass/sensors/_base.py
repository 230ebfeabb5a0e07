"""What all sensors share: one outcome for each case, whether they poke or are deferred."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_copass._tracebacks import fresh_traceback
from airflow_provider_copass.airflow_compat import BaseSensorOperator, PokeReturnValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_copass.airflow_compat import Context
    from airflow_provider_copass.hooks import CopassHook
    from airflow_provider_copass.waiting import Condition, JobId, SourceId


_LONGEST = 100 * 365 * 24 * 3600.0
"""Seconds: for ever, and still a date."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What one task waits for.

    :param sandbox_id: the sandbox.
    :param target: what is looked at.
    :param condition: what a look has to show.
    """

    sandbox_id: str
    target: SourceId | JobId
    condition: Condition[Any, str]


class CopassSensor(BaseSensorOperator):
    """The base class of the sensors. Not for use by itself.

    Both ways of waiting have the same outcomes. A look without an answer (no connection, 429, 5xx) is made again. What
    cannot happen any more fails the task, or with ``soft_fail`` skips it, as the end of ``timeout`` does. A refused
    token or bad input fails it, and never skips it.

    ``timeout``, ``poke_interval``, ``mode`` and ``soft_fail`` are those of any sensor; a deferred one ends with
    ``execution_timeout`` as well, which Airflow 3 does not do by itself. In mode ``reschedule`` a provider and a name
    are looked up at each poke.

    :param sandbox_id: the sandbox. None for the connection's. (templated)
    :param copass_conn_id: the id of the Airflow connection, of type ``copass``. (templated)
    :param deferrable: wait in the triggerer, where all waits for the sources of a sandbox share one request a round.
        None for ``[operators] default_deferrable`` of Airflow's configuration. (templated)
    """

    template_fields: Sequence[str] = ("sandbox_id", "copass_conn_id", "deferrable")
    ui_color = "#e6f0ff"

    def __init__(
        self,
        *,
        sandbox_id: str | None = None,
        copass_conn_id: str = "copass_default",
        deferrable: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sandbox_id = sandbox_id
        self.copass_conn_id = copass_conn_id
        self.deferrable = deferrable
        self._wait: Wait | None = None

    def _begin(self, hook: CopassHook) -> Wait:
        """Read the rendered fields; a source's provider and name become its id.

        :raises CopassError: where a field cannot be used, or there is no such source.
        """
        raise NotImplementedError

    @fresh_traceback
    def poke(self, context: Context) -> Any:  # noqa: ARG002 - Airflow's signature
        """Look once.

        :return: False, or what the task returns.
        :raises CopassError: where it cannot be fulfilled any more, or the look is refused.
        """
        value = self._look()
        return False if value is None else PokeReturnValue(is_done=True, xcom_value=value)

    def _look(self) -> str | None:
        """Look once; return None where it is not fulfilled, or where the look has to be made again."""
        from airflow_provider_copass._inputs import read_hook
        from airflow_provider_copass.errors import CopassCallError
        from airflow_provider_copass.waiting import is_worth_waiting, look

        # A hook each time: the connection is read anew, for tokens are renewed.
        with read_hook(self.copass_conn_id, self.sandbox_id) as hook:
            try:
                wait = self._wait = self._wait or self._begin(hook)
                return look(hook.get_conn(), wait.sandbox_id, wait.target, wait.condition)
            except CopassCallError as error:
                if not is_worth_waiting(error):
                    raise
                self.log.warning("The look failed, and is made again later: %s", error)
                return None

    @fresh_traceback
    def execute(self, context: Context) -> Any:
        """Wait; deferrable, look once and leave the rest to the triggerer.

        :raises AirflowFailException: where a retry cannot help.
        :raises AirflowSensorTimeout: where the time is over.
        :raises AirflowSkipException: with ``soft_fail``, where the time is over or the wait failed.
        """
        from airflow_provider_copass._inputs import read_deferrable

        with self._outcomes():
            if not read_deferrable(self.deferrable):
                return super().execute(context)
            end = datetime.now(UTC) + timedelta(seconds=self._seconds())
            while (value := self._look()) is None and self._wait is None:
                # The source's id is not known yet, for nothing has answered.
                if datetime.now(UTC) >= end:
                    raise self._timed_out()
                time.sleep(self.poke_interval)
            if value is None and self._wait is not None:
                self._defer(self._wait, end)
            return value

    def _seconds(self) -> float:
        """Return how long the task may wait, in seconds."""
        limits = [float(self.timeout), _LONGEST]
        if self.execution_timeout is not None:
            limits.append(self.execution_timeout.total_seconds())
        return min(limits)

    def _defer(self, wait: Wait, end: datetime) -> None:
        """Leave the wait to the triggerer."""
        from airflow_provider_copass._inputs import read_conn_id
        from airflow_provider_copass.triggers.wait import WaitTrigger, time_for_trigger
        from airflow_provider_copass.waiting import condition_as_json, target_as_json

        target, condition = target_as_json(wait.target), condition_as_json(wait.condition)
        self.defer(
            trigger=WaitTrigger(
                targets=[target],
                condition=condition,
                sandbox_id=wait.sandbox_id,
                copass_conn_id=read_conn_id(self.copass_conn_id),
                poll_interval=float(self.poke_interval),
                deadline=end.isoformat(),
            ),
            method_name="execute_complete",
            kwargs={"wait": {"sandbox_id": wait.sandbox_id, "target": target, "condition": condition}},
            timeout=time_for_trigger(end),
        )

    @fresh_traceback
    def execute_complete(self, context: Context, wait: dict[str, Any], event: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - Airflow's signature
        """Return what the triggerer saw, or raise what it says.

        :param wait: what was waited for.
        :param event: the trigger's event.
        """
        from airflow_provider_copass.airflow_compat import AirflowFailException
        from airflow_provider_copass.errors import CopassError, WaitFailedError
        from airflow_provider_copass.waiting import condition_from_json, target_from_json

        event = event or {"timed_out": True}
        with self._outcomes():
            if "values" in event:
                return event["values"][0]
            if failure := event.get("failure"):
                kind = WaitFailedError if failure["kind"] == WaitFailedError.__name__ else CopassError
                if failure["is_final"] and kind is CopassError:
                    raise AirflowFailException(failure["message"])
                raise kind(failure["message"])
            target: Any = target_from_json(wait["target"])
            self._wait = Wait(wait["sandbox_id"], target, condition_from_json(wait["condition"]))
            # As a sensor that pokes, which looks before it gives up.
            value = self._look()
            if value is None:
                raise self._timed_out()
            return value

    @fresh_traceback
    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume, past what Airflow's sensors do here: with ``soft_fail`` they skip the task whatever has failed."""
        try:
            return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            # What Airflow raises where the triggerer did not come in time; 2.11 has no class for it.
            if type(error).__name__.startswith("TaskDeferral") and "timeout" in str(error).lower():
                raise self._timed_out() from None
            raise

    def _timed_out(self) -> Exception:
        """Return the error of a wait whose time is over."""
        from airflow_provider_copass.airflow_compat import AirflowSensorTimeout, AirflowSkipException

        message = f"The sensor has timed out: it may wait for {self._seconds():.0f} s (timeout, execution_timeout)."
        return (AirflowSkipException if self.soft_fail else AirflowSensorTimeout)(message)

    @contextmanager
    def _outcomes(self) -> Iterator[None]:
        """Turn errors into Airflow's outcomes.

        Airflow's own rules differ: with ``soft_fail`` or ``never_fail`` a refused token would skip the task.
        """
        from airflow_provider_copass.airflow_compat import AirflowFailException, AirflowSkipException
        from airflow_provider_copass.errors import CopassError, WaitFailedError

        try:
            yield
        except CopassError as error:
            failure = error
        except Exception as error:
            if not isinstance(error.__cause__, CopassError):
                raise
            failure = error.__cause__
        else:
            return
        if isinstance(failure, WaitFailedError) and (self.soft_fail or self.never_fail):
            raise AirflowSkipException(str(failure))
        raise AirflowFailException(str(failure)) if failure.is_final else failure


class SourceSensor(CopassSensor):
    """The base class of the sensors of a source. Not for use by itself.

    :param data_source_id: the source's id; or (templated)
    :param provider: its provider, and (templated)
    :param name: its name. The live source of that provider and name is meant; a later rename changes nothing.
        (templated)
    """

    template_fields: Sequence[str] = ("data_source_id", "provider", "name", *CopassSensor.template_fields)

    def __init__(
        self, *, data_source_id: str | None = None, provider: str | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_source_id = data_source_id
        self.provider = provider
        self.name = name

    def _condition(self) -> Condition[Any, str]:
        """Read the rendered condition.

        :raises CopassInputError: where a field cannot be used.
        """
        raise NotImplementedError

    def _begin(self, hook: CopassHook) -> Wait:
        """Read the rendered fields."""
        from airflow_provider_copass._inputs import read_ref, warn_of_padding
        from airflow_provider_copass.registration import find_live
        from airflow_provider_copass.waiting import SourceId

        ref = read_ref(hook.sandbox_id, data_source_id=self.data_source_id, provider=self.provider, name=self.name)
        warn_of_padding(self.log, provider=self.provider, name=self.name)
        condition = self._condition()
        source_id = ref.data_source_id or find_live(ref, hook.list_sources()).data_source_id
        return Wait(hook.sandbox_id, SourceId(source_id), condition)
