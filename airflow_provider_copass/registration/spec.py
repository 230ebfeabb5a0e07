"""What a task declares: one source, a reference to one, and the key of its secret; checked before any request."""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_copass.api.calls import check_path_part
from airflow_provider_copass.api.requests import read_register
from airflow_provider_copass.errors import CopassInputError

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.api.requests import RegisterSource

IF_EXISTS = ("reuse", "update", "fail")
ON_MISSING_SECRET = ("fail", "rotate", "ignore")
DEFAULT_TEMPLATE = "copass_webhook_secret_{data_source_id}"
PLACEHOLDERS = ("data_source_id", "sandbox_id", "provider", "name")
LONGEST_KEY = 250
"""The most characters that the key of an Airflow Variable holds."""

_OUTSIDE = re.compile(r"[^A-Za-z0-9-]+")
# Two in a row separate a team's name from the key in some secrets backends.
_DASHES = re.compile(r"-{2,}")


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What tells one live source from another, since the API promises no unique name.

    :param sandbox_id: the sandbox.
    :param provider: ``slack``, ``github`` …
    :param name: the source's name.
    """

    sandbox_id: str
    provider: str
    name: str

    @property
    def label(self) -> str:
        """The source, for a message."""
        return f"{self.provider} source {self.name!r}"

    def matches(self, source: Source) -> bool:
        """Tell whether a source is a live one of this identity."""
        return source.is_live and (source.provider, source.name) == (self.provider, self.name)


class StoreKey:
    """A template of a key, such as ``copass_webhook_secret_{data_source_id}``.

    In the placeholders' values every run of characters outside ``[A-Za-z0-9-]`` becomes one ``_``, so that the key is
    good in every store.

    :param template: the key, with any of ``{data_source_id}``, ``{sandbox_id}``, ``{provider}`` and ``{name}``.
    :raises CopassInputError: if it is empty, or its braces hold anything else.
    """

    def __init__(self, template: object = DEFAULT_TEMPLATE) -> None:
        try:
            parts = list(string.Formatter().parse(template)) if isinstance(template, str) else []
        except ValueError:  # a brace that is not closed
            parts = []
        plain = all(
            field in (None, *PLACEHOLDERS) and not spec and not conversion for _, field, spec, conversion in parts
        )
        if not parts or not plain:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise CopassInputError(
                f"store_as must be a key whose braces hold nothing but one of {known}. Leave it out for the default.",
                fields=("store_as",),
            )
        self.template = str(template)
        self.needs_id = any(field == "data_source_id" for _, field, _, _ in parts)

    def render(self, identity: Identity, data_source_id: str = "") -> str:
        """Return the key.

        :param data_source_id: the source's id; may be left out if :attr:`needs_id` is false.
        :raises CopassInputError: if the key is over 250 characters.
        """
        values = {name: in_key(value) for name, value in asdict(identity).items()}
        key = self.template.format(**values, data_source_id=id_in_key(data_source_id))
        if len(key) > LONGEST_KEY:
            raise CopassInputError(
                f"store_as gives a key of {len(key)} characters, and a key holds {LONGEST_KEY}. Leave {{name}} out of "
                "it, or leave store_as out for the default.",
                fields=("store_as",),
            )
        return key


def in_key(value: str) -> str:
    """Put a placeholder's value into the characters that a key may hold."""
    return _DASHES.sub("-", _OUTSIDE.sub("_", value))


def id_in_key(source_id: str) -> str:
    """Put a source's id into the characters that a key may hold; two ids never become one."""
    good = in_key(source_id)
    return good if good == source_id else f"{good}-{hashlib.sha256(source_id.encode()).hexdigest()[:12]}"


def previous_key(key: str) -> str:
    """Return the key under which the secret before the one of a key is kept."""
    return f"{key}_previous"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One source that a task declares, and where its secret goes.

    :param sandbox_id: the sandbox.
    :param source: the source's fields.
    :param if_exists: ``reuse``, ``update`` or ``fail``.
    :param on_missing_secret: ``fail``, ``rotate`` or ``ignore``.
    :param store_key: the key under which the secret is stored.
    :raises CopassInputError: if one of them breaks its rule.
    """

    sandbox_id: str
    source: RegisterSource
    if_exists: str = "reuse"
    on_missing_secret: str = "fail"
    store_key: StoreKey = field(default_factory=StoreKey)

    def __post_init__(self) -> None:
        """Check what is no field of the source itself."""
        check_path_part("sandbox_id", self.sandbox_id)
        check_choices(self.if_exists, self.on_missing_secret)

    @property
    def identity(self) -> Identity:
        """What tells the source from others."""
        return Identity(self.sandbox_id, self.source.provider, self.source.name)

    @property
    def label(self) -> str:
        """The source, for a message."""
        return self.identity.label

    @property
    def is_realtime(self) -> bool:
        """Whether the source is declared to have a webhook, and so a secret."""
        return self.source.ingestion_mode == "realtime"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A reference to a source that exists, by its id or by its provider and name.

    A number, such as a template rendered natively gives, is read as its text, as it is when a source is registered.

    :param sandbox_id: the sandbox.
    :param data_source_id: the source's id; or
    :param provider: its provider, and
    :param name: its name, for the live source of both.
    :raises CopassInputError: if it is named in neither way or in both, or by something that is no name.
    """

    sandbox_id: str
    data_source_id: str | None = None
    provider: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Check that it names a source in one way, and read it."""
        check_path_part("sandbox_id", self.sandbox_id)
        by_id, by_provider, by_name = (
            given not in (None, "") for given in (self.data_source_id, self.provider, self.name)
        )
        if by_id == by_provider or by_provider != by_name:
            raise CopassInputError(
                "A source is named either by data_source_id, or by provider and name: give one of the two.",
                fields=("data_source_id", "provider", "name"),
            )
        if by_id:
            object.__setattr__(self, "data_source_id", check_path_part("data_source_id", self.data_source_id))
            return
        read = read_register(provider=self.provider, name=self.name)
        object.__setattr__(self, "provider", read.provider)
        object.__setattr__(self, "name", read.name)

    def __str__(self) -> str:
        return f"source {self.data_source_id}" if self.identity is None else self.identity.label

    @property
    def identity(self) -> Identity | None:
        """What tells the source from others; None if it is named by its id."""
        if self.data_source_id or self.provider is None or self.name is None:
            return None
        return Identity(self.sandbox_id, self.provider, self.name)


def check_choices(if_exists: object, on_missing_secret: object) -> None:
    """Refuse a word that is none of the known ones; of a list, also when it is empty.

    :raises CopassInputError: naming the field and the words.
    """
    for name, value, choices in (
        ("if_exists", if_exists, IF_EXISTS),
        ("on_missing_secret", on_missing_secret, ON_MISSING_SECRET),
    ):
        # By type first: a blank cell of a table, and what Jinja did not find, raise if they are compared.
        if not isinstance(value, str) or value not in choices:
            raise CopassInputError(f"{name} must be one of {', '.join(map(repr, choices))}.", fields=(name,))
