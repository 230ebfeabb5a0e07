"""What the two stores of AWS have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.backend import BackendWriter, Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

# What a tag's value may hold.
_OUTSIDE_OF_A_TAG = re.compile(r"[^\w .:/=+@-]")
OWNER_TAG = "copass:data_source_id"


class AwsWriter(BackendWriter):
    """A backend with a prefix, a pattern and a boto3 client."""

    # The bodies of requests and answers.
    loud = ("botocore", "boto3", "urllib3")

    def check_served(self, key: str) -> None:
        """Refuse a key that the backend would never be asked for."""
        self.check_prefix()
        pattern = self.backend.variables_lookup_pattern
        if pattern and not re.match(pattern, key, re.IGNORECASE):
            raise Refused(
                f"it does not match variables_lookup_pattern {pattern!r} in the backend's kwargs, so that no task "
                "would find it there. Choose a store_as that does, or widen the pattern."
            )

    @staticmethod
    def tags(owner: SecretOwner) -> list[dict[str, str]]:
        """Return the notes as tags."""
        notes = {
            OWNER_TAG: owner.data_source_id,
            "copass:sandbox_id": owner.sandbox_id,
            "copass:provider": owner.provider,
        }
        return [{"Key": name, "Value": _OUTSIDE_OF_A_TAG.sub("_", value)[:256]} for name, value in notes.items()]

    @staticmethod
    def owner_in(tags: list[dict[str, str]]) -> str | None:
        """Return the owner that tags name."""
        return next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), None)

    @property
    def client(self) -> Any:
        """The backend's own client."""
        return self.backend.client


def code_of(error: Any) -> str:
    """Return AWS's word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


DENIED = frozenset({"AccessDeniedException", "AccessDenied"})
