"""What is waited for, and what one look at it tells: the same for a sensor that pokes and for a trigger.

A condition judges one look. It returns what the sensor returns if it is fulfilled, None if it is not yet, and raises
:class:`~airflow_provider_copass.errors.WaitFailedError` if it cannot be fulfilled any more. It is written into a
trigger's arguments as JSON, so it holds plain words, numbers and moments only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from airflow_provider_copass.errors import CopassAnswerError, CopassNotFoundError, WaitFailedError
from airflow_provider_copass.waiting.targets import JobId, SourceId

if TYPE_CHECKING:
    from airflow_provider_copass.api import Job, Source
    from airflow_provider_copass.errors import CopassError
    from airflow_provider_copass.waiting.targets import Target

T_co = TypeVar("T_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)

_ENDED_BADLY = frozenset({"failed", "cancelled"})


class Condition(Protocol, Generic[S_contra, T_co]):
    """What a look has to show."""

    def judge(self, seen: S_contra, answered_at: datetime | None) -> T_co | None:
        """Judge one look.

        :param seen: the source or the job, as it is now.
        :param answered_at: when the server answered, by its own clock; None if it does not tell.
        :return: what the sensor returns; None if the condition is not fulfilled yet.
        :raises WaitFailedError: if it will not be fulfilled any more.
        """


@dataclass(frozen=True, slots=True)
class SyncedSince:
    """A sync after a moment.

    :param newer_than: ISO 8601 text, with an offset from UTC.
    """

    newer_than: str

    def judge(self, seen: Source, answered_at: datetime | None) -> str | None:  # noqa: ARG002 - as of Condition
        """Return ``last_sync_at`` if it is later."""
        return _synced_after(seen, datetime.fromisoformat(self.newer_than))


@dataclass(frozen=True, slots=True)
class SyncedWithin:
    """A sync that is not older than so many seconds, by the server's clock.

    :param max_age: seconds.
    """

    max_age: float

    def judge(self, seen: Source, answered_at: datetime | None) -> str | None:
        """Return ``last_sync_at`` if it is young enough."""
        return _synced_after(seen, (answered_at or datetime.now(UTC)) - timedelta(seconds=self.max_age))


def _synced_after(source: Source, moment: datetime) -> str | None:
    if source.last_sync_at is not None and source.last_sync_at > moment:
        return source.last_sync_at.isoformat()
    if source.is_live:
        return None
    raise WaitFailedError(
        f"Source {source.data_source_id} is archived or disconnected, so it will not sync any more. Nothing was "
        "changed. Register it again, or wait for another one."
    )


@dataclass(frozen=True, slots=True)
class HasStatus:
    """A status of a source.

    :param status: the status that is waited for.
    :param fail_on: statuses with which the wait fails.
    """

    status: str
    fail_on: tuple[str, ...] = ()

    def judge(self, seen: Source, answered_at: datetime | None) -> str | None:  # noqa: ARG002 - as of Condition
        """Return the source's id if it has the status."""
        if seen.status == self.status:
            return seen.data_source_id
        # The task's own word, which the server's is equal to.
        for status in self.fail_on:
            if seen.status == status:
                raise WaitFailedError(
                    f"Source {seen.data_source_id} has status {status!r}, which is in fail_on. Nothing was changed. "
                    "Look at the source in Copass, or leave this status out of fail_on to wait on."
                )
        return None


@dataclass(frozen=True, slots=True)
class Completed:
    """The end of a job."""

    def judge(self, seen: Job, answered_at: datetime | None) -> str | None:  # noqa: ARG002 - as of Condition
        """Return the job's id if it is completed."""
        if seen.status == "completed":
            return seen.job_id
        if seen.status in _ENDED_BADLY:
            raise WaitFailedError(
                f"Job {seen.job_id} is {seen.status}. What it says of the reason may hold what was ingested, so it is "
                "not shown. Look at the job in Copass."
            )
        return None


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The first look at a source, also one that shows that no source has its name yet."""

    def judge(self, seen: Source | None, answered_at: datetime | None) -> datetime:  # noqa: ARG002 - as of Condition
        """Return the moment after which a sync is a new one: of a source that does not exist yet, every sync is."""
        return NEVER if seen is None or seen.last_sync_at is None else seen.last_sync_at


@dataclass(frozen=True, slots=True)
class SyncedAfter:
    """A sync after a moment, of a source of whatever status: one that is archived may be replaced.

    :param cursor: the moment.
    """

    cursor: datetime

    def judge(self, seen: Source, answered_at: datetime | None) -> Source | None:  # noqa: ARG002 - as of Condition
        """Return the source if it has synced later."""
        return seen if seen.last_sync_at is not None and seen.last_sync_at > self.cursor else None


NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every sync."""
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (SyncedSince, SyncedWithin, HasStatus, Completed)}


def condition_as_json(condition: Condition[Any, Any]) -> dict[str, Any]:
    """Return a condition as JSON values.

    :param condition: the condition.
    """
    fields = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(cast("Any", condition)).items()
    }
    return {"kind": type(condition).__name__, **fields}


def condition_from_json(given: dict[str, Any]) -> Any:
    """Return the condition of :func:`condition_as_json`.

    :param given: the JSON values.
    """
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return _KINDS[str(fields.pop("kind"))](**fields)


def is_worth_waiting(error: CopassError) -> bool:
    """Tell whether another look may succeed although this one failed: no answer, 429, 5xx, an answer cut short.

    :param error: how the look failed.
    """
    return not error.is_final


def check_is_about(target: SourceId | JobId, seen: Source | Job) -> None:
    """Refuse an answer about another source or job, as a cache that is set up wrongly gives it.

    :param target: what was asked for.
    :param seen: what the answer is about.
    :raises CopassAnswerError: if they differ.
    """
    if isinstance(target, JobId):
        operation, asked, answered = "get_job", target.job_id, getattr(seen, "job_id", "")
    else:
        operation, asked, answered = "get_source", target.data_source_id, getattr(seen, "data_source_id", "")
    # A server may write an id in lower case.
    if str(asked).casefold() != answered.casefold():
        raise CopassAnswerError(
            f"{operation}: the answer is about another one than {target}, so it is not used. Check that no proxy "
            "answers in place of the Copass API.",
            operation=operation,
        )


def gone(target: Target, error: CopassError) -> CopassError:
    """Return the error of a look at what is not there; any other error as it is.

    :param target: what was looked at.
    :param error: how the look failed.
    """
    if not isinstance(error, CopassNotFoundError):
        return error
    if isinstance(target, SourceId):
        return WaitFailedError(
            f"Source {target.data_source_id} does not exist (any more). Nothing was changed. Check its id and the "
            "sandbox, or register it again."
        )
    if isinstance(target, JobId):
        return WaitFailedError(
            f"Job {target.job_id} is not found. Check its id and the sandbox. No page of Copass says that the job of a "
            "pull can be looked at: wait for a pull with SourceSyncedSensor."
        )
    return error
