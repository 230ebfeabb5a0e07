"""Writing to AWS Systems Manager's Parameter Store through Airflow's ``SystemsManagerParameterStoreBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_copass.secret_stores.aws import AwsWriter, is_denied
from airflow_provider_copass.secret_stores.writer import Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_NAME = re.compile(r"(/[A-Za-z0-9_.-]+){1,15}")
_RESERVED = ("/aws", "/ssm")
_LONGEST = 1011


class ParameterStoreWriter(AwsWriter):
    """Encrypted parameters by path, with tags."""

    def check(self, key: str) -> None:
        """Refuse a key that is never asked for, or that makes no valid name."""
        self.check_served(key)
        name = self.full_name(key)
        if not _NAME.fullmatch(name) or len(name) > _LONGEST or name.lower().startswith(_RESERVED):
            raise Refused(
                f"a name has up to 15 parts of letters, digits and characters of '_.-', {_LONGEST} characters in all, "
                "and does not begin with 'aws' or 'ssm'."
            )

    def full_name(self, key: str) -> str:
        """Return the path, which begins with a slash."""
        path = str(self.backend.build_path(self.backend.variables_prefix or "", key))
        return path if path.startswith("/") else f"/{path}"

    def holds(self, key: str) -> bool:
        """Ask for the parameter."""
        try:
            self.client.get_parameter(Name=self.full_name(key), WithDecryption=True)
        except self.client.exceptions.ParameterNotFound:
            return False
        return True

    def owner_of(self, key: str) -> str | None:
        """Read the tags."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.full_name(key))
        except self.client.exceptions.InvalidResourceId:
            return None
        except ClientError as error:
            if is_denied(error):
                return None
            raise
        return self.owner_in(answer["TagList"])

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Put the parameter; an existing one needs a second call for its tags."""
        from botocore.exceptions import ClientError

        name, tags = self.full_name(key), self.tags(owner)
        try:
            self.client.put_parameter(Name=name, Value=value, Type="SecureString", Tags=tags)
        except ClientError as error:
            exists = isinstance(error, self.client.exceptions.ParameterAlreadyExists)
            if not exists and not is_denied(error):
                raise
        else:
            return
        self.client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
        with self.tolerate_denied(key):
            self.client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags)

    def remove(self, key: str) -> None:
        """Remove the parameter."""
        try:
            self.client.delete_parameter(Name=self.full_name(key))
        except self.client.exceptions.ParameterNotFound:
            return
