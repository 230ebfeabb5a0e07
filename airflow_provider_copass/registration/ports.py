"""What the protocol needs of the world. Tests put worlds here that fail wherever they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from airflow_provider_copass.api.calls import Call
    from airflow_provider_copass.registration.journal import Owner

T = TypeVar("T")

Guard = Callable[[], None]
"""Called right before each attempt of a write is sent. If it raises, nothing is sent: the caller gets what it raised,
or the failure of the attempt before it."""


@dataclass(frozen=True, slots=True)
class SecretOwner:
    """The source that a secret belongs to; a store that can keep such notes puts it beside the secret.

    :param data_source_id: the source's id.
    :param sandbox_id: the sandbox that it is in.
    :param provider: ``slack``, ``github`` …
    """

    data_source_id: str
    sandbox_id: str
    provider: str


class Client(Protocol):
    """Sends the API's calls: :class:`~airflow_provider_copass.api.CopassClient`. Called from several threads."""

    def send(self, call: Call[T], *, before_attempt: Guard | None = None) -> T:
        """Send a call and return its answer.

        :raises CopassCallError: if it fails.
        """


class Secrets(Protocol):
    """A secret store. Called from one thread alone."""

    name: str
    """What to call the store in a message and in the journal, such as ``Airflow Variable``."""

    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold.

        :raises CopassInputError: naming the rule.
        """

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written, if that can be told.

        :raises CopassInputError: naming what is missing.
        """

    def location(self, key: str) -> str:
        """Return where a key lives: two keys of one location share one secret."""

    def read(self, key: str) -> SecretStr | None:
        """Return what the key holds; None only if it is proven to hold nothing."""

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that the key's secret belongs to; None if that is not noted."""

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Let the key hold this secret."""

    def remove(self, key: str) -> None:
        """Let the key hold nothing; a key that holds nothing already is no error."""


class Journal(Protocol):
    """Texts under names, seen by every process at once. Called from one thread alone."""

    def read(self, names: Sequence[str], /) -> Mapping[str, str | None]:
        """Return the texts; None only if it is proven that there is none.

        :raises JournalError: if that cannot be told.
        """

    def write(self, name: str, text: str, /, *, within: float = ...) -> None:
        """Write a text.

        :param within: seconds; no try to write it is begun later.
        :raises JournalError: if it cannot be written.
        """

    def remove(self, name: str, /) -> None:
        """Remove a text, if there is one.

        :raises JournalError: if it cannot be removed.
        """


class Clock(Protocol):
    """The time, and how to wait. All in seconds."""

    def now(self) -> float:
        """Return the time since the epoch, by this host's clock."""

    def monotonic(self) -> float:
        """Return the time of a clock that is never set."""

    def sleep(self, seconds: float, /) -> object:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by both clocks: a host's clock may be set, and a monotonic one may stop while a host sleeps."""

    wall: float
    monotonic: float

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """Return the present one."""
        return cls(clock.now(), clock.monotonic())

    def age(self, clock: Clock) -> float:
        """Return how many seconds ago it was, by the clock that says more."""
        return max(clock.now() - self.wall, clock.monotonic() - self.monotonic)


class Log(Protocol):
    """Where to say what was seen; a ``logging.Logger`` is one. Never a secret, nor a value of ``adapter_config``."""

    def info(self, msg: str, /, *args: object) -> object:
        """Say something that is as it should be."""

    def warning(self, msg: str, /, *args: object) -> object:
        """Say something that a person should know."""


class Pool(Protocol):
    """Runs several calls at once.

    :ivar width: how many.
    """

    width: int

    def submit(self, job: Callable[[], Any]) -> object:
        """Start a job and return its ticket. The caller has at most ``width`` of them running."""

    def wait(self) -> tuple[object, Any, BaseException | None]:
        """Wait until one job has ended: its ticket, what it returned, and what it raised."""


class Inline:
    """A pool of width 1, without a thread: a job runs when it is submitted."""

    width = 1

    def __init__(self) -> None:
        self._ended: list[tuple[object, Any, BaseException | None]] = []

    def submit(self, job: Callable[[], Any]) -> object:
        """Run the job."""
        ticket = object()
        try:
            self._ended.append((ticket, job(), None))
        except Exception as error:  # noqa: BLE001 - raised again at the caller's
            self._ended.append((ticket, None, error))
        return ticket

    def wait(self) -> tuple[object, Any, BaseException | None]:
        """Return what the job ended with."""
        return self._ended.pop(0)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the protocol waits for what. All in seconds.

    :param settle_timeout: a write takes effect within this time of being sent, or never.
    :param lease_pause: longer than one write of the journal takes.
    :param wait_timeout: how long an entry that another task holds is waited for, before Airflow's retry takes over.
    :param takeover_after: how old the lease of another task must be before that task counts as dead; longer than any
        time between two writes of one entry.
    :param poll_interval: the pause between two looks.
    """

    settle_timeout: float = 30.0
    lease_pause: float = 2.0
    wait_timeout: float = 20.0
    takeover_after: float = 480.0
    poll_interval: float = 1.0


@dataclass(frozen=True)
class Runtime:
    """What one try of a task works with, the same for all that it does.

    :param client: sends the API's calls.
    :param sandbox_id: the sandbox of all that it does.
    :param secrets: the secret store; None if no secret is stored or removed.
    :param journal: where entries are kept.
    :param log: where to say what was seen.
    :param clock: the time, and how to wait.
    :param owner: the task instance and its try.
    :param token: a random word of this process; no other process has the same.
    :param timing: how long to wait for what.
    :param pool: runs several calls at once.
    :param mask: keeps a secret that was just answered out of every log; called from the main thread.
    :param on_duplicates: told how many live sources have the identity of a source that is used, beside it, if any has.
    :param setups: ids of the tasks whose leases this task may take over at once, in the same run: a teardown's setups.
    """

    client: Client
    sandbox_id: str
    secrets: Secrets | None
    journal: Journal
    log: Log
    clock: Clock
    owner: Owner
    token: str = field(repr=False)
    timing: Timing = field(default_factory=Timing)
    pool: Pool = field(default_factory=Inline)
    mask: Callable[[SecretStr], None] = lambda _: None
    on_duplicates: Callable[[int], None] = lambda _: None
    setups: frozenset[str] = frozenset()
