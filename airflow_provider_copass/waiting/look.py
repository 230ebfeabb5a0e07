"""One look at what is waited for, by who waits without a watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.api import calls
from airflow_provider_copass.errors import CopassCallError
from airflow_provider_copass.waiting.conditions import check_is_about, gone
from airflow_provider_copass.waiting.targets import JobId, SourceId

if TYPE_CHECKING:
    from airflow_provider_copass.api import CopassClient
    from airflow_provider_copass.waiting.conditions import Condition

T = TypeVar("T")


def look(client: CopassClient, sandbox_id: str, target: SourceId | JobId, condition: Condition[Any, T]) -> T | None:
    """Look once.

    :param client: the client.
    :param sandbox_id: the sandbox.
    :param target: what is looked at.
    :param condition: what the look has to show.
    :return: what the condition returns; None if it is not fulfilled yet.
    :raises WaitFailedError: if it cannot be fulfilled any more.
    :raises CopassCallError: if the look failed; :func:`~airflow_provider_copass.waiting.conditions.is_worth_waiting`
        tells whether another one may succeed.
    """
    try:
        if isinstance(target, JobId):
            job = client.send(calls.dated(calls.get_job(sandbox_id, target.job_id)))
            check_is_about(target, job.result)
            return condition.judge(job.result, job.answered_at)
        source = client.send(calls.dated(calls.get_source(sandbox_id, target.data_source_id)))
        check_is_about(target, source.result)
        return condition.judge(source.result, source.answered_at)
    except CopassCallError as error:
        raise gone(target, error) from None
