"""The tests that run beside this one run against the installed wheel."""

import importlib.metadata
import json
import sys
import sysconfig
from pathlib import Path

import airflow_provider_copass
from tests.harness.environment import clean_environment
from tests.harness.processes import CHECKOUT
from tests.pytest_plugin.users_pytest import python


def test_the_package_is_the_installed_one() -> None:
    """It is imported from ``site-packages``, and the folder of these tests holds none."""
    file = Path(airflow_provider_copass.__file__)
    assert file.parent.parent == Path(sysconfig.get_path("purelib"))
    assert not (CHECKOUT / "airflow_provider_copass").exists()


def test_it_was_installed_from_a_wheel() -> None:
    """Not from a checkout, and not in place."""
    text = importlib.metadata.distribution("airflow-provider-copass").read_text("direct_url.json")
    origin = json.loads(text or "{}")
    assert origin["url"].endswith(".whl")
    assert "dir_info" not in origin


def test_processes_that_tests_start_have_it_too(tmp_path: Path) -> None:
    """Their import path leads to the same file."""
    assert "PYTHONPATH" not in clean_environment()
    done = python(tmp_path, "-c", "import airflow_provider_copass as package; print(package.__file__)")
    assert done.stdout.strip() == airflow_provider_copass.__file__


def test_its_version_is_that_of_its_metadata() -> None:
    """The version stands in one place."""
    assert importlib.metadata.version("airflow-provider-copass") == airflow_provider_copass.__version__


def test_python_is_one_that_the_package_names() -> None:
    """The minor version of this Python is among the classifiers."""
    told = importlib.metadata.metadata("airflow-provider-copass").get_all("Classifier")
    assert f"Programming Language :: Python :: {sys.version_info.major}.{sys.version_info.minor}" in (told or [])
