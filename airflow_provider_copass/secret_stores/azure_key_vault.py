"""Writing to Azure's Key Vault through Airflow's ``AzureKeyVaultBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.writer import BackendWriter, Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_OWNER = "copass_data_source_id"
_LONGEST_TAG = 256
_MOST_TAGS = 15
_FORBIDDEN = 403
_WAIT_TIMEOUT = 30.0
"""Seconds: deleting and recovering go on after the answer, usually for a few seconds."""


class KeyVaultWriter(BackendWriter):
    """Secrets by name, with tags.

    In a name every ``_`` of the key is a ``-``, and case does not matter: ``a_b``, ``a-b`` and ``A_b`` are one secret.

    A deleted secret can be recovered for days, and until it is purged its name takes no write. If its tags say that it
    belonged to a source of ours, it is recovered and a new version is set; any other is left alone.
    """

    def check(self, key: str) -> None:
        """Refuse a key that is never asked for, or that makes no valid name."""
        self.check_served(key)
        if not _NAME.fullmatch(self.full_name(key)):
            raise Refused("a name has 1 to 127 letters, digits and '-'.")

    def check_write(self, key: str) -> None:
        """Refuse a name whose secret somebody else has deleted and can recover."""
        tags = self._tags_of_deleted(key)
        if tags is not None and _OWNER not in tags:
            raise Refused(
                "a secret of this name, which is not one of ours, was deleted and can still be recovered; until then "
                "the name cannot be written. Recover or purge it, or choose another store_as."
            )

    def full_name(self, key: str) -> str:
        """Return the name."""
        return str(self.backend.build_path(self.backend.variables_prefix, key, self.backend.sep))

    def location(self, key: str) -> str:
        """Return the name in lower case, since Key Vault compares names without regard to case."""
        return self.full_name(key).lower()

    def value(self, key: str) -> str | None:
        """Read the newest version; if it cannot be read, :meth:`holds` tells why."""
        from azure.core.exceptions import HttpResponseError

        try:
            return super().value(key)
        except HttpResponseError as error:
            if not _is_disabled(error):
                raise
        return None

    def holds(self, key: str) -> bool:
        """Ask for the value."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            self._client.get_secret(self.full_name(key))
        except ResourceNotFoundError:
            return False
        except HttpResponseError as error:
            if not _is_disabled(error):
                raise
        else:
            return True
        raise Refused("it is disabled. Enable it")

    def owner_of(self, key: str) -> str | None:
        """Read the tags."""
        return self._tags_of(key).get(_OWNER) or None

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Set the secret and add its tags; recover it first if it was one of ours and deleted."""
        from azure.core.exceptions import ResourceExistsError

        try:
            self._set(key, value, owner)
        except ResourceExistsError:
            if _OWNER not in (self._tags_of_deleted(key) or {}):
                raise
            self._client.begin_recover_deleted_secret(self.full_name(key)).wait(_WAIT_TIMEOUT)
            self._set(key, value, owner)

    def remove(self, key: str) -> None:
        """Delete the secret, and wait for the end of the deletion; it can be recovered until somebody purges it."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            deleting = self._client.begin_delete_secret(self.full_name(key))
        except ResourceNotFoundError:
            return
        deleting.wait(_WAIT_TIMEOUT)

    def _set(self, key: str, value: str, owner: SecretOwner) -> None:
        notes = {"copass_sandbox_id": owner.sandbox_id, "copass_provider": owner.provider}
        # A shortened id would be another source's, an empty one is no source's.
        own = owner.data_source_id if len(owner.data_source_id) <= _LONGEST_TAG else ""
        existing = self._tags_of(key)
        tags = {**existing, **{name: text[:_LONGEST_TAG] for name, text in notes.items()}, _OWNER: own}
        self._client.set_secret(self.full_name(key), value, tags=tags if len(tags) <= _MOST_TAGS else existing)

    def _tags_of(self, key: str) -> dict[str, str]:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            secret = self._client.get_secret(self.full_name(key))
        except ResourceNotFoundError:
            return {}
        except HttpResponseError as error:
            if _is_disabled(error):
                return {}
            raise
        return dict(secret.properties.tags or {})

    def _tags_of_deleted(self, key: str) -> dict[str, str] | None:
        """Return the tags of a deleted secret that can be recovered; None if there is none, or no right to ask."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            deleted = self._client.get_deleted_secret(self.full_name(key))
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            if error.status_code == _FORBIDDEN:
                return None
            raise
        return dict(deleted.properties.tags or {})

    @property
    def _client(self) -> Any:
        return self.backend.client


def _is_disabled(error: Any) -> bool:
    """Tell whether the vault refuses because the secret is disabled, and not because a right is missing."""
    inner = getattr(getattr(error, "error", None), "innererror", None) or {}
    return error.status_code == _FORBIDDEN and inner.get("code") == "SecretDisabled"
