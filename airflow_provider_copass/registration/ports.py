"""What the protocol needs of the world. Tests put worlds here that fail wherever they are told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar, Unpack

    from pydantic import SecretStr

    from airflow_provider_copass.api import PurgeResult, Source
    from airflow_provider_copass.api.requests import SourceChanges

    K = TypeVar("K")
    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SecretOwner:
    """Which source a secret belongs to; a store that can keep such notes puts it beside the secret.

    :param data_source_id: the source's id.
    :param sandbox_id: the sandbox that it is in.
    :param provider: ``slack``, ``github`` …
    """

    data_source_id: str
    sandbox_id: str
    provider: str


class Sources(Protocol):
    """The API's calls on the sources of one sandbox; :class:`~airflow_provider_copass.hooks.CopassHook` is one."""

    def list_sources(self, provider: str | None = None, status: str | None = None) -> Any:
        """List the sources."""

    def register_source(
        self,
        *,
        provider: str,
        name: str,
        ingestion_mode: str | None = None,
        kind: str | None = None,
        external_account_id: str | None = None,
        adapter_config: dict[str, Any] | None = None,
        poll_interval_seconds: int | None = None,
    ) -> Source:
        """Register a source, with one POST."""

    def get_source(self, data_source_id: str) -> Source:
        """Read one source.

        :raises CopassNotFoundError: where there is none.
        """

    def update_source(
        self, data_source_id: str, *, merge_adapter_config: bool = False, **changes: Unpack[SourceChanges]
    ) -> Source:
        """Change the given fields."""

    def delete_source(self, data_source_id: str) -> None:
        """Remove a source."""

    def rotate_webhook_secret(self, data_source_id: str) -> Source:
        """Mint a fresh secret, with one POST."""


class PurgeableSources(Sources, Protocol):
    """The same, with what came in through a source."""

    def purge_source(self, data_source_id: str, *, delete_source: bool | None = None) -> PurgeResult:
        """Remove what came in through a source."""


class Secrets(Protocol):
    """Where secrets are kept."""

    name: str
    """What to call the store in a message, such as ``Airflow Variable``."""

    def check(self, key: str) -> None:
        """Refuse a key that this store cannot hold.

        :raises CopassInputError: naming the rule.
        """

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written, where that can be told.

        :raises CopassInputError: naming what is missing.
        """

    def read(self, key: str) -> SecretStr | None:
        """Return what the key holds; None only where it is proven to hold nothing."""

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that the secret under a key belongs to; None where that is not noted."""

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Let the key hold this secret."""


class RemovableSecrets(Secrets, Protocol):
    """Where secrets are kept, and removed from."""

    def remove(self, key: str) -> None:
        """Have a key hold nothing any more; one that holds nothing already is no error."""


class Records(Protocol):
    """Where the records of identities are kept: texts under names, seen by every process at once."""

    def read(self, key: str, /) -> str | None:
        """Return a text; None only where it is proven that there is none.

        :raises JournalError: where that cannot be told.
        """

    def write(self, key: str, value: str, /) -> None:
        """Write a text.

        :raises JournalError: where it cannot be written.
        """

    def remove(self, key: str, /) -> None:
        """Remove a text, where there is one.

        :raises JournalError: where it cannot be removed.
        """


class Clock(Protocol):
    """The time, and how to wait."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def sleep(self, seconds: float, /) -> object:
        """Wait."""


class Report(Protocol):
    """Where to say what was seen; a ``logging.Logger`` is one. Never a secret, nor a value of ``adapter_config``."""

    def info(self, msg: str, /, *args: object) -> object:
        """Say something that is as it should be."""

    def warning(self, msg: str, /, *args: object) -> object:
        """Say something that a person should know."""


class Pool(Protocol):
    """Does several things at once."""

    def each(self, jobs: Iterable[tuple[K, Callable[[], T]]]) -> Iterator[tuple[K, T]]:
        """Do jobs, and give what each came to as it ends; of the jobs only as many are asked for as can be begun.

        :param jobs: each with a word for it; none raises.
        """
