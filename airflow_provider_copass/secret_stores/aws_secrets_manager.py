"""Writing to AWS Secrets Manager through Airflow's ``SecretsManagerBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.aws import AwsWriter, is_denied
from airflow_provider_copass.secret_stores.writer import Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_SCHEDULED = "a secret of this name is scheduled for deletion, and until then the name cannot be written or read"


class SecretsManagerWriter(AwsWriter):
    """Secrets by name, with tags."""

    def check(self, key: str) -> None:
        """Refuse a key that is never asked for, or that makes no valid name."""
        self.check_served(key)
        if not _NAME.fullmatch(self.full_name(key)):
            raise Refused("a name has 1 to 512 letters, digits and characters of '/_+=.@-'.")

    def check_write(self, key: str) -> None:
        """Refuse a secret that is scheduled for deletion."""
        if (self._describe(key) or {}).get("DeletedDate"):
            raise Refused(f"{_SCHEDULED}. Restore it, delete it at once, or choose another store_as.")

    def full_name(self, key: str) -> str:
        """Return the name."""
        prefix = self.backend.variables_prefix
        return str(self.backend.build_path(prefix, key, self.backend.sep)) if prefix else key

    def holds(self, key: str) -> bool:
        """Ask for the value."""
        try:
            self.client.get_secret_value(SecretId=self.full_name(key))
        except self.client.exceptions.ResourceNotFoundException:
            return False
        except self.client.exceptions.InvalidRequestException as error:
            # "marked for deletion", or "currently marked deleted"; other causes are raised.
            if "delet" not in str(error):
                raise
        else:
            return True
        raise Refused(f"{_SCHEDULED}. Restore it or delete it at once")

    def owner_of(self, key: str) -> str | None:
        """Read the tags."""
        described = self._describe(key) or {}
        return None if described.get("DeletedDate") else self.owner_in(described.get("Tags", []))

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Put a new version, or create the secret. A role may be allowed only the first."""
        name, tags = self.full_name(key), self.tags(owner)
        try:
            self.client.put_secret_value(SecretId=name, SecretString=value)
        except self.client.exceptions.ResourceNotFoundException:
            self._create(key, value, tags)
        else:
            with self.tolerate_denied(key):
                self.client.tag_resource(SecretId=name, Tags=tags)

    def _create(self, key: str, value: str, tags: list[dict[str, str]]) -> None:
        from botocore.exceptions import ClientError

        name = self.full_name(key)
        try:
            self.client.create_secret(Name=name, SecretString=value, Tags=tags)
        except ClientError as error:
            if not is_denied(error):
                raise
        else:
            return
        # A role that may not tag may not create a secret with tags either.
        self.client.create_secret(Name=name, SecretString=value)
        self.log_untagged(key)

    def remove(self, key: str) -> None:
        """Remove at once: until a scheduled deletion is done, the name cannot be written."""
        try:
            self.client.delete_secret(SecretId=self.full_name(key), ForceDeleteWithoutRecovery=True)
        except self.client.exceptions.ResourceNotFoundException:
            return

    def _describe(self, key: str) -> dict[str, Any] | None:
        """Return the description of a secret; None if there is none, or the role may not ask."""
        from botocore.exceptions import ClientError

        try:
            described: dict[str, Any] = self.client.describe_secret(SecretId=self.full_name(key))
        except self.client.exceptions.ResourceNotFoundException:
            return None
        except ClientError as error:
            if is_denied(error):
                return None
            raise
        return described
