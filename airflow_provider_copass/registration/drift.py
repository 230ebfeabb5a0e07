"""The fields that a task declares, and in which of them a source differs.

A value that the server does not show as it was sent (it masks or drops it) is sent once; a salted, slow hash of it in
the journal tells later runs that it was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.journal import Completed
    from airflow_provider_copass.registration.ports import Log

SETTINGS = "adapter_config"
# The calls that can change a source know no other fields; a differing ``kind`` can only be said.
CHANGEABLE = ("name", "ingestion_mode", "external_account_id", SETTINGS, "poll_interval_seconds")
_ABSENT = "\0absent"
"""What stands for a key that is not to be there: no value that anybody declares."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The fields that a source is to have.

    :param fields: by their names in the API; None for one that is to be empty.
    :param merge: ``adapter_config`` is to have the declared keys beside what is there; else these alone.
    """

    fields: dict[str, Any] = field(repr=False)
    merge: bool = True

    def unsent(self, found: Source, known: Completed | None) -> dict[str, Any]:
        """Return what differs and was not sent already, each with what is declared.

        :param found: the source as the server shows it.
        :param known: what the journal knows of it.
        """
        hashes = {} if known is None else known.write_only_hashes
        return {
            name: value for name, value in self.differing(found).items() if not _is_hash_of(hashes.get(name), value)
        }

    def differing(self, found: Source) -> dict[str, Any]:
        """Return what differs, each with what is declared; of ``adapter_config`` each key: ``adapter_config.a``."""
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

    def body(self, changes: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return what to send for changes, and whether its ``adapter_config`` is to be merged into what is there."""
        body = {name: value for name, value in changes.items() if "." not in name}
        settings = {name.partition(".")[2]: value for name, value in changes.items() if "." in name}
        if settings:
            body[SETTINGS] = settings if self.merge else self.fields[SETTINGS]
        return body, bool(settings) and self.merge

    def remember(self, sent: dict[str, Any], before: Source, after: Source, known: Completed, log: Log) -> Completed:
        """Keep a hash of what was sent and is not shown, so that it is not sent again in every run.

        :return: what the journal is to know of the source.
        """
        hidden = [name for name in self.differing(after) if name in sent and name != "name"]
        if hidden:
            log.warning(
                "The server does not show %s of source %s as it was sent; it is not sent again until it is declared "
                "anew.",
                ", ".join(hidden),
                before.data_source_id,
            )
        differing = self.differing(before)
        # What other tasks have sent stays known.
        kept = {
            name: known_hash
            for name, known_hash in known.write_only_hashes.items()
            if name not in sent and (name in differing or not self._declares(name))
        }
        return replace(known, write_only_hashes={**kept, **{name: _hash_of(sent[name]) for name in hidden}})

    def _declares(self, name: str) -> bool:
        """Tell whether a field, or a key of ``adapter_config``, is declared to be anything."""
        if name in self.fields:
            return True
        top, _, key = name.partition(".")
        settings = self.fields.get(top)
        return top in self.fields and (not self.merge or settings is None or key in settings)

    def _differing_settings(self, shown: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        if self.merge:
            return {f"{SETTINGS}.{key}": value for key, value in wanted.items() if not _covers(shown, key, value)}
        differing = {key: value for key, value in wanted.items() if key not in shown or not _is_same(shown[key], value)}
        differing |= {key: _ABSENT for key in shown if key not in wanted}
        return {f"{SETTINGS}.{key}": value for key, value in differing.items()}


def _covers(shown: dict[str, Any], key: str, wanted: object) -> bool:
    """Tell whether a key is there with what is declared; the server may know more inside of it."""
    if key not in shown:
        return False
    if isinstance(wanted, dict) and isinstance(shown[key], dict):
        return all(_covers(shown[key], inner, value) for inner, value in wanted.items())
    return _is_same(shown[key], wanted)


def _is_same(shown: object, wanted: object) -> bool:
    """Compare two JSON values: for Python, true is 1."""
    if isinstance(shown, bool) or isinstance(wanted, bool):
        return shown is wanted
    if isinstance(shown, dict) and isinstance(wanted, dict):
        return shown.keys() == wanted.keys() and all(_is_same(shown[key], value) for key, value in wanted.items())
    if isinstance(shown, list | tuple) and isinstance(wanted, list | tuple):
        return len(shown) == len(wanted) and all(map(_is_same, shown, wanted))
    return bool(shown == wanted)


def _is_unsaid(source: Source, name: str) -> bool:
    """Tell whether an answer leaves open what a field is: it is not there, or it is a word and empty."""
    return name not in source.model_fields_set or (name in {"ingestion_mode", "kind"} and not getattr(source, name))


def _hash_of(value: object) -> str:
    """Return a salted hash of what JSON can hold."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_digest(value, salt)}"


def _is_hash_of(known_hash: str | None, value: object) -> bool:
    salt, separator, digest = (known_hash or "").partition("$")
    try:
        return bool(separator) and hmac.compare_digest(_digest(value, bytes.fromhex(salt)), digest)
    except (ValueError, TypeError):  # edited by hand
        return False


def _digest(value: object, salt: bytes) -> str:
    text = json.dumps(value, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
