"""Holding a source against what a task declares, and changing what differs where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.registration.declared import SETTINGS, Declared
from airflow_provider_copass.registration.seals import is_sealed_by, sealed

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Report, Sources
    from airflow_provider_copass.registration.record import Closed
    from airflow_provider_copass.registration.wish import Wish

# The calls that can change a source know no other fields; a differing ``kind`` can only be said.
_CHANGEABLE = ("name", "ingestion_mode", "external_account_id", SETTINGS, "poll_interval_seconds")


def bring_up_to_date(
    wish: Wish, found: Source, closed: Closed, sources: Sources, report: Report
) -> tuple[Source, Closed]:
    """Name the declared fields in which a source differs, and change them with ``if_exists="update"``.

    A value that the server does not show as it was sent (it masks or drops it) is sent once; a salted hash of it in the
    record tells later runs that it was.

    :param closed: the source's record.
    :return: the source as it is now, and its record.
    """
    declared = Declared(wish.source.body())
    if wish.if_exists != "update":
        if differing := declared.differing(found):
            report.warning(
                "Source %s differs from what the task declares in: %s.", found.data_source_id, ", ".join(differing)
            )
        return found, closed
    unsent = unsent_of(declared, found, closed)
    changes = {name: value for name, value in unsent.items() if name.partition(".")[0] in _CHANGEABLE}
    if fixed := [name for name in unsent if name not in changes]:
        report.warning("Source %s differs in what cannot be changed: %s.", found.data_source_id, ", ".join(fixed))
    if not changes:
        return found, closed
    changed = send(declared, changes, found, sources, report)
    return changed, remember(declared, changes, (found, changed), closed, report)


def unsent_of(declared: Declared, found: Source, closed: Closed | None) -> dict[str, Any]:
    """Return what differs, without the values that were sent already and that the server does not show.

    :param closed: the source's record; None where nothing is known of it.
    """
    seals = {} if closed is None else closed.unread
    return {
        name: value for name, value in declared.differing(found).items() if not is_sealed_by(seals.get(name), value)
    }


def send(declared: Declared, changes: dict[str, Any], found: Source, sources: Sources, report: Report) -> Source:
    """Send some changes, with one PATCH, and say which; never a value.

    :param changes: of what differs.
    :return: the source as it is now.
    """
    body, merge = declared.body(changes)
    changed = sources.update_source(found.data_source_id, merge_adapter_config=merge, **body)
    report.info("Changed source %s in: %s.", found.data_source_id, ", ".join(changes))
    return changed


def remember(
    declared: Declared, changes: dict[str, Any], seen: tuple[Source, Source], closed: Closed, report: Report
) -> Closed:
    """Seal what was sent and is not shown, so that it is not sent again at every run.

    :param changes: what was sent.
    :param seen: the source before and after that.
    :param closed: the source's record.
    :return: the record, with what is known now.
    """
    found, changed = seen
    unread = {name: sealed(changes[name]) for name in declared.differing(changed) if name in changes and name != "name"}
    if unread:
        report.warning(
            "The server does not show %s of source %s as it was sent; it is not sent again until it is declared anew.",
            ", ".join(unread),
            found.data_source_id,
        )
    differing = declared.differing(found)
    # What other tasks have sent stays known.
    kept = {
        name: seal
        for name, seal in closed.unread.items()
        if name not in changes and (name in differing or not declared.tells_of(name))
    }
    return replace(closed, unread={**kept, **unread})


def differing_fields(wish: Wish, found: Source, closed: Closed | None) -> tuple[list[str], list[str]]:
    """Return the names of the declared fields in which a source differs, as far as it was not sent already.

    :param closed: the source's record; None where nothing is known of it.
    :return: those that can be changed, of ``adapter_config`` each declared key; and those that cannot.
    """
    names = list(unsent_of(Declared(wish.source.body()), found, closed))
    changeable = [name for name in names if name.partition(".")[0] in _CHANGEABLE]
    return changeable, [name for name in names if name not in changeable]
