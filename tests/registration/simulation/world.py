"""What outlives every process: a Copass account, a secret store, a journal, and the time. It can be copied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from pydantic import SecretStr

from airflow_provider_copass.api import PurgeResult, Source, SourceList, answers
from airflow_provider_copass.api.models import SourceStatus
from airflow_provider_copass.errors import CopassNotFoundError, CopassValidationError

START = 1_700_000_000.0
DEAD = frozenset({"archived", "disconnected"})


@dataclass
class Row:
    """A source on the server.

    :param alive: whether it exists; a disconnected one does.
    """

    fields: dict[str, Any]
    secret: str | None
    created_at: float
    alive: bool = True

    @property
    def is_live(self) -> bool:
        """Whether it exists and is neither archived nor disconnected."""
        return self.alive and self.fields.get("status") not in DEAD


@dataclass(frozen=True)
class Late:
    """What takes effect at a later moment: a method of the world by its name, as a copy of the world has its own."""

    due: float
    method: str
    given: dict[str, Any]


@dataclass
class World:
    """What outlives every process. A deep copy of it is a world of its own.

    :param notes_owners: the store notes which source a secret belongs to.
    :param written_for: for which source each location was written last, whether the store notes that or not.
    :param removed_for: of which sources a secret was removed.
    :param names: the id of the n-th source.
    :param serves: which keys are read as secrets; of others the store can only tell that they hold something.
    :param folds: the location of a key in the store; two keys of one location are one.
    :param lag: seconds after which the store shows what was written.
    :param entries: the journal's entries.
    :param locations: the journal's notes on locations.
    :param server_ahead: seconds by which the server's clock is ahead of the world's.
    :param date: the ``Date`` header of every list, in place of an honest one; empty for none.
    :param hidden: the ids of sources that the list neither counts nor sends.
    :param rewrites: what fields become that are sent as something else.
    :param sent: every write that was sent to the server, whatever became of it.
    :param tokens: how many processes have begun.
    """

    now: float = START
    tokens: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    store: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    written_for: dict[str, str] = field(default_factory=dict)
    removed_for: set[str] = field(default_factory=set)
    notes_owners: bool = False
    names: Callable[[int], str] = "ds-{}".format
    serves: Callable[[str], bool] = lambda _: True
    folds: Callable[[str], str] = str
    lag: float = 0.0
    shown: dict[str, str] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    later: list[Late] = field(default_factory=list)
    server_ahead: float = 0.0
    date: str | None = None
    posts: int = 0
    rotations: int = 0
    sent: list[tuple[str, ...]] = field(default_factory=list)
    shadow: dict[str, str] = field(default_factory=dict)
    rewrites: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    masks: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    adds: dict[str, Any] = field(default_factory=dict)
    patches: list[dict[str, Any]] = field(default_factory=list)
    issues_secrets: bool = True
    minted: int = 0

    def live(self) -> list[str]:
        """Return the ids of the live sources."""
        return [source_id for source_id, row in self.rows.items() if row.is_live]

    def mint(self) -> str | None:
        """Make up a secret."""
        self.minted += 1
        return f"canary-{self.minted}" if self.issues_secrets else None

    def advance(self, to: float) -> None:
        """Let the clock run, and let what is late take effect."""
        for late in sorted(self.later, key=lambda late: late.due):
            if late.due <= to:
                self.now = max(self.now, late.due)
                self.later.remove(late)
                # What it is about may be gone by then.
                with suppress(CopassNotFoundError):
                    getattr(self, late.method)(**late.given)
        self.now = max(self.now, to)

    def take_effect(self, after: float, method: str, **given: Any) -> None:
        """Let a method of this world take effect later.

        :param after: in how many seconds.
        """
        self.later.append(Late(self.now + after, method, given))

    def note_sent(self, name: str, given: dict[str, Any]) -> None:
        """Note a write when it is sent to the server, whatever becomes of it.

        :param name: the method of this world that it calls.
        :param given: what that is given.
        """
        self.posts += name == "register"
        self.rotations += name == "rotate"
        if name == "register":
            self.sent.append((name, str(given["fields"]["name"])))
        else:
            self.sent.append((name, given["data_source_id"], *sorted(given.get("changes", ()))))

    # The server.

    def list_sources(self, provider: str | None = None) -> SourceList:
        """List what exists."""
        rows = [
            self.source(source_id)
            for source_id, row in self.rows.items()
            if row.alive and provider in (None, row.fields["provider"]) and source_id not in self.hidden
        ]
        honest = format_datetime(datetime.fromtimestamp(int(self.now + self.server_ahead), UTC), usegmt=True)
        date = honest if self.date is None else self.date
        # As the client reads it.
        answered_at = answers.source_list({"sources": []}, {"date": date} if date else {}).answered_at
        return SourceList(sources=rows, count=len(rows)).model_copy(update={"answered_at": answered_at})

    def source(self, data_source_id: str, secret: str | None = None) -> Source:
        """Return a source that exists.

        :param secret: the secret that is shown with it.
        """
        row = self.rows.get(data_source_id)
        if row is None or not row.alive:
            raise CopassNotFoundError("gone", status=404)
        return Source(
            data_source_id=data_source_id,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
            **{
                "status": "active",
                "external_account_id": None,
                "poll_interval_seconds": None,
                "kind": None,
                "adapter_config": None,
                **row.fields,
            },
        ).model_copy(update={"webhook_signing_secret": SecretStr(secret) if secret else None})

    def register(self, fields: dict[str, Any]) -> Source:
        """Make a source, and another at each further call."""
        _refuse_null(fields)
        source_id = self.names(len(self.rows) + 1)
        secret = self.mint() if fields.get("ingestion_mode") == "realtime" else None
        self.rows[source_id] = Row({**fields, **self.rewrites}, secret, self.now + self.server_ahead)
        return self.source(source_id, secret)

    def update(self, data_source_id: str, changes: dict[str, Any], *, merge: bool = False) -> Source:
        """Change a source."""
        self.source(data_source_id)
        self.patches.append(dict(changes))
        fields = self.rows[data_source_id].fields
        _refuse_null(changes)
        sent = dict(changes)
        settings = sent.get("adapter_config")
        if settings is not None:
            if merge:
                settings = _merged(fields.get("adapter_config") or {}, settings)
            sent["adapter_config"] = self._shown_of(settings)
        fields.update({name: self.rewrites.get(name, value) for name, value in sent.items()})
        return self.source(data_source_id)

    def _shown_of(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as the server shows them from then on."""
        shown = {k: "***" if k in self.masks else v for k, v in settings.items() if k not in self.drops}
        return {**shown, **self.adds}

    def rotate(self, data_source_id: str) -> Source:
        """Mint a fresh secret."""
        self.source(data_source_id)
        secret = self.rows[data_source_id].secret = self.mint()
        return self.source(data_source_id, secret)

    def delete(self, data_source_id: str) -> None:
        """Remove a source."""
        self.source(data_source_id)
        self.rows[data_source_id].alive = False

    def disconnect(self, data_source_id: str) -> SourceStatus:
        """Disconnect a source for good."""
        self.source(data_source_id)
        self.rows[data_source_id].fields["status"] = "disconnected"
        return SourceStatus(status="disconnected")

    def purge(self, data_source_id: str) -> PurgeResult:
        """Forget what came in through a source."""
        self.source(data_source_id)
        return PurgeResult()

    # The store.

    def show(self, location: str, value: str) -> None:
        """Show what was written a while ago."""
        self.shown[location] = value


def _refuse_null(fields: dict[str, Any]) -> None:
    """Refuse what the page does not allow: ``adapter_config`` is an object, and its neighbours alone may be null."""
    if fields.get("adapter_config", {}) is None:
        raise CopassValidationError("refused", status=422)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge deeply, as the API does."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def settle(world: World) -> None:
    """Let everything that is still in flight take effect."""
    world.advance(max([world.now, *(late.due for late in world.later)]) + 1)
