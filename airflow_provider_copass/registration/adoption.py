"""Taking a source that is there already: what is changed in it, and where its secret is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_copass.errors import SecretMissingError, SourceChangedError, SourceExistsError
from airflow_provider_copass.registration.record import Closed
from airflow_provider_copass.registration.update import bring_up_to_date

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.keeping import Keeping
    from airflow_provider_copass.registration.ports import Report, Sources
    from airflow_provider_copass.registration.wish import Wish


@dataclass(frozen=True, slots=True)
class Adopted:
    """A source that was there.

    :param source: the source, as it is now.
    :param closed: its record.
    :param is_changed: whether it was brought up to date.
    :param mint_because: why a new secret is to be minted; empty where none is.
    """

    source: Source
    closed: Closed
    is_changed: bool = False
    mint_because: str = ""


def brought_up_to_date(
    wish: Wish, found: Source, record: Closed | None, *, sources: Sources, report: Report, is_own: bool
) -> Adopted:
    """Take a source that is there already, and change what differs where that is asked for. Reads no store.

    :param record: what is recorded of it; None where nothing is.
    :param is_own: whether this very task instance registered it.
    :raises SourceExistsError: where nothing may be there.
    :raises CopassCallError: where it could not be changed.
    """
    source_id = found.data_source_id
    if wish.if_exists == "fail" and not is_own:
        raise SourceExistsError(
            f"{wish.named} is there already, as source {source_id}. Choose another name, or if_exists='reuse' to adopt "
            "it.",
            data_source_ids=(source_id,),
        )
    report.info("%s is there already, as source %s.", wish.named, source_id)
    source, closed = bring_up_to_date(wish, found, record or Closed(source_id), sources, report)
    return Adopted(source, closed, is_changed=source is not found)


def with_secret(wish: Wish, adopted: Adopted, *, keeping: Keeping, report: Report, record_name: str) -> Adopted:
    """See where an adopted source's secret is.

    :param record_name: the record's name, for messages.
    :raises CopassRegistrationError: where it is not where it is asked for; the message tells the way out.
    """
    source_id, closed = adopted.source.data_source_id, adopted.closed
    mode = adopted.source.ingestion_mode or wish.source.ingestion_mode
    if not wish.is_realtime or mode != "realtime" or closed.none_issued:
        return adopted
    key = wish.key_for(source_id)
    if closed.key and (closed.store, closed.key) != (keeping.store, key):
        raise SourceChangedError(
            f"The webhook secret of source {source_id} is in the {closed.store} {closed.key!r}, and this task asks for "
            f"the {keeping.store} {key!r}. Ask for the same; or move the secret there by hand and delete the record "
            f"{record_name!r}.",
            data_source_ids=(source_id,),
        )
    if keeping.is_void(key, closed):
        return replace(adopted, mint_because="this very process stood still and wrote over it")
    if keeping.holds(key, source_id):
        return replace(adopted, closed=replace(closed, store=keeping.store, key=key))
    return _without_secret(wish, adopted, key, keeping=keeping, report=report)


def _without_secret(wish: Wish, adopted: Adopted, key: str, *, keeping: Keeping, report: Report) -> Adopted:
    """Decide about a source whose secret is not in the store and not ours to mint unasked."""
    source_id = adopted.source.data_source_id
    if wish.on_missing_secret == "ignore":
        report.warning("The webhook secret of source %s is not in the %s %r.", source_id, keeping.store, key)
        return adopted
    if wish.on_missing_secret == "fail":
        raise SecretMissingError(
            f"The webhook secret of source {source_id} is not in the {keeping.store} {key!r}, and Copass shows it only "
            "once. Put it there by hand where somebody has it; or set on_missing_secret='rotate' to mint a new one, "
            "which makes the old one worthless to whoever uses it; or 'ignore' to go on without.",
            data_source_ids=(source_id,),
        )
    return replace(adopted, mint_because="on_missing_secret='rotate' asks for it")
