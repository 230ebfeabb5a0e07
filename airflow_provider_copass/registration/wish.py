"""What a registration is asked for, checked in full before anything is asked of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_copass.api.calls import check_path_part
from airflow_provider_copass.errors import CopassInputError
from airflow_provider_copass.registration.store_key import StoreKey

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.api.requests import RegisterSource

IF_EXISTS = ("reuse", "update", "fail")
ON_MISSING_SECRET = ("fail", "rotate", "ignore")
DEAD = frozenset({"archived", "disconnected"})
"""The statuses of a source that is gone for good; any other word is a live one's, the unknown ones included."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One source that shall be there, and its secret in the store.

    Its identity is ``(sandbox_id, provider, name)`` among live sources, since the API promises no unique name.

    :param sandbox_id: where.
    :param source: the source's fields.
    :param if_exists: ``reuse``, ``update`` or ``fail``.
    :param on_missing_secret: ``fail``, ``rotate`` or ``ignore``.
    :param key: the key under which the secret is stored.
    :raises CopassInputError: where one of them breaks its rule.
    """

    sandbox_id: str
    source: RegisterSource
    if_exists: str = "reuse"
    on_missing_secret: str = "fail"
    key: StoreKey = field(default_factory=StoreKey)

    def __post_init__(self) -> None:
        """Check what is no field of the source itself."""
        check_path_part("sandbox_id", self.sandbox_id)
        check_choice("if_exists", self.if_exists, IF_EXISTS)
        check_choice("on_missing_secret", self.on_missing_secret, ON_MISSING_SECRET)

    @property
    def is_realtime(self) -> bool:
        """Whether the source will have a webhook, and so a secret."""
        return self.source.ingestion_mode == "realtime"

    @property
    def named(self) -> str:
        """The source's identity, for a message."""
        return f"{self.source.provider} source {self.source.name!r}"

    def is_met_by(self, source: Source) -> bool:
        """Tell whether a source is a live one of this identity."""
        same = (source.provider, source.name) == (self.source.provider, self.source.name)
        return same and source.status not in DEAD

    def key_for(self, data_source_id: str = "") -> str:
        """Return the key of the secret.

        :param data_source_id: the source's id; may be left out where the key does not need it.
        """
        return self.key.render(
            sandbox_id=self.sandbox_id,
            provider=self.source.provider,
            name=self.source.name,
            data_source_id=data_source_id,
        )


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the known ones.

    :raises CopassInputError: naming the field and the words.
    """
    if value not in choices:
        raise CopassInputError(f"{name} must be one of {', '.join(map(repr, choices))}.", fields=(name,))
