"""Secrets in Airflow Variables, which Airflow encrypts with its Fernet key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_copass._tracebacks import fresh_tracebacks
from airflow_provider_copass.airflow_variables import AirflowVariables
from airflow_provider_copass.errors import CopassInputError, JournalError, SecretStoreError
from airflow_provider_copass.secret_stores.base import SecretStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner

# Airflow 3 puts the key into a URL's path as it is.
_GOOD_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST = 250


@fresh_tracebacks
class VariableStore(SecretStore):
    """Stores each secret in an Airflow Variable; a later task reads it with ``Variable.get(key)``.

    :param variables: reads and writes the Variables; None for those of this deployment.
    """

    name = "Airflow Variable"

    def __init__(self, variables: AirflowVariables | None = None) -> None:
        self._variables = variables or AirflowVariables()

    def check(self, key: str) -> None:
        """Refuse a key that no Variable can have.

        :raises CopassInputError: if it is over 250 characters, holds anything but letters, digits, ``_``, ``-`` and
            ``.``, or holds two dots in a row.
        """
        if not _GOOD_KEY.fullmatch(key) or ".." in key or len(key) > _LONGEST:
            raise CopassInputError(
                f"store_as must give a key of 1 to {_LONGEST} letters, digits, '_', '-' and single '.', since Airflow "
                "puts a Variable's key into a URL.",
                fields=("store_as",),
            )

    def location(self, key: str) -> str:
        """Return the key in lower case: a metadata database on MySQL compares keys without regard to case."""
        return key.lower()

    def read(self, key: str) -> SecretStr | None:
        """Return what a task of this deployment reads under the key, secrets backends first.

        :raises JournalError: if Airflow cannot read its Variables, so that nothing can be concluded.
        """
        from pydantic import SecretStr

        value = self._variables.read([key])[key]
        return None if value is None else SecretStr(value)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write the Variable.

        :raises SecretStoreError: if Airflow cannot write it.
        """
        del owner  # A task of Airflow 3 cannot read a Variable's description, so it is no place for notes.
        try:
            self._variables.write(key, secret.get_secret_value())
        except JournalError as error:
            failure = SecretStoreError(str(error))
            failure.kind = error.kind
        else:
            return
        raise failure

    def remove(self, key: str) -> None:
        """Remove the Variable. If it does not exist, nothing happens.

        :raises JournalError: if Airflow cannot remove it.
        """
        self._variables.remove(key)
