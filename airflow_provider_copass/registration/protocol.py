"""How a source comes to be there, with its secret in the store: look up, else check, register, store, read back."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from airflow_provider_copass.api.errors import (
    CopassAnswerError,
    SecretKeyTakenError,
    SecretMissingError,
    SecretStoreError,
    SeveralSourcesError,
    SourceExistsError,
)
from airflow_provider_copass.registration.outcome import Registered

if TYPE_CHECKING:
    from airflow_provider_copass.api import Source
    from airflow_provider_copass.registration.ports import Report, Secrets, Sources
    from airflow_provider_copass.registration.wish import Wish


def register(wish: Wish, sources: Sources, secrets: Secrets, report: Report) -> Registered:
    """Have the source of a wish be there, and its secret in the store.

    :param wish: what is asked for.
    :param sources: the API's calls on the sandbox.
    :param secrets: where the secret is kept.
    :param report: where to say what was seen.
    :raises CopassInputError: before any request, where the store cannot hold the key.
    :raises CopassRegistrationError: where it cannot go on as asked; the message tells the way out.
    :raises CopassCallError: where a call failed.
    """
    if wish.is_realtime:
        # With a stand-in for an id that is not known yet: what is wrong with the rest of the key shows all the same.
        secrets.check(wish.key_for("id"))
    found = _find(wish, sources)
    if found is not None:
        return _adopt(wish, found, sources, secrets, report)
    if wish.is_realtime and not wish.key.needs_id:
        _refuse_taken(wish.key_for(), secrets)
    made = sources.register_source(**wish.source.body())
    report.info("Registered source %s (%s %r).", made.data_source_id, wish.source.provider, wish.source.name)
    return Registered(_without_secret(made), is_new=True, stored_as=_store(wish, made, secrets, report))


def _find(wish: Wish, sources: Sources) -> Source | None:
    """Return the live source of the wish's identity; None where the list proves that there is none."""
    listed = sources.list_sources(provider=wish.source.provider)
    if not listed.is_complete:
        raise CopassAnswerError(
            f"list_sources: the server counts {listed.count} sources and sent {len(listed.sources)}; from a part of "
            "the list nothing can be concluded, so nothing was registered. Try again later.",
            operation="list_sources",
        )
    matching = [source for source in listed.sources if wish.is_met_by(source)]
    if len(matching) > 1:
        ids = tuple(source.data_source_id for source in matching)
        raise SeveralSourcesError(
            f"{len(ids)} live sources of provider {wish.source.provider!r} are named {wish.source.name!r}: "
            f"{', '.join(ids)}. Which one is meant cannot be told: disconnect, delete or rename all but one.",
            data_source_ids=ids,
        )
    return matching[0] if matching else None


def _adopt(wish: Wish, found: Source, sources: Sources, secrets: Secrets, report: Report) -> Registered:
    """Take a source that is there already, and see where its secret is."""
    source_id = found.data_source_id
    if wish.if_exists == "fail":
        raise SourceExistsError(
            f"Source {source_id} of provider {wish.source.provider!r} is named {wish.source.name!r} already. Choose "
            "another name, or if_exists='reuse' to adopt it.",
            data_source_ids=(source_id,),
        )
    report.info("Source %s (%s %r) is there already.", source_id, wish.source.provider, wish.source.name)
    if differing := wish.differing_fields(found):
        report.warning("Source %s differs from what the task declares in: %s.", source_id, ", ".join(differing))
    if found.ingestion_mode != "realtime":
        return Registered(_without_secret(found), is_new=False)
    key = wish.key_for(source_id)
    if secrets.read(key) is not None:
        return Registered(_without_secret(found), is_new=False, stored_as=key)
    if wish.on_missing_secret == "ignore":
        report.warning("The webhook secret of source %s is not in the %s %r.", source_id, secrets.name, key)
        return Registered(_without_secret(found), is_new=False)
    if wish.on_missing_secret == "fail":
        raise SecretMissingError(
            f"The webhook secret of source {source_id} is not in the {secrets.name} {key!r}, and Copass shows it only "
            "once. Put it there by hand where somebody has it; or set on_missing_secret='rotate' to mint a new one, "
            "which makes the old one worthless to whoever uses it; or 'ignore' to go on without.",
            data_source_ids=(source_id,),
        )
    report.warning("Rotating the webhook secret of source %s, as on_missing_secret='rotate' asks.", source_id)
    rotated = sources.rotate_webhook_secret(source_id)
    return Registered(_without_secret(rotated), is_new=False, stored_as=_store(wish, rotated, secrets, report))


def _refuse_taken(key: str, secrets: Secrets) -> None:
    """Refuse a key that holds something already: nobody can tell whose it is."""
    if secrets.read(key) is not None:
        raise SecretKeyTakenError(
            f"The {secrets.name} {key!r} holds a value already, which is not overwritten; nothing was registered. "
            "Remove it where it is left over from a source that is gone, or choose another store_as."
        )


def _store(wish: Wish, source: Source, secrets: Secrets, report: Report) -> str | None:
    """Write a source's secret and read it back; return its key, or None where the server issued none."""
    secret = source.webhook_signing_secret
    if secret is None:
        if wish.is_realtime:
            report.warning(
                "Copass issued no webhook secret for source %s; there is none to store.", source.data_source_id
            )
        return None
    key = wish.key_for(source.data_source_id)
    secrets.write(key, secret)
    stored = secrets.read(key)
    if stored is None or not hmac.compare_digest(
        stored.get_secret_value().encode(), secret.get_secret_value().encode()
    ):
        raise SecretStoreError(
            f"The {secrets.name} {key!r} does not give back the webhook secret that was written: a secrets backend "
            "with this key may stand before it. Remove the key there, or choose another store_as; then mint a new "
            f"secret for source {source.data_source_id} with on_missing_secret='rotate'.",
            data_source_ids=(source.data_source_id,),
        )
    report.info("The webhook secret of source %s is in the %s %r.", source.data_source_id, secrets.name, key)
    return key


def _without_secret(source: Source) -> Source:
    """Return a source that can be kept: its secret has no business beyond the store."""
    return source.model_copy(update={"webhook_signing_secret": None})
