"""Writing to Google's Secret Manager through Airflow's ``CloudSecretManagerBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.writer import BackendWriter, Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_OWNER = "copass_data_source_id"


class SecretManagerWriter(BackendWriter):
    """Secrets by id, with annotations."""

    def check(self, key: str) -> None:
        """Refuse a key that is never asked for, or that makes no valid id."""
        self.check_served(key)
        if not _NAME.fullmatch(self._id(key)):
            raise Refused("a secret's id has 1 to 255 letters, digits, '_' and '-'.")

    def full_name(self, key: str) -> str:
        """Return the name of the resource."""
        return f"{self._project}/secrets/{self._id(key)}"

    def value(self, key: str) -> str | None:
        """Read the latest version; if it cannot be read, :meth:`holds` tells why."""
        from google.api_core.exceptions import FailedPrecondition

        try:
            return super().value(key)
        except FailedPrecondition:
            return None

    def holds(self, key: str) -> bool:
        """Ask for the latest version; a destroyed one does not count."""
        from google.api_core.exceptions import FailedPrecondition, NotFound

        try:
            self._client.access_secret_version(request={"name": f"{self.full_name(key)}/versions/latest"})
        except NotFound:
            return False
        except FailedPrecondition as error:
            if "DESTROYED" in str(error):
                return False
        else:
            return True
        raise Refused("its latest version is disabled. Enable it, or add a version")

    def owner_of(self, key: str) -> str | None:
        """Read the annotations."""
        from google.api_core.exceptions import NotFound, PermissionDenied

        try:
            secret = self._client.get_secret(request={"name": self.full_name(key)})
        except (NotFound, PermissionDenied):
            return None
        owner: str | None = secret.annotations.get(_OWNER)
        return owner if owner is not None and self._exists(key) else None

    def _exists(self, key: str) -> bool:
        try:
            return self.holds(key)
        except Refused:
            return True

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Add a version; create the secret only if it does not exist, since that right may be missing."""
        from google.api_core.exceptions import NotFound

        notes = {
            _OWNER: owner.data_source_id,
            "copass_sandbox_id": owner.sandbox_id,
            "copass_provider": owner.provider,
        }
        client = self._client
        version = {"parent": self.full_name(key), "payload": {"data": value.encode()}}
        try:
            client.add_secret_version(request=version)
        except NotFound:
            secret = {"replication": {"automatic": {}}, "annotations": notes}
            client.create_secret(request={"parent": self._project, "secret_id": self._id(key), "secret": secret})
            client.add_secret_version(request=version)
        else:
            self._annotate(client, key, notes)

    def _annotate(self, client: Any, key: str, notes: dict[str, str]) -> None:
        """Add the owner to the annotations of an existing secret."""
        from google.api_core.exceptions import PermissionDenied

        name = self.full_name(key)
        try:
            existing = dict(client.get_secret(request={"name": name}).annotations)
            client.update_secret(
                request={
                    "secret": {"name": name, "annotations": {**existing, **notes}},
                    "update_mask": {"paths": ["annotations"]},
                }
            )
        except PermissionDenied:
            self.backend.log.info("The role does not let the owner of %s be noted in its annotations.", name)

    def remove(self, key: str) -> None:
        """Remove the secret, with all its versions."""
        from google.api_core.exceptions import NotFound

        try:
            self._client.delete_secret(request={"name": self.full_name(key)})
        except NotFound:
            return

    def _id(self, key: str) -> str:
        return str(self.backend.build_path(self.backend.variables_prefix, key, self.backend.sep))

    @property
    def _project(self) -> str:
        return f"projects/{self.backend.project_id}"

    @property
    def _client(self) -> Any:
        """Google's own client; Airflow's property makes a new one at each access."""
        return self.backend.client.client
