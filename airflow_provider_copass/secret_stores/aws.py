"""The common part of the two stores of AWS."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.writer import BackendWriter, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_copass.registration.ports import SecretOwner

# Characters that a tag's value cannot hold.
_OUTSIDE_OF_A_TAG = re.compile(r"[^\w .:/=+@-]")
_LONGEST_TAG = 256
OWNER_TAG = "copass:data_source_id"
_DENIED = frozenset({"AccessDeniedException", "AccessDenied"})


class AwsWriter(BackendWriter):
    """A backend with a prefix, a pattern and a boto3 client."""

    def check_served(self, key: str) -> None:
        """Refuse a key that Airflow never asks the backend for."""
        super().check_served(key)
        pattern = self.backend.variables_lookup_pattern
        if pattern and not re.match(pattern, key, re.IGNORECASE):
            raise Refused(
                f"it does not match variables_lookup_pattern {pattern!r} in the backend's kwargs, so that no task "
                "would find it there. Choose a store_as that does, or widen the pattern."
            )

    @staticmethod
    def tags(owner: SecretOwner) -> list[dict[str, str]]:
        """Return the notes as tags. An id that a tag cannot hold unchanged would be another's, so it is left empty."""
        notes = {"copass:sandbox_id": owner.sandbox_id, "copass:provider": owner.provider}
        tags = {OWNER_TAG: owner.data_source_id if _as_tag(owner.data_source_id) == owner.data_source_id else ""}
        tags |= {name: _as_tag(value) for name, value in notes.items()}
        return [{"Key": name, "Value": value} for name, value in tags.items()]

    @staticmethod
    def owner_in(tags: list[dict[str, str]]) -> str | None:
        """Return the owner that tags name."""
        return next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), None) or None

    @contextmanager
    def tolerate_denied(self, key: str) -> Iterator[None]:
        """Ignore a refusal inside: tags are optional, and a role that may not tag may still write."""
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if not is_denied(error):
                raise
        else:
            return
        self.log_untagged(key)

    def log_untagged(self, key: str) -> None:
        """Log that the tags do not name the owner of a secret."""
        self.backend.log.info("The role does not let the owner of %s be noted in its tags.", self.full_name(key))

    @property
    def client(self) -> Any:
        """The backend's own client."""
        return self.backend.client


def is_denied(error: Any) -> bool:
    """Tell whether AWS refuses because a right is missing."""
    return error.response.get("Error", {}).get("Code", "") in _DENIED


def _as_tag(value: str) -> str:
    return _OUTSIDE_OF_A_TAG.sub("_", value)[:_LONGEST_TAG]
