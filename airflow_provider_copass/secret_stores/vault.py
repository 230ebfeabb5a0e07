"""Writing to HashiCorp's Vault, or OpenBao, through Airflow's ``VaultBackend``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_copass.secret_stores.backend import BackendWriter, Refused

if TYPE_CHECKING:
    from airflow_provider_copass.registration.ports import SecretOwner

_V1 = 1
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST = 250
# What Airflow's backend reads of a secret as the Variable's value.
_VALUE = "value"
# Of KV version 1, which keeps nothing beside a secret, in the secret itself.
_NOTE = "copass_data_source_id"


class VaultWriter(BackendWriter):
    """Secrets of both versions of the KV engine."""

    def check(self, key: str) -> None:
        """Refuse what the paths or the mount point do not allow."""
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
        """Refuse what the policy of the token does not allow; a token that may not even ask is given a try."""
        from hvac.exceptions import Forbidden

        path = self._api_path(key)
        try:
            answer = self._vault.client.sys.get_capabilities(paths=[path])
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

    def place(self, key: str) -> str:
        """Return mount point and path."""
        mount, path = self._mounted(self._path_of(key))
        return f"{mount}/{path}"

    def holds(self, key: str) -> bool:
        """Tell whether there is a secret, of whatever fields, under any of the paths."""
        return any(self._vault.get_secret(path) is not None for path in self._all_paths(key))

    def owner_of(self, key: str) -> str | None:
        """Read the custom metadata; with version 1 of the engine a field of the secret."""
        if self._version == _V1:
            fields = self._vault.get_secret(self._path_of(key)) or {}
            return fields.get(_NOTE)
        owner: str | None = self._notes(key).get("data_source_id")
        return owner

    def write(self, key: str, value: str, owner: SecretOwner) -> None:
        """Write the secret as what Airflow reads, over the version that was seen and no other."""
        path = self._path_of(key)
        if self._version == _V1:
            self._vault.create_or_update_secret(path, {_VALUE: value, _NOTE: owner.data_source_id})
            return
        seen = self._vault.get_secret_including_metadata(path)
        # Check-and-set is always good, and where the mount or the secret demands it nothing else is.
        # A secret that was deleted, and can be brought back, goes on counting.
        version = seen["data"]["metadata"]["version"] if seen else self._metadata(path).get("current_version", 0)
        self._vault.create_or_update_secret(path, {_VALUE: value}, cas=version)
        self._note(key, owner)

    def remove(self, key: str) -> None:
        """Remove the secret, with all its versions."""
        mount, path = self._mounted(self._path_of(key))
        engine = self._vault.client.secrets.kv
        if self._version == _V1:
            engine.v1.delete_secret(path=path, mount_point=mount)
        else:
            engine.v2.delete_metadata_and_all_versions(path=path, mount_point=mount)

    @property
    def _vault(self) -> Any:
        return self.backend.vault_client

    @property
    def _version(self) -> int:
        return int(self._vault.kv_engine_version)

    def _paths(self) -> list[str]:
        """Return the base paths; older versions of Airflow's backend have but one."""
        paths = self.backend.variables_path
        if paths is None:
            return []
        return [paths] if isinstance(paths, str) else list(paths)

    def _all_paths(self, key: str) -> list[str]:
        """Return every place that the backend looks at for a key, as its client takes it."""
        mount, inner = ("", key) if self.backend.mount_point else key.split("/", 1)
        built = [inner if base == "" else self.backend.build_path(base, inner) for base in self._paths()]
        return [f"{mount}/{path}" if mount else path for path in built]

    def _path_of(self, key: str) -> str:
        """Return the first place, which is asked before all others."""
        return self._all_paths(key)[0]

    def _mounted(self, path: str) -> tuple[str, str]:
        if self.backend.mount_point:
            return str(self.backend.mount_point), path
        mount, _, inner = path.partition("/")
        return mount, inner

    def _api_path(self, key: str) -> str:
        mount, path = self._mounted(self._path_of(key))
        return f"{mount}/{path}" if self._version == _V1 else f"{mount}/data/{path}"

    def _metadata(self, path: str) -> dict[str, Any]:
        """Return what version 2 keeps beside a secret; nothing where there is none, or the policy does not show it."""
        from hvac.exceptions import Forbidden, InvalidPath

        mount, inner = self._mounted(path)
        try:
            # Not by the backend's own client, which takes a refusal for a login that has run out.
            seen = self._vault.client.secrets.kv.v2.read_secret_metadata(path=inner, mount_point=mount)
        except (Forbidden, InvalidPath):
            return {}
        found: dict[str, Any] = seen["data"]
        return found

    def _notes(self, key: str) -> dict[str, Any]:
        return self._metadata(self._path_of(key)).get("custom_metadata") or {}

    def _note(self, key: str, owner: SecretOwner) -> None:
        """Note whose the secret is, beside what others have noted; a policy that forbids it is no reason to fail."""
        from hvac.exceptions import Forbidden, InvalidRequest

        mount, path = self._mounted(self._path_of(key))
        notes = {
            **self._notes(key),
            "data_source_id": owner.data_source_id,
            "sandbox_id": owner.sandbox_id,
            "provider": owner.provider,
        }
        try:
            self._vault.client.secrets.kv.v2.update_metadata(path=path, mount_point=mount, custom_metadata=notes)
        except (Forbidden, InvalidRequest):
            self.backend.log.info("The policy does not let the owner of %s be noted in its metadata.", path)
