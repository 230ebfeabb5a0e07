"""Writing to AWS Secrets Manager through Airflow's ``SecretsManagerBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.aws import AwsWriter, is_denied
from airflow_provider_copass.secret_stores.writer import Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_WAITS = "a secret of this name is scheduled for deletion, and until then the name cannot be written or read"


class SecretsManagerWriter(AwsWriter):
    """Secrets by name, with tags."""

    def check(self, key: str) -> None:
        """Refuse what is never asked for, and what is no name."""
        self.check_served(key)
        if not _NAME.fullmatch(self.full_name(key)):
            raise Refused("a name has 1 to 512 letters, digits and characters of '/_+=.@-'.")

    def check_write(self, key: str) -> None:
        """Refuse what is waiting for its deletion."""
        if (self._described(key) or {}).get("DeletedDate"):
            raise Refused(f"{_WAITS}. Restore it, delete it at once, or choose another store_as.")

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
            # "marked for deletion", or "currently marked deleted"; the other causes have nothing to do with it.
            if "delet" not in str(error):
                raise
        else:
            return True
        raise Refused(f"{_WAITS}. Restore it or delete it at once")

    def owner_of(self, key: str) -> str | None:
        """Read the tags."""
        described = self._described(key) or {}
        return None if described.get("DeletedDate") else self.owner_in(described.get("Tags", []))

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Put a new version, or create the secret: what others have made may be all that the role may write."""
        name, tags = self.full_name(key), self.tags(owner)
        try:
            self.client.put_secret_value(SecretId=name, SecretString=value)
        except self.client.exceptions.ResourceNotFoundException:
            self._create(key, value, tags)
        else:
            with self.unless_denied(key):
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
        # A role that may not tag may not create with tags either.
        self.client.create_secret(Name=name, SecretString=value)
        self.say_untagged(key)

    def remove(self, key: str) -> None:
        """Remove at once: a secret that waits for its deletion would keep the name from being written."""
        try:
            self.client.delete_secret(SecretId=self.full_name(key), ForceDeleteWithoutRecovery=True)
        except self.client.exceptions.ResourceNotFoundException:
            return

    def _described(self, key: str) -> dict[str, Any] | None:
        """Return what is known of a secret; None where there is none, or one may not ask."""
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
