"""What Airflow reads of this provider when it starts: the modules that it lists, and the URIs of its assets."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow.providers.openlineage.extractors.manager import ExtractorManager

from airflow_provider_copass import operators, sensors, triggers
from airflow_provider_copass.api import DEFAULT_BASE_URL
from airflow_provider_copass.get_provider_info import get_provider_info
from airflow_provider_copass.lineage import dataset_of
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT

INFO = get_provider_info()


def test_it_keeps_to_airflow_s_schema() -> None:
    """Otherwise Airflow passes over the whole provider."""
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(INFO, schema)


@pytest.mark.parametrize(
    ("room", "package"), [("operators", operators), ("sensors", sensors), ("triggers", triggers)], ids=lambda each: each
)
def test_every_module_is_listed(room: str, package: Any) -> None:
    """And each that is listed can be imported."""
    [listed] = INFO[room]
    public = {each.name for each in pkgutil.iter_modules(package.__path__) if not each.name.startswith("_")}
    assert {name.rpartition(".")[2] for name in listed["python-modules"]} == public
    for name in listed["python-modules"]:
        importlib.import_module(name)


URIS = [
    "copass://sb_1/support",
    "copass://sb_1/ds-1",
    "copass://api.example:8443/sb_1/ds-1",
    "copass://sb_1",
    "copass://",
    "copass:///a",
    "copass://sb_1/a/b/c/",
    "copass://sb_1/a?b=c#d",
    "copass://a:b/c/d",
]


@pytest.mark.parametrize("uri", URIS)
def test_every_uri_is_taken(uri: str) -> None:
    """One that is refused would break the DAG that has it when it is parsed; a name with a slash is no mistake."""
    assert Asset(uri=uri).uri.startswith("copass:")


def lineage_of(uri: str) -> tuple[str, str] | None:
    """Return how OpenLineage's provider calls an asset: it asks Airflow for the converter of this provider."""
    found = ExtractorManager.convert_to_ol_dataset(Asset(uri=uri))
    return None if found is None else (found.namespace, found.name)


def test_an_asset_is_called_as_its_source() -> None:
    """With the vendor's host, which is the default, or with another one."""
    assert lineage_of("copass://sb_1/ds-1") == dataset_of(DEFAULT_BASE_URL, "sb_1", "ds-1")
    assert lineage_of("copass://API.example:8443/Sb_1/ds-1") == dataset_of("https://api.example:8443", "Sb_1", "ds-1")


def test_an_asset_s_uri_may_be_quoted() -> None:
    """As any URI."""
    assert lineage_of("copass://sb_1/a%20b") == ("copass://api.copass.id", "sb_1/a b")


@pytest.mark.parametrize("uri", ["copass://sb_1", "copass://h/a/b/c", "copass://a:b/c/d"])
def test_an_asset_that_is_no_source_is_no_dataset(uri: str) -> None:
    """No event is lost for it."""
    assert lineage_of(uri) is None


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://api.copass.id", "api.copass.id"),
        ("https://API.Copass.id:443/prefix", "api.copass.id"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://localhost:80", "localhost"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_the_namespace_is_the_api_s_host(base_url: str, host: str) -> None:
    """In lower case, with a port that is not the usual one, and nothing else of the URL."""
    assert dataset_of(base_url, "sb", "ds") == (f"copass://{host}", "sb/ds")


def test_each_airflow_reads_its_own_key() -> None:
    """Airflow 3 the first, Airflow 2 the second; they say the same, and the tests above show that this one is read."""
    assert INFO["asset-uris"] == INFO["dataset-uris"]


@pytest.mark.parametrize("module", ["get_provider_info", "lineage"])
def test_what_airflow_imports_to_read_it_imports_nothing(tmp_path: Path, module: str) -> None:
    """Neither Airflow, nor an HTTP client, nor pydantic, nor OpenLineage."""
    program = (
        f"import sys, airflow_provider_copass.{module}; "
        "print({'airflow', 'httpx', 'pydantic', 'openlineage', 'attrs'} & sys.modules.keys())"
    )
    environment = {**clean_environment(), "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
