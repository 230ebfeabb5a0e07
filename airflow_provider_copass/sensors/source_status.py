"""Wait until a Copass data source has a status: the sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_copass.sensors._base import SourceSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_copass.waiting import Condition

_FAIL_ON = ("error", "disconnected", "archived")


class SourceStatusSensor(SourceSensor):
    """Wait until a source has a status.

    :param status: the status, such as ``active`` or ``paused``; an open set. (templated)
    :param fail_on: statuses with which the wait fails: a list, a JSON list as text, or one. An empty list for none.
        (templated)

    Returns the source's ``data_source_id``.
    """

    template_fields: Sequence[str] = (*SourceSensor.template_fields, "status", "fail_on")

    def __init__(
        self,
        *,
        status: str = "active",
        fail_on: Sequence[str] | str = _FAIL_ON,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.status = status
        self.fail_on = fail_on

    def _condition(self) -> Condition[Any, str]:
        """Read the rendered condition."""
        from airflow_provider_copass._inputs import read_list, read_optional, read_required, refusal, warn_of_padding
        from airflow_provider_copass.waiting import HasStatus

        status = read_required("status", self.status)
        given = read_optional("fail_on", self.fail_on)
        fail_on = read_list("fail_on", _FAIL_ON if given is None else given)
        if not isinstance(status, str):
            raise refusal("status", "status must be a string, such as active")
        if not all(isinstance(each, str) for each in fail_on):
            raise refusal("fail_on", "fail_on must be a list of statuses, each a string")
        warn_of_padding(self.log, status=status, **{f"fail_on (number {n})": each for n, each in enumerate(fail_on, 1)})
        return HasStatus(status, tuple(fail_on))
