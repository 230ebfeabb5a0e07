"""A DAG on a real Airflow keeps its secret in the secrets backend, and a later task of the same run reads it there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hvac", reason="the secrets backends have an environment of their own: make test-backends")

import boto3

from airflow_provider_copass.emulator import Emulator
from tests.backends import servers
from tests.harness import leak_search
from tests.harness.airflow_home import AIRFLOW_3, AirflowHome
from tests.harness.dag_runs import FinishedRun, run_dag
from tests.harness.processes import CHECKOUT

pytestmark = pytest.mark.airflow

FILE = CHECKOUT / "tests" / "backends" / "dags" / "backend_store.py"
VAULT = "airflow.providers.hashicorp.secrets.vault.VaultBackend"
SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
PARAMETER_STORE = "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend"


@dataclass
class Ran:
    """Two runs, and where they ran."""

    home: AirflowHome
    runs: list[FinishedRun]

    def xcom(self, run: int, task: str, key: str = "return_value") -> Any:
        """Return an XCom of one of the runs."""
        return self.home.xcoms("backend_store", self.runs[run].run_id, task)[-1][key]


def play(
    emulator: Emulator,
    migrated: AirflowHome,
    folder: Path,
    backend: str,
    *,
    section: str = "SECRETS__BACKEND",
    more: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Ran:
    """Run the DAG twice in a home with this secrets backend."""
    connection = {
        "conn_type": "copass",
        "host": emulator.url,
        "password": emulator.token,
        "extra": {"sandbox_id": "sb_demo"},
    }
    home = AirflowHome(
        folder / "home",
        connections={"copass_default": connection},
        settings={section: backend, f"{section}_KWARGS": json.dumps(kwargs), **(more or {})},
    )
    home.copy_database(migrated)
    shutil.copy(FILE, home.dags)
    return Ran(home, run_dag(home, home.dags / FILE.name, "backend_store", times=2))


def check_kept(ran: Ran, emulator: Emulator) -> str:
    """Check that both runs read the valid secret, that it was minted once, and that Airflow itself does not hold it.

    :return: its key.
    """
    assert [run.state for run in ran.runs] == ["success", "success"]
    [source] = emulator.sources()
    for run in (0, 1):
        assert emulator.verify_secret(source["data_source_id"], sha256=ran.xcom(run, "read"))
    operations = [request["operation"] for request in emulator.requests()]
    assert (operations.count("register"), operations.count("rotate")) == (1, 0)
    key: str = ran.xcom(0, "register", "stored_as")
    assert key not in ran.home.variable_keys()
    return key


@pytest.mark.parametrize("version", [1, 2])
def test_a_later_task_reads_the_secret_from_the_vault(
    emulator: Emulator, migrated: AirflowHome, vault: servers.Vault, tmp_path: Path, version: int
) -> None:
    """Nothing is configured beyond what the deployment has for reading; the second run finds it and mints nothing.

    On Airflow 3 also where it is configured for workers alone.
    """
    mount = vault.mount(version)
    token = vault.token(f'path "{mount}/*" {{ capabilities = ["create", "update", "read"] }}')
    options = {"url": vault.url, "token": token, "mount_point": mount, "kv_engine_version": version}
    section = "WORKERS__SECRETS_BACKEND" if AIRFLOW_3 and version == 2 else "SECRETS__BACKEND"
    ran = play(emulator, migrated, tmp_path, VAULT, section=section, **options)
    key = check_kept(ran, emulator)
    path = f"{mount}/data/variables/{key}" if version == 2 else f"{mount}/variables/{key}"
    found = vault.ask("GET", path)["data"]
    secret = (found["data"] if version == 2 else found)["value"]
    assert leak_search.search([ran.home.path], {"the secret": secret, "the token": emulator.token}).leaks == []


@pytest.mark.parametrize("backend", [SECRETS_MANAGER, PARAMETER_STORE])
@pytest.mark.usefixtures("aws")
def test_a_later_task_reads_the_secret_from_aws(
    emulator: Emulator, migrated: AirflowHome, tmp_path: Path, backend: str
) -> None:
    """Both of AWS's stores."""
    check_kept(play(emulator, migrated, tmp_path, backend), emulator)


def test_a_vault_that_may_only_be_read_is_refused_before_anything_is_made(
    emulator: Emulator, migrated: AirflowHome, vault: servers.Vault, tmp_path: Path
) -> None:
    """The task fails, and no source was registered."""
    mount = vault.mount(2)
    token = vault.token(f'path "{mount}/*" {{ capabilities = ["read", "list"] }}')
    ran = play(emulator, migrated, tmp_path, VAULT, url=vault.url, token=token, mount_point=mount)
    assert [run.tasks["register"] for run in ran.runs] == ["failed", "failed"]
    assert emulator.sources() == []
    assert emulator.requests("register") == []


@pytest.mark.usefixtures("aws")
def test_a_name_that_waits_for_its_deletion_is_refused_before_anything_is_made(
    emulator: Emulator, migrated: AirflowHome, tmp_path: Path
) -> None:
    """The task fails in its first try, saying what to do, and no source was registered."""
    client = boto3.client("secretsmanager")
    client.create_secret(Name="airflow/variables/copass_secret_kept", SecretString="somebody's")
    client.delete_secret(SecretId="airflow/variables/copass_secret_kept", RecoveryWindowInDays=7)
    more = {"COPASS__STORE_AS": "copass_secret_kept"}
    ran = play(emulator, migrated, tmp_path, SECRETS_MANAGER, more=more)
    assert [run.tasks["register"] for run in ran.runs] == ["failed", "failed"]
    assert emulator.requests("register") == []
