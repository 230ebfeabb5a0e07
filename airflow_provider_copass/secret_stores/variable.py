"""Secrets in Airflow Variables, which Airflow encrypts with its Fernet key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_copass.airflow_compat import mask_secret, set_variable
from airflow_provider_copass.secret_stores.base import SecretStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner

# Airflow 3 puts the key into a URL's path as it is.
_GOOD_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST = 250


class VariableStore(SecretStore):
    """Keeps each secret in an Airflow Variable; a later task reads it with ``Variable.get(key)``."""

    name = "Airflow Variable"

    def check(self, key: str) -> None:
        """Refuse a key that no Variable can have.

        :raises CopassInputError: where it is over 250 characters, holds anything but letters, digits, ``_``, ``-`` and
            ``.``, or holds two dots in a row.
        """
        from airflow_provider_copass.errors import CopassInputError

        if not _GOOD_KEY.fullmatch(key) or ".." in key or len(key) > _LONGEST:
            raise CopassInputError(
                f"store_as must give a key of 1 to {_LONGEST} letters, digits, '_', '-' and single '.', since Airflow "
                "puts a Variable's key into a URL.",
                fields=("store_as",),
            )

    def read(self, key: str) -> SecretStr | None:
        """Return what a task of this deployment reads under the key, secrets backends first.

        :raises JournalError: where Airflow cannot read its Variables, so that nothing may be concluded.
        """
        from pydantic import SecretStr

        from airflow_provider_copass.airflow_variables import ProvenVariables

        value = ProvenVariables().read(key)
        return None if value is None else SecretStr(value)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write the Variable. The value is masked first: from then on no log of this task shows it."""
        del owner  # A task of Airflow 3 cannot read a Variable's description, so it is no place for notes.
        mask_secret(secret.get_secret_value())
        set_variable(key, secret.get_secret_value())

    def remove(self, key: str) -> None:
        """Remove the Variable, where it is there.

        :raises JournalError: where Airflow cannot remove it.
        """
        from airflow_provider_copass.airflow_variables import ProvenVariables

        ProvenVariables().remove(key)
