"""The fields that a task declares, and in which of them a source differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source

SETTINGS = "adapter_config"
_ABSENT = "\0absent"
"""What is declared of a key that shall not be there: no value that anybody declares."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Fields that a source shall have.

    :param fields: by their names in the API; None for one that shall be empty.
    :param merge: ``adapter_config`` shall have the declared keys, whatever else is there; else these alone.
    """

    fields: dict[str, Any] = field(repr=False)
    merge: bool = True

    def differing(self, found: Source) -> dict[str, Any]:
        """Return what differs, each with what is declared; of ``adapter_config`` each key: ``adapter_config.a``.

        :param found: the source as the server shows it.
        """
        differing: dict[str, Any] = {}
        for name, wanted in self.fields.items():
            if name == SETTINGS and wanted is not None:
                differing |= self._differing_settings(found.adapter_config or {}, wanted)
                continue
            shown = getattr(found, name)
            # Whether nothing is shown as null, an empty text or an empty object is the server's to choose.
            is_same = not shown if wanted is None else shown == wanted
            if not is_same and not _is_unsaid(found, name):
                differing[name] = wanted
        return differing

    def tells_of(self, name: str) -> bool:
        """Tell whether a field, or a key of ``adapter_config`` as above, is declared to be anything."""
        if name in self.fields:
            return True
        top, _, key = name.partition(".")
        settings = self.fields.get(top)
        return top in self.fields and (not self.merge or settings is None or key in settings)

    def body(self, changes: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return what to send for some changes, and whether its ``adapter_config`` is to be merged into what is there.

        :param changes: of what differs.
        """
        body = {name: value for name, value in changes.items() if "." not in name}
        settings = {name.partition(".")[2]: value for name, value in changes.items() if "." in name}
        if settings:
            body[SETTINGS] = settings if self.merge else self.fields[SETTINGS]
        return body, bool(settings) and self.merge

    def _differing_settings(self, shown: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        if self.merge:
            return {f"{SETTINGS}.{key}": value for key, value in wanted.items() if not _covers(shown, key, value)}
        differing = {key: value for key, value in wanted.items() if key not in shown or shown[key] != value}
        differing |= {key: _ABSENT for key in shown if key not in wanted}
        return {f"{SETTINGS}.{key}": value for key, value in differing.items()}


def _covers(shown: dict[str, Any], key: str, wanted: object) -> bool:
    """Tell whether a key is there with what is declared; the server may know more inside of it."""
    if key not in shown:
        return False
    if isinstance(wanted, dict) and isinstance(shown[key], dict):
        return all(_covers(shown[key], inner, value) for inner, value in wanted.items())
    return bool(shown[key] == wanted)


def _is_unsaid(source: Source, name: str) -> bool:
    """Tell whether an answer leaves open what a field is: it is not there, or it is a word and empty."""
    return name not in source.model_fields_set or (name in {"ingestion_mode", "kind"} and not getattr(source, name))
