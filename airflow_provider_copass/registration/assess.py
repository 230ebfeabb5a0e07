"""How a source that exists compares with what a task declares, for a registration and for a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_copass.registration.drift import CHANGEABLE, Declared
from airflow_provider_copass.registration.journal import entry_name

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.journal import Completed, Tombstone
    from airflow_provider_copass.registration.secret_writer import SecretWriter
    from airflow_provider_copass.registration.spec import SourceSpec


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a source that exists compares with what is declared.

    :param spec: what is declared.
    :param changes: the declared fields that differ and can be changed, with their values.
    :param fixed: the names of those that differ and cannot.
    :param secret: whether its secret is ``stored``, ``missing``, or not ``needed``.
    :param kept: what the journal is to know of the source if it is used as it is.
    :param way_out: of a secret that is missing, what to do.
    """

    spec: SourceSpec
    changes: dict[str, Any] = field(repr=False)
    fixed: tuple[str, ...]
    secret: Literal["stored", "missing", "not needed"]
    kept: Completed
    way_out: str = ""

    @property
    def differing(self) -> tuple[str, ...]:
        """The names of the fields that differ."""
        return (*self.changes, *self.fixed)

    @property
    def asks_for_update(self) -> bool:
        """Whether the source is to be changed."""
        return bool(self.changes) and self.spec.if_exists == "update"

    @property
    def asks_for_secret(self) -> bool:
        """Whether a new secret is to be minted."""
        return self.secret == "missing" and self.spec.on_missing_secret == "rotate"


def assess(
    spec: SourceSpec, writer: SecretWriter, known: Completed, source: Source, before: Completed | Tombstone | None
) -> Assessment:
    """Compare a source that exists with what is declared. Reads the store, and changes nothing.

    :param spec: what is declared.
    :param writer: the secret's key and store.
    :param known: what the journal knows of the source.
    :param before: what the journal knows of the source that was registered here before it.
    :raises SourceChangedError: if its secret is under another key.
    :raises SecretKeyTakenError: if the key holds another source's secret.
    """
    unsent = Declared(spec.source.body()).unsent(source, known)
    changes = {name: value for name, value in unsent.items() if name.partition(".")[0] in CHANGEABLE}
    fixed = tuple(name for name in unsent if name not in changes)
    mode = source.ingestion_mode or spec.source.ingestion_mode
    if not spec.is_realtime or mode != "realtime" or known.unissued_mode == mode:
        return Assessment(spec, changes, fixed, "not needed", known)
    writer.check_same_key(known)
    source_id = source.data_source_id
    key, entry = writer.key(source_id), entry_name(spec.identity)
    is_left = writer.is_left_by(before, source_id)
    if writer.holds(source_id) and not is_left:
        kept = known if known.key else replace(known, store=writer.store, key=key, location=writer.location(key))
        return Assessment(spec, changes, fixed, "stored", kept)
    way_out = "Put it there by hand if somebody has it"
    if before is not None and is_left:
        way_out = (
            f"What is there is that of source {before.source_id}, which is gone. Put the right one there by hand if "
            f"somebody has it, and delete the journal entry {entry!r}"
        )
    way_out = (
        f"The webhook secret of source {source_id} is not in the {writer.store} {key!r}, and Copass shows it only "
        f"once. Nothing was done. {way_out}; or set on_missing_secret='rotate' to mint a new one, which "
        "invalidates the old one; or 'ignore' to continue without it."
    )
    return Assessment(spec, changes, fixed, "missing", known, way_out)
