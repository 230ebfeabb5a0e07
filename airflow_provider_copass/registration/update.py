"""Holding a source against what a task declares, and changing what differs where that is asked for."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Report, Sources
    from airflow_provider_copass.registration.record import Closed
    from airflow_provider_copass.registration.wish import Wish

_SETTINGS = "adapter_config"
# The calls that can change a source know no other fields; a differing ``kind`` can only be said.
_CHANGEABLE = ("name", "ingestion_mode", "external_account_id", _SETTINGS, "poll_interval_seconds")


def bring_up_to_date(
    wish: Wish, found: Source, closed: Closed, sources: Sources, report: Report
) -> tuple[Source, Closed]:
    """Name the declared fields in which a source differs, and change them with ``if_exists="update"``.

    A value that the server does not show as it was sent (it masks or drops it) is sent once; a salted hash of it in the
    record tells later runs that it was.

    :param closed: the source's record.
    :return: the source as it is now, and its record.
    """
    differing = _differing(wish, found)
    if wish.if_exists != "update":
        if differing:
            report.warning(
                "Source %s differs from what the task declares in: %s.", found.data_source_id, ", ".join(differing)
            )
        return found, closed
    unsent = {name: value for name, value in differing.items() if not _was_sent(closed.unread.get(name), value)}
    changes = {name: value for name, value in unsent.items() if name.partition(".")[0] in _CHANGEABLE}
    if fixed := [name for name in unsent if name not in changes]:
        report.warning("Source %s differs in what cannot be changed: %s.", found.data_source_id, ", ".join(fixed))
    if not changes:
        return found, closed
    body = {name: value for name, value in changes.items() if "." not in name}
    settings = {name.partition(".")[2]: value for name, value in changes.items() if "." in name}
    if settings:
        body[_SETTINGS] = settings
    changed = sources.update_source(found.data_source_id, merge_adapter_config=bool(settings), **body)
    report.info("Changed source %s in: %s.", found.data_source_id, ", ".join(changes))
    unread = {name: _sealed(changes[name]) for name in _differing(wish, changed) if name in changes}
    if unread:
        report.warning(
            "The server does not show %s of source %s as it was sent; it is not sent again until it is declared anew.",
            ", ".join(unread),
            found.data_source_id,
        )
    kept = {name: seal for name, seal in closed.unread.items() if name in differing and name not in changes}
    return changed, replace(closed, unread={**kept, **unread})


def differing_fields(wish: Wish, found: Source) -> tuple[str, ...]:
    """Return the names of the declared fields in which a source differs; of ``adapter_config`` each declared key."""
    return tuple(_differing(wish, found))


def _differing(wish: Wish, found: Source) -> dict[str, Any]:
    """Return the declared fields that differ, each with what is declared; of ``adapter_config`` each declared key."""
    differing: dict[str, Any] = {}
    for name, wanted in wish.source.body().items():
        shown = getattr(found, name)
        if name == _SETTINGS:
            shown = shown or {}
            differing |= {f"{name}.{key}": value for key, value in wanted.items() if not _covers(shown, key, value)}
        elif shown != wanted and not _is_unsaid(found, name):
            differing[name] = wanted
    return differing


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


def _sealed(value: object) -> str:
    """Return a salted, slow hash of a value that may be a credential."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_hash(value, salt)}"


def _was_sent(seal: str | None, value: object) -> bool:
    """Tell whether a value is the one that was sent."""
    salt, separator, digest = (seal or "").partition("$")
    return bool(separator) and hmac.compare_digest(_hash(value, bytes.fromhex(salt)), digest)


def _hash(value: object, salt: bytes) -> str:
    text = json.dumps(value, sort_keys=True).encode()
    return hashlib.scrypt(text, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
