"""The sources of a list that are out of the ordinary: each is registered by itself, as if there were no list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import CopassError
from airflow_provider_copass.registration.protocol import Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_copass.registration.batch_item import Item
    from airflow_provider_copass.registration.ports import Clock, Records, Report, Secrets, Sources
    from airflow_provider_copass.registration.record import Owner
    from airflow_provider_copass.registration.timing import Timing


class Alone:
    """Registers them by the steps for a single source, its own record included.

    The parameters are those of :class:`~airflow_provider_copass.registration.batch.Batch`.
    """

    def __init__(
        self,
        *,
        sources: Sources,
        secrets: Secrets,
        records: Records,
        report: Report,
        clock: Clock,
        owner: Owner,
        mark: str,
        timing: Timing,
    ) -> None:
        self._sources = sources
        self._secrets = secrets
        self._records = records
        self._report = report
        self._clock = clock
        self._owner = owner
        self._mark = mark
        self._timing = timing

    def run(self, items: Iterable[Item]) -> set[str]:
        """Register each; what comes of it is noted in the item.

        :return: the names of the records of those that are there now.
        """
        # Others are waited for by all of them together for as long as one alone would wait.
        until = self._clock.now() + self._timing.patience
        done = set()
        for item in items:
            patience = max(0.0, until - self._clock.now())
            try:
                registered = Registration(
                    item.wish,
                    sources=self._sources,
                    secrets=self._secrets,
                    records=self._records,
                    report=self._report,
                    clock=self._clock,
                    owner=self._owner,
                    mark=self._mark,
                    timing=replace(self._timing, patience=patience),
                ).run()
            except CopassError as error:
                item.failed(error)
            else:
                item.made(registered) if registered.is_new else item.found(registered)
                done.add(item.name)
        return done
