"""Writing to HashiCorp's Vault, or OpenBao, through Airflow's ``VaultBackend``."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_copass.secret_stores.writer import BackendWriter, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_copass.registration.ports import SecretOwner

    T = TypeVar("T")

_V1 = 1
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST = 250
# The field that Airflow's backend reads as the Variable's value.
_VALUE = "value"
# KV version 1 has no metadata, so the note is a field of the secret itself.
_NOTE = "copass_data_source_id"


class VaultWriter(BackendWriter):
    """Secrets of both versions of the KV engine."""

    def check(self, key: str) -> None:
        """Refuse a key that the paths or the mount point do not allow."""
        if not self._paths():
            raise Refused("variables_path in the backend's kwargs is empty, so that it is never asked for a Variable.")
        inner = key
        if not self.backend.mount_point:
            mount, slash, inner = key.partition("/")
            if not (slash and mount and inner and _KEY.fullmatch(mount)):
                raise Refused(
                    "mount_point in the backend's kwargs is None, so a key begins with the mount point: give "
                    "store_as='<mount point>/<key>', or set mount_point."
                )
        if not _KEY.fullmatch(inner) or ".." in inner or len(key) > _LONGEST:
            raise Refused(f"a key has 1 to {_LONGEST} letters, digits, '_', '-' and single '.'.")

    def check_write(self, key: str) -> None:
        """Refuse a key that the token's policy does not allow; a token that may not even ask is not refused."""
        from hvac.exceptions import Forbidden

        path = self._api_path(key)
        try:
            answer = self._call_client(key, lambda client: client.sys.get_capabilities(paths=[path]))
        except Forbidden:
            return
        rights = set((answer.get("data") or answer).get(path) or ())
        if "root" in rights:
            return
        missing = [right for right in ("create", "update", "read") if right not in rights]
        if missing:
            raise Refused(
                f"the policy of the backend's token does not allow {', '.join(missing)} on {path!r}. Allow it there, "
                "or leave secret_store at 'variable'."
            )

    def full_name(self, key: str) -> str:
        """Return the mount point and the path."""
        mount, path = self._split(self._path_of(key))
        return f"{mount}/{path}"

    def holds(self, key: str) -> bool:
        """Tell whether there is a secret, with any fields, under one of the paths."""
        return self._find_path(key) is not None

    def owner_of(self, key: str) -> str | None:
        """Read the custom metadata; with version 1 of the engine, a field of the secret."""
        path = self._find_path(key)
        if path is None:
            return None
        if self._version == _V1:
            return (self._vault.get_secret(path) or {}).get(_NOTE)
        metadata = self._read_metadata(key, path) or {}
        return (metadata.get("custom_metadata") or {}).get("data_source_id")

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Write the secret in the field that Airflow reads, over the version that was seen and no other."""
        path = self._path_of(key)
        if self._version == _V1:
            self._vault.create_or_update_secret(path, {_VALUE: value, _NOTE: owner.data_source_id})
            return
        # Check-and-set always works, and nothing else does if the mount or the secret demands it.
        self._vault.create_or_update_secret(path, {_VALUE: value}, cas=self._read_newest_version(key, path))
        self._write_note(key, path, owner)

    def remove(self, key: str) -> None:
        """Remove the secret that is read under the key, with all its versions."""
        mount, path = self._split(self._find_path(key) or self._path_of(key))
        if self._version == _V1:
            self._call_client(key, lambda client: client.secrets.kv.v1.delete_secret(path=path, mount_point=mount))
        else:
            self._call_client(
                key,
                lambda client: client.secrets.kv.v2.delete_metadata_and_all_versions(path=path, mount_point=mount),
            )

    @property
    def _vault(self) -> Any:
        return self.backend.vault_client

    @property
    def _version(self) -> int:
        return int(self._vault.kv_engine_version)

    def _paths(self) -> list[str]:
        """Return the base paths; older versions of Airflow's backend have only one."""
        paths = self.backend.variables_path
        if paths is None:
            return []
        return [paths] if isinstance(paths, str) else list(paths)

    def _all_paths(self, key: str) -> list[str]:
        """Return every path at which the backend looks for a key, in the form that its client takes."""
        mount, inner = ("", key) if self.backend.mount_point else key.split("/", 1)
        built = [inner if base == "" else self.backend.build_path(base, inner) for base in self._paths()]
        return [f"{mount}/{path}" if mount else path for path in built]

    def _path_of(self, key: str) -> str:
        """Return the first path, which is asked before all others."""
        return self._all_paths(key)[0]

    def _find_path(self, key: str) -> str | None:
        """Return the first place that holds a secret: the one that is read."""
        return next((path for path in self._all_paths(key) if self._vault.get_secret(path) is not None), None)

    def _call_client(self, key: str, ask: Callable[[Any], T]) -> T:
        """Call hvac for what the backend's own client has no method for.

        A refusal may mean that the login has expired, which the backend's client renews when it is refused itself.
        """
        from hvac.exceptions import Forbidden, VaultError

        with suppress(Forbidden):
            return ask(self._vault.client)
        # It reports a refusal that remains as a failed login, so the call is made again and tells.
        with suppress(VaultError):
            self._vault.get_secret(self._path_of(key))
        return ask(self._vault.client)

    def _split(self, path: str) -> tuple[str, str]:
        if self.backend.mount_point:
            return str(self.backend.mount_point), path
        mount, _, inner = path.partition("/")
        return mount, inner

    def _api_path(self, key: str) -> str:
        mount, path = self._split(self._path_of(key))
        return f"{mount}/{path}" if self._version == _V1 else f"{mount}/data/{path}"

    def _read_newest_version(self, key: str, path: str) -> int:
        """Return the number of the newest version, 0 if there has never been one.

        The versions of a deleted secret that can be restored still count: the refusal to read it says how many.
        """
        from hvac.exceptions import InvalidPath

        mount, inner = self._split(path)
        try:
            seen = self._call_client(
                key,
                lambda client: client.secrets.kv.v2.read_secret_version(
                    path=inner, mount_point=mount, raise_on_deleted_version=True
                ),
            )
        except InvalidPath as absent:
            seen = absent.json
        metadata = ((seen or {}).get("data") or {}).get("metadata") or {}
        return int(metadata.get("version", 0))

    def _read_metadata(self, key: str, path: str) -> dict[str, Any] | None:
        """Return the metadata of version 2; None if there is none, or the policy does not show it."""
        from hvac.exceptions import Forbidden, InvalidPath

        mount, inner = self._split(path)
        try:
            seen = self._call_client(
                key, lambda client: client.secrets.kv.v2.read_secret_metadata(path=inner, mount_point=mount)
            )
        except (Forbidden, InvalidPath):
            return None
        found: dict[str, Any] = seen["data"]
        return found

    def _write_note(self, key: str, path: str, owner: SecretOwner) -> None:
        """Add the owner to the custom metadata; a policy that forbids it is ignored."""
        from hvac.exceptions import Forbidden, InvalidRequest

        mount, inner = self._split(path)
        metadata = self._read_metadata(key, path)
        if metadata is not None:
            notes = {
                **(metadata.get("custom_metadata") or {}),
                "data_source_id": owner.data_source_id,
                "sandbox_id": owner.sandbox_id,
                "provider": owner.provider,
            }
            # Settings that are not sent do not change, but hvac would send an expiry of its own.
            expiry = metadata.get("delete_version_after", "0s")
            with suppress(Forbidden, InvalidRequest):
                self._call_client(
                    key,
                    lambda client: client.secrets.kv.v2.update_metadata(
                        path=inner, mount_point=mount, custom_metadata=notes, delete_version_after=expiry
                    ),
                )
                return
        # A write replaces all custom metadata, so if that of others cannot be read, none is written.
        self.backend.log.info("The policy does not let the owner of %s be noted in its metadata.", inner)
