"""Writing to Azure's Key Vault through Airflow's ``AzureKeyVaultBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.backend import BackendWriter, Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_OWNER = "copass_data_source_id"
_FORBIDDEN = 403


class KeyVaultWriter(BackendWriter):
    """Secrets by name, with tags. In a name every ``_`` of the key is a ``-``, so ``a_b`` and ``a-b`` are the same."""

    # Bodies, where the client was told to log them.
    loud = ("azure",)

    def check(self, key: str) -> None:
        """Refuse what is never asked for, and what is no name."""
        self.check_prefix()
        if not _NAME.fullmatch(self.place(key)):
            raise Refused("a name has 1 to 127 letters, digits and '-'.")

    def check_write(self, key: str) -> None:
        """Refuse what was deleted and can be brought back."""
        if self._is_recoverable(key):
            raise Refused(
                "a secret of this name was deleted and can still be recovered, and until then the name cannot be "
                "written. Recover or purge it, or choose another store_as."
            )

    def place(self, key: str) -> str:
        """Return the name."""
        return str(self.backend.build_path(self.backend.variables_prefix, key, self.backend.sep))

    def holds(self, key: str) -> bool:
        """Ask for the value."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self._client.get_secret(self.place(key))
        except ResourceNotFoundError:
            return False
        return True

    def owner_of(self, key: str) -> str | None:
        """Read the tags."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            secret = self._client.get_secret(self.place(key))
        except ResourceNotFoundError:
            return None
        owner: str | None = (secret.properties.tags or {}).get(_OWNER)
        return owner

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Set the secret, with its tags."""
        notes = {
            _OWNER: owner.data_source_id,
            "copass_sandbox_id": owner.sandbox_id,
            "copass_provider": owner.provider,
        }
        self._client.set_secret(self.place(key), value, tags={name: text[:256] for name, text in notes.items()})

    def remove(self, key: str) -> None:
        """Begin to delete the secret."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self._client.begin_delete_secret(self.place(key))
        except ResourceNotFoundError:
            return

    def _is_recoverable(self, key: str) -> bool:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            self._client.get_deleted_secret(self.place(key))
        except ResourceNotFoundError:
            return False
        except HttpResponseError as error:
            if error.status_code == _FORBIDDEN:
                return False
            raise
        return True

    @property
    def _client(self) -> Any:
        return self.backend.client
