"""Wait until Copass has ingested a text: the sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_copass.sensors._base import CopassSensor, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from airflow_provider_copass.hooks import CopassHook


class IngestJobSensor(CopassSensor):
    """Wait until a job is completed. A job that is ``failed`` or ``cancelled`` fails the task.

    :param job_id: the job's id, such as ``IngestTextOperator`` returns. No page of Copass says that the job of a pull
        can be looked at: for a pull use ``SourceSyncedSensor``. (templated)

    Returns the job's id.
    """

    template_fields: Sequence[str] = ("job_id", *CopassSensor.template_fields)

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def _begin(self, hook: CopassHook) -> Wait:
        """Read the rendered fields."""
        from airflow_provider_copass._inputs import read_required
        from airflow_provider_copass.api.calls import check_path_part
        from airflow_provider_copass.waiting import Completed, JobId

        job_id = check_path_part("job_id", read_required("job_id", self.job_id))
        return Wait(hook.sandbox_id, JobId(job_id), Completed())
