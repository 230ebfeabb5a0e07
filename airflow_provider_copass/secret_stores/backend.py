"""Secrets in the secrets backend that this deployment reads from: written through the very instance that a task reads.

Airflow has no way to write to a secrets backend. But the configured instance has a client that is logged in, and rules
for what is where; with both of them a secret can be put exactly where ``Variable.get(key)`` looks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.airflow_compat import DEFAULT_BACKENDS, variable_backends
from airflow_provider_copass.client_logs import suppress_client_logs
from airflow_provider_copass.errors import CopassInputError, SecretKeyTakenError, SecretStoreError
from airflow_provider_copass.secret_stores.base import SecretStore
from airflow_provider_copass.secret_stores.writer import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from airflow_provider_copass.registration.ports import SecretOwner
    from airflow_provider_copass.secret_stores.writer import BackendWriter

    T = TypeVar("T")

# By the name of Airflow's class, so that nothing of a cloud's is imported unless its backend is configured.
_WRITERS = {
    "airflow.providers.hashicorp.secrets.vault.VaultBackend": "vault.VaultWriter",
    "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend": (
        "aws_secrets_manager.SecretsManagerWriter"
    ),
    "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend": (
        "aws_parameter_store.ParameterStoreWriter"
    ),
    "airflow.providers.google.cloud.secrets.secret_manager.CloudSecretManagerBackend": (
        "google_secret_manager.SecretManagerWriter"
    ),
    "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend": "azure_key_vault.KeyVaultWriter",
}


class BackendStore(SecretStore):
    """Keeps each secret in the deployment's secrets backend; a later task reads it with ``Variable.get(key)``.

    For Airflow's backends of Vault, AWS Secrets Manager, AWS Parameter Store, Google Secret Manager and Azure Key
    Vault, and subclasses of them. The secret goes from the task straight to the backend, and never through Airflow.

    :param backend: the backend's instance; None for the one that this deployment reads its Variables from.
    """

    name = "secrets backend"

    def __init__(self, backend: Any = None) -> None:
        self._backend = backend
        self._found: BackendWriter | None = None

    def check(self, key: str) -> None:
        """Refuse a key that the backend cannot hold, and a backend that nobody can write to.

        :raises CopassInputError: naming the setting to change.
        """
        self._refuse(key, self._writer().check)

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written.

        :raises CopassInputError: naming the right that is missing, or what stands in the way.
        :raises SecretStoreError: where the backend does not answer.
        """
        self._refuse(key, self._writer().check_write)

    def _refuse(self, key: str, check: Callable[[str], None]) -> None:
        refusal = ""
        try:
            self._asked(key, check)
        except Refused as refused:
            refusal = str(refused)
        if refusal:
            raise CopassInputError(f"The secrets backend cannot take {key!r}: {refusal}", fields=("store_as",))

    def location(self, key: str) -> str:
        """Return where the backend keeps the key: its full name, as the backend compares names."""
        return self._writer().location(key)

    def read(self, key: str) -> SecretStr | None:
        """Return what a task reads from the backend under the key.

        :raises SecretKeyTakenError: where the key holds something that Airflow does not read as a Variable.
        :raises SecretStoreError: where the backend does not answer.
        """
        from pydantic import SecretStr

        writer = self._writer()
        value = self._asked(key, writer.value)
        if value is not None:
            return SecretStr(value)
        # Most backends say None of an outage too, and of what is there and cannot be read.
        what = "holds something that Airflow does not read as it is"
        try:
            if not self._asked(key, writer.holds):
                return None
        except Refused as refused:
            what = str(refused)
        raise SecretKeyTakenError(
            f"{writer.full_name(key)!r} in the secrets backend does not read as the Variable {key!r}: {what}. Mend or "
            "remove it, or choose another store_as."
        )

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that the backend's metadata names.

        :raises SecretStoreError: where the backend does not answer.
        """
        return self._asked(key, self._writer().owner_of)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write the secret and note which source it belongs to.

        :raises SecretStoreError: where the backend does not take it.
        """
        writer = self._writer()
        self._asked(key, lambda key: writer.write(key, secret.get_secret_value(), owner))

    def remove(self, key: str) -> None:
        """Remove what is under the key, where there is anything.

        :raises SecretStoreError: where the backend does not do so.
        """
        self._asked(key, self._writer().remove)

    def _asked(self, key: str, ask: Callable[[str], T]) -> T:
        """Ask the backend; what its client raises may hold the secret, so it goes no further."""
        from airflow_provider_copass.registration.failure_kind import kind_of

        writer = self._writer()
        with suppress_client_logs():
            try:
                return ask(key)
            except Refused:
                raise
            except Exception as error:  # noqa: BLE001 - any client's own exceptions
                kind = kind_of(error)
        failure = SecretStoreError(
            f"The secrets backend does not do what it was asked for {writer.full_name(key)!r} ({kind}), so nothing is "
            "concluded. The next try goes on from here."
        )
        failure.kind = kind
        raise failure

    def _writer(self) -> BackendWriter:
        """Find the configured backend, once, and how to write to it.

        :raises CopassInputError: where there is none, or none that can be written to.
        """
        if self._found is None:
            backend = self._backend or _configured()
            if backend is None:
                raise CopassInputError(
                    "secret_store='backend' needs a secrets backend, and none is configured: set [workers] "
                    "secrets_backend (Airflow 3) or [secrets] backend, or leave secret_store at 'variable'.",
                    fields=("secret_store",),
                )
            self._found = _writer_for(backend)
        return self._found


def _configured() -> Any | None:
    """Return the one backend that the deployment has beside those that every deployment has."""
    return next((each for each in variable_backends() if type(each).__name__ not in DEFAULT_BACKENDS), None)


def _writer_for(backend: Any) -> BackendWriter:
    """Return how to write to a backend, by the nearest class of its ancestry that is known."""
    for kind in type(backend).__mro__:
        known = _WRITERS.get(f"{kind.__module__}.{kind.__qualname__}")
        if known is not None:
            module, _, name = known.rpartition(".")
            writer: BackendWriter = getattr(import_module(f"{__package__}.{module}"), name)(backend)
            return writer
    raise CopassInputError(
        f"secret_store='backend': nobody can write to the configured secrets backend {type(backend).__name__}. Known "
        "are those of Vault, AWS Secrets Manager, AWS Parameter Store, Google Secret Manager and Azure Key Vault. Give "
        "a SecretStore of your own, or leave secret_store at 'variable'.",
        fields=("secret_store",),
    )
