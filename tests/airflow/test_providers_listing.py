"""What Airflow's own command line tells about this provider."""

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_copass import __version__
from tests.harness.airflow_home import AirflowHome
from tests.harness.own_words import beyond_own_words

pytestmark = pytest.mark.airflow


def told(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run an ``airflow providers`` command and return its table; it may add Airflow's own words alone."""
    home = AirflowHome(folder)
    done = home.run(*home.command("providers", *arguments, "--output", "json"))
    assert beyond_own_words(done.stderr) == ""
    assert "warn" not in done.stdout.lower()
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_airflow_reads_the_whole_description(tmp_path: Path) -> None:
    """``providers get --full`` shows the connection type and its hook, without a warning."""
    [provider] = told(tmp_path, "get", "airflow-provider-copass", "--full")
    assert provider["name"] == "Copass"
    [connection_type] = provider["connection-types"]
    assert connection_type["connection-type"] == "copass"
    assert connection_type["hook-class-name"] == "airflow_provider_copass.hooks.copass.CopassHook"
    assert {"sandbox_id", "timeout", "max_attempts", "ca_bundle", "proxy"} == set(connection_type["conn-fields"])
    assert connection_type["ui-field-behaviour"]["relabeling"]["password"] == "API token"


def test_the_provider_is_listed_with_its_version(tmp_path: Path) -> None:
    """``providers list`` has the version of the package."""
    listed = {row["package_name"]: row["version"] for row in told(tmp_path, "list")}
    assert listed["airflow-provider-copass"] == __version__


def test_the_hook_is_offered_under_its_name(tmp_path: Path) -> None:
    """``providers hooks`` can import the hook, and calls its connections Copass."""
    hooks = {row["connection_type"]: row for row in told(tmp_path, "hooks")}
    assert hooks["copass"]["hook_name"] == "Copass"
    assert hooks["copass"]["conn_id_attribute_name"] == "copass_conn_id"
    assert hooks["copass"]["package_name"] == "airflow-provider-copass"


def test_the_configuration_of_the_deployment_is_listed(tmp_path: Path) -> None:
    """``config list`` shows the section, with a description of each option and the value that is set."""
    home = AirflowHome(tmp_path, settings={"COPASS__SECRET_STORE": "backend"})
    told = home.airflow("config", "list", "--section", "copass", "--include-descriptions", "--include-examples")
    assert "[copass]" in told
    assert "secret_store = backend" in told
    assert "store_as" in told
    assert "the secrets backend that this deployment reads from" in told.replace("\n# ", " ")
