"""Secrets in the secrets backend that this deployment reads from, written through the instance that a task reads.

Airflow cannot write to a secrets backend. But the configured instance has a client that is logged in, and rules for
names; with both, a secret can be written exactly where ``Variable.get(key)`` looks for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass._tracebacks import fresh_tracebacks
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

# By the name of Airflow's class, so that a cloud's client is imported only if its backend is configured.
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


@fresh_tracebacks
class BackendStore(SecretStore):
    """Stores each secret in the deployment's secrets backend; a later task reads it with ``Variable.get(key)``.

    For Airflow's backends of Vault, AWS Secrets Manager, AWS Parameter Store, Google Secret Manager and Azure Key
    Vault, and subclasses of them. The secret goes from the task straight to the backend, not through Airflow.

    :param backend: the backend's instance; None for the one that this deployment reads its Variables from.
    """

    name = "secrets backend"

    def __init__(self, backend: Any = None) -> None:
        self._backend = backend
        self._found: BackendWriter | None = None

    def check(self, key: str) -> None:
        """Refuse a key that the backend cannot hold, and a backend that cannot be written to.

        :raises CopassInputError: naming the setting to change.
        """
        self._refuse(key, self._find_writer().check)

    def check_write(self, key: str) -> None:
        """Refuse a key that may not be written.

        :raises CopassInputError: naming the right that is missing, or what stands in the way.
        :raises SecretStoreError: if the backend does not answer.
        """
        self._refuse(key, self._find_writer().check_write)

    def _refuse(self, key: str, check: Callable[[str], None]) -> None:
        refusal = ""
        try:
            self._call(key, check)
        except Refused as refused:
            refusal = str(refused)
        if refusal:
            raise CopassInputError(f"The secrets backend cannot take {key!r}: {refusal}", fields=("store_as",))

    def location(self, key: str) -> str:
        """Return the key's full name in the backend, in the form in which the backend compares names."""
        return self._find_writer().location(key)

    def read(self, key: str) -> SecretStr | None:
        """Return the secret that a task reads from the backend under the key.

        :raises SecretKeyTakenError: if the key holds something that does not read as a Variable.
        :raises SecretStoreError: if the backend does not answer.
        """
        from pydantic import SecretStr

        writer = self._find_writer()
        value = self._call(key, writer.value)
        if value is not None:
            return SecretStr(value)
        # Most backends return None in an outage too, and for what exists and cannot be read.
        reason = "it holds something that Airflow cannot read"
        try:
            if not self._call(key, writer.holds):
                return None
        except Refused as refused:
            reason = str(refused)
        raise SecretKeyTakenError(
            f"{writer.full_name(key)!r} in the secrets backend does not read as the Variable {key!r}: {reason}. "
            "Nothing was overwritten. Correct or remove it, or choose another store_as."
        )

    def owner_of(self, key: str) -> str | None:
        """Return the id of the source that the backend's metadata names.

        :raises SecretStoreError: if the backend does not answer.
        """
        return self._call(key, self._find_writer().owner_of)

    def write(self, key: str, secret: SecretStr, owner: SecretOwner) -> None:
        """Write the secret and note which source it belongs to.

        :raises SecretStoreError: if the backend does not take it.
        """
        writer = self._find_writer()
        self._call(key, lambda key: writer.write(key, secret.get_secret_value(), owner))

    def remove(self, key: str) -> None:
        """Remove what the key holds, if anything.

        :raises SecretStoreError: if the backend does not remove it.
        """
        self._call(key, self._find_writer().remove)

    def _call(self, key: str, act: Callable[[str], T]) -> T:
        """Call the backend. What its client raises may hold the secret, so it is replaced."""
        from airflow_provider_copass.secret_stores._failure_kind import kind_of

        writer = self._find_writer()
        with suppress_client_logs():
            try:
                return act(key)
            except Refused:
                raise
            except Exception as error:  # noqa: BLE001 - any client's own exceptions
                kind = kind_of(error)
        failure = SecretStoreError(
            f"The secrets backend failed for {writer.full_name(key)!r} ({kind}), so nothing is concluded. The next try "
            "continues from here."
        )
        failure.kind = kind
        raise failure

    def _find_writer(self) -> BackendWriter:
        """Return the writer of the configured backend; it is looked up once.

        :raises CopassInputError: if there is no backend, or it cannot be written to.
        """
        if self._found is None:
            backend = self._backend or _configured_backend()
            if backend is None:
                raise CopassInputError(
                    "secret_store='backend' needs a secrets backend, and none is configured: set [workers] "
                    "secrets_backend (Airflow 3) or [secrets] backend, or leave secret_store at 'variable'.",
                    fields=("secret_store",),
                )
            self._found = _writer_for(backend)
        return self._found


def _configured_backend() -> Any | None:
    """Return the backend that the deployment has beside Airflow's default ones."""
    return next((each for each in variable_backends() if type(each).__name__ not in DEFAULT_BACKENDS), None)


def _writer_for(backend: Any) -> BackendWriter:
    """Return the writer of a backend, by the nearest known class of its ancestry."""
    for kind in type(backend).__mro__:
        known = _WRITERS.get(f"{kind.__module__}.{kind.__qualname__}")
        if known is not None:
            module, _, name = known.rpartition(".")
            writer: BackendWriter = getattr(import_module(f"{__package__}.{module}"), name)(backend)
            return writer
    raise CopassInputError(
        f"secret_store='backend': the configured secrets backend {type(backend).__name__} cannot be written to. Known "
        "are those of Vault, AWS Secrets Manager, AWS Parameter Store, Google Secret Manager and Azure Key Vault. Give "
        "a SecretStore of your own, or leave secret_store at 'variable'.",
        fields=("secret_store",),
    )
